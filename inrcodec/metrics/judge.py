"""Score decoded images against a reference with metrics chosen by name.

    judge = Judge(reference, ["psnr", "ssim", "inriq"])
    scores = judge.score(decoded)                      # {"psnr": 31.2, ...}

Importing this module imports neither torch nor a metric.
"""

from __future__ import annotations

from collections.abc import Iterable

from inrcodec import extras
from inrcodec.metrics.metric_table import DEFAULT_METRICS, metric


class Judge:
    """Scores any number of decoded images against one reference.

    Raises `OptionError` for an unknown name, `WeightsError` for a metric whose weights
    are missing, and `MissingExtraError` without the extra `metrics`.
    """

    def __init__(
        self, reference: object, names: Iterable[str], *, allow_download: bool = False
    ) -> None:
        chosen = [metric(name) for name in names]
        extras.check("torch", extra="metrics")
        self._scorers = {m.name: m.scorer(reference, allow_download=allow_download) for m in chosen}

    def score(self, decoded: object) -> dict[str, float]:
        """Score decoded images with every metric, by name; a batch by the mean over its images."""
        return {
            name: float(score(decoded).detach().mean()) for name, score in self._scorers.items()
        }

    def notes(self) -> dict[str, dict[str, float]]:
        """Return what metrics say of their own reliability, such as the PSNR of INRIQ's fit."""
        return {
            name: scorer.notes for name, scorer in self._scorers.items() if hasattr(scorer, "notes")
        }


def compare(
    reference: object,
    decoded: object,
    names: Iterable[str] = DEFAULT_METRICS,
    *,
    allow_download: bool = False,
) -> dict[str, float]:
    """Score one pair with every named metric; inputs as in `quality.inputs.batch`."""
    return Judge(reference, names, allow_download=allow_download).score(decoded)
