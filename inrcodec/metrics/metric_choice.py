"""Which metrics to measure: from what was named to what can be used for an image.

Importing this module imports neither torch nor a metric.
"""

from __future__ import annotations

from collections.abc import Sequence

from inrcodec.errors import ImageError
from inrcodec.metrics.metric_facts import Metric
from inrcodec.metrics.metric_table import METRICS, metric
from inrcodec.pixels import Picture


def named_metrics(words: Sequence[str] | None, defaults: Sequence[str]) -> list[str]:
    """Expand names of metrics: "default" stands for the defaults, "all" for every metric.

    None is the same as "default". Raises `OptionError` for an unknown name.
    """
    groups = {"default": list(defaults), "all": list(METRICS)}
    found = [
        name
        for word in (("default",) if words is None else words)
        for name in (groups[word] if word in groups else [metric(word).name])
    ]
    return list(dict.fromkeys(found))


def usable_metrics(
    wanted: Sequence[str], picture: Picture, allow_download: bool = False
) -> tuple[list[str], dict[str, str]]:
    """Split metrics into the usable names for this image, and reasons against the others."""
    reasons = {name: refusal(METRICS[name], picture, allow_download) for name in wanted}
    return (
        [name for name, reason in reasons.items() if reason is None],
        {name: reason for name, reason in reasons.items() if reason is not None},
    )


def refusal(metric: Metric, picture: Picture, allow_download: bool = False) -> str | None:
    """Say why this metric cannot judge this image; None if it can."""
    if min(picture.width, picture.height) < metric.smallest_side:
        return f"needs sides of at least {metric.smallest_side} pixels"
    return metric.trial(allow_download=allow_download)


class ChosenMetrics:
    """The metrics that were named, or the default ones; `words` are as in `named_metrics`.

    Raises `OptionError` for an unknown name.
    """

    def __init__(
        self, words: Sequence[str] | None, defaults: Sequence[str], *, allow_download: bool = False
    ) -> None:
        self.names = named_metrics(words, defaults)
        self._named = set(words or ())
        self._allow_download = allow_download

    def usable(self, name: str, picture: Picture) -> tuple[list[str], dict[str, str]]:
        """The metrics to measure of the image `name`, and why others are left out.

        One that was asked for by its own name and needs a larger image is an `ImageError`; one
        whose weights or package are missing stays, and its judge says so.
        """
        _, skipped = usable_metrics(self.names, picture, self._allow_download)
        for each in skipped.keys() & self._named:
            why = skipped.pop(each)
            if min(picture.width, picture.height) < METRICS[each].smallest_side:
                raise ImageError(f"{each} {why}; {name} has {picture.width} x {picture.height}")
        return [each for each in self.names if each not in skipped], skipped
