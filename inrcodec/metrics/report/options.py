"""What a report measures, and what it measures unless it is told.

Importing this imports neither torch nor a metric.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from inrcodec import checks
from inrcodec.metrics.damage.outcome import MOST_SEEDS
from inrcodec.metrics.metric_table import DEFAULT_METRICS, METRICS

DEFAULT_CODECS = ("jpeg", "webp", "avif")
TUNED = (("avif-iq", "avif-iq-420"), ("avif-ssim", "avif-ssim-420"))
"""AVIF as its users tune it: the first of these pairs that can be used belongs to the defaults."""

HEADLINES = ("psnr", "ssimulacra2", "butteraugli-3norm")
"""The default metrics that the page shows first."""

DAMAGE_METRICS = ("psnr", "ssimulacra2", "inriq")
"""Of a report's metrics those by which damaged files are judged, or the first if it has none."""

DAMAGE_SEEDS, DAMAGE_PIXELS = 3, 1 << 20
"""Trials of each kind of damage, and the largest image for which they belong to a report."""

PERCEPTUAL = ("lpips-alex", "lpips-squeeze")
"""Of these the first that is available belongs to the default metrics."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportOptions:
    """What to measure. `metrics` None: the default ones; "default" and "all" among them stand for
    the default ones and for whatever is available.

    `codecs` None: the default ones that this machine has. `command` is shown in the page.
    `iem_pixels` is the largest image for which the learned IEM belongs to the default metrics: it
    takes 4 s a megapixel for each image (docs/metrics.md, Speed). `every_size`: bring codecs to
    the sizes of all files, not of the first and of other .inr files alone. `device` and
    `gamma_max` are those of `Judge`; `device` evaluates coordinate networks too. `damage_seeds`:
    trials of each kind of damage to each .inr file, 0 for none; None: 3 for images of at most
    `DAMAGE_PIXELS`. `max_pixels` and `max_work` are those of `inrcodec.decode_picture`.
    """

    metrics: tuple[str, ...] | None = None
    codecs: tuple[str, ...] | None = None
    allow_download: bool = False
    threads: int | None = None
    command: str = ""
    iem_pixels: int = 1 << 21
    every_size: bool = False
    device: str = "cpu"
    gamma_max: float | None = None
    damage_seeds: int | None = None
    max_pixels: int | None = None
    max_work: float | None = None

    @property
    def decoding(self) -> dict[str, Any]:
        """The options of decoding a file."""
        return {
            "threads": self.threads,
            "device": self.device,
            "max_pixels": self.max_pixels,
            "max_work": self.max_work,
        }

    @property
    def judging(self) -> dict[str, Any]:
        """The options of `Judge`."""
        return {
            "allow_download": self.allow_download,
            "device": self.device,
            "gamma_max": self.gamma_max,
        }

    def trials(self, pixels: int) -> int:
        """Trials of each kind of damage to files of so many pixels; raises `OptionError` for a
        number out of range."""
        if self.damage_seeds is None:
            return DAMAGE_SEEDS if pixels <= DAMAGE_PIXELS else 0
        return checks.whole("damage_seeds", self.damage_seeds, 0, MOST_SEEDS)


def default_metrics(allow_download: bool = False) -> list[str]:
    """List the default metrics: PSNR, SSIMULACRA2, Butteraugli, SSIM, MS-SSIM, IEM, and LPIPS if
    it is available."""
    found = [n for n in PERCEPTUAL if METRICS[n].unavailable() is None]
    found += PERCEPTUAL[:1] if allow_download else ()
    return [*HEADLINES, *(n for n in DEFAULT_METRICS if n not in HEADLINES), *found[:1], "iem"]
