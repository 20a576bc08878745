"""Which metrics a command measures, from what a person asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from inrcodec.pixels import Picture


class ChosenMetrics:
    """The metrics that were named, or the default ones; words as in `metric_choice.named_metrics`.

    Raises `OptionError` for an unknown name.
    """

    def __init__(
        self, words: Sequence[str] | None, defaults: Sequence[str], *, allow_download: bool = False
    ) -> None:
        from inrcodec.metrics.metric_choice import named_metrics

        self.names = named_metrics(words, defaults)
        self._words, self._defaults, self._allow_download = words, defaults, allow_download

    def usable(self, name: str, picture: Picture) -> tuple[list[str], dict[str, str]]:
        """The metrics for the image `name`, and why others are left out; see `metrics_for`."""
        from inrcodec.metrics.metric_choice import metrics_for

        return metrics_for(
            name, picture, self._words, self._defaults, allow_download=self._allow_download
        )
