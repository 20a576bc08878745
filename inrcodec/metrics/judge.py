"""Score decoded images against a reference with metrics chosen by name.

    judge = Judge(reference, ["psnr", "ssim", "inriq"])
    scores = judge.score(decoded)                      # {"psnr": 31.2, ...}

Importing this module imports neither torch nor a metric.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from inrcodec import checks, extras
from inrcodec.errors import OptionError
from inrcodec.metrics.metric_table import DEFAULT_METRICS, METRICS, metric

GAMMA_MAX, MOST_GAMMA = "gamma_max", 1e12
"""The setting of IEM, and its largest value."""


class Judge:
    """Scores any number of decoded images against one reference.

    `device` is the torch device that computes; on "cpu", the default, tensors stay on their own.
    `gamma_max` is how fine a difference counts in IEM (`quality/iem.py`), in (0, 1e12]; None is
    the default of the metric. Raises `OptionError` for an unknown name, a device that this machine
    lacks and a `gamma_max` that no metric takes, `WeightsError` for a metric whose weights are
    missing, and `MissingExtraError` without the extra `metrics`.
    """

    def __init__(
        self,
        reference: object,
        names: Iterable[str],
        *,
        allow_download: bool = False,
        device: str = "cpu",
        gamma_max: float | None = None,
    ) -> None:
        chosen = [metric(name) for name in names]
        check_gamma_max(gamma_max, [m.name for m in chosen])
        extras.check("torch", extra="metrics")
        self._device = device
        if device != "cpu":
            from inrcodec.codec.runtime import torch_device

            torch_device(device)  # raises OptionError
        settings = {} if gamma_max is None else {GAMMA_MAX: gamma_max}
        placed = self._placed(reference)
        self._scorers = {
            m.name: m.scorer(placed, allow_download=allow_download, settings=settings)
            for m in chosen
        }

    @property
    def names(self) -> tuple[str, ...]:
        """The metrics, in the order in which they were asked for."""
        return tuple(self._scorers)

    def score(self, decoded: object, names: Iterable[str] | None = None) -> dict[str, float]:
        """Score decoded images, by metric; a batch by the mean over its images.

        `names` chooses some of the judge's metrics (default: all).
        """
        placed = self._placed(decoded)
        wanted = self._scorers if names is None else names
        return {name: float(self._scorers[name](placed).detach().mean()) for name in wanted}

    def score_each(self, decoded: object) -> list[dict[str, float]]:
        """Score every image of a batch, by metric: what an image costs alone, or less."""
        placed = self._placed(decoded)
        by_metric = {n: scorer(placed).detach().tolist() for n, scorer in self._scorers.items()}
        each = zip(*by_metric.values(), strict=True)
        return [dict(zip(by_metric, values, strict=True)) for values in each]

    def notes(self) -> dict[str, dict[str, float]]:
        """Return what metrics say of their own reliability, such as the PSNR of INRIQ's fit."""
        return {
            name: scorer.notes for name, scorer in self._scorers.items() if hasattr(scorer, "notes")
        }

    def _placed(self, image: object) -> object:
        """Put an image on the device that computes."""
        if self._device == "cpu":
            return image
        from inrcodec.metrics.quality.inputs import on_device

        return on_device(image, self._device)


def check_gamma_max(value: float | None, names: Iterable[str]) -> None:
    """Raise `OptionError` for a `gamma_max` out of range, or one that no metric of these takes."""
    if value is None:
        return
    checks.real(GAMMA_MAX, value, 0, MOST_GAMMA)
    takers = [m.name for m in METRICS.values() if GAMMA_MAX in m.settings]
    if value == 0:
        raise OptionError(f"{GAMMA_MAX} must be above 0")
    if not set(takers) & set(names):
        raise OptionError(f"{GAMMA_MAX} is a setting of {' and '.join(takers)}, not asked for here")


def compare(
    reference: object,
    decoded: object,
    names: Iterable[str] = DEFAULT_METRICS,
    *,
    allow_download: bool = False,
    device: str = "cpu",
    gamma_max: float | None = None,
) -> dict[str, float]:
    """Score one pair with every named metric; inputs as in `quality.inputs.batch`.

    Options and errors are those of `Judge`.
    """
    how: dict[str, Any] = {"device": device, "gamma_max": gamma_max}
    return Judge(reference, names, allow_download=allow_download, **how).score(decoded)
