"""Which metrics a command measures, from what a person asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from inrcodec.errors import ImageError

if TYPE_CHECKING:
    from inrcodec.pixels import Picture


class ChosenMetrics:
    """The metrics that were named, or the default ones.

    `words` are names, "default" for the default ones and "all" for every metric there is; None is
    the same as "default". Raises `OptionError` for an unknown name.
    """

    def __init__(
        self, words: Sequence[str] | None, defaults: Sequence[str], *, allow_download: bool = False
    ) -> None:
        from inrcodec.metrics.report.evaluation import named_metrics

        self._named = [word for word in words or () if word not in ("all", "default")]
        self.names = named_metrics(words, defaults)
        self._allow_download = allow_download

    def usable(self, name: str, picture: Picture) -> tuple[list[str], dict[str, str]]:
        """Split the metrics into usable ones for the image `name`, and reasons against others.

        One that was asked for by its own name and needs a larger image is an `ImageError`; one
        whose weights or package are missing stays, and its judge says so.
        """
        from inrcodec.metrics.metric_table import METRICS
        from inrcodec.metrics.report.evaluation import usable_metrics

        _, skipped = usable_metrics(self.names, picture, self._allow_download)
        for each in skipped.keys() & set(self._named):
            why = skipped.pop(each)
            if min(picture.width, picture.height) < METRICS[each].smallest_side:
                raise ImageError(f"{each} {why}; {name} has {picture.width} x {picture.height}")
        return [each for each in self.names if each not in skipped], skipped
