"""The table of metrics: what each is called, what it says, and what it needs.

Importing this module imports neither torch nor a metric.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING

from inrcodec import checks, extras
from inrcodec.errors import MissingExtraError, WeightsError
from inrcodec.metrics.quality import weights

if TYPE_CHECKING:
    from torch import Tensor

    Scorer = Callable[[object], Tensor]

INFINITY = math.inf

CHANNELS = "channels alike"
LUMA = "luma alone"
YIQ = "luma and two differences"
SRGB = "sRGB as the eye mixes it"
NETWORK = "sRGB as a network sees it"
AXES = "sRGB along three axes"


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric and its facts. `function` is "module:name" below `inrcodec.metrics.quality`.

    `low` and `high` bound the values, `ideal` is the value of identical images, `smallest_side`
    the least width and height in pixels, `colours` what of the colours is compared. `weights` are
    names of `weights.WEIGHTS`, all needed. `package` is a module that does the work and the extra
    that installs it. `prepares`: the function takes the reference alone and returns the scorer of
    decoded images. With its weights or package present, every metric works offline.
    """

    name: str
    title: str
    meaning: str
    function: str
    colours: str
    higher_is_better: bool
    ideal: float
    low: float
    high: float
    unit: str = ""
    digits: int = 4
    smallest_side: int = 1
    differentiable: bool = True
    deterministic: bool = True
    weights: tuple[str, ...] = ()
    alternative_weights: tuple[str, ...] = ()
    package: tuple[str, str] | None = None
    prepares: bool = False

    @property
    def needs(self) -> str:
        """Name what must be present beside the extra `metrics`; "" for nothing."""
        if self.package is not None:
            return f"inrcodec[{self.package[1]}]"
        return "weights" if self.weights else ""

    def unavailable(self) -> str | None:
        """Say why this metric cannot be used on this machine; None if it can."""
        if self.package is not None:
            try:
                extras.check(self.package[0], extra=self.package[1])
            except MissingExtraError as error:
                return str(error)
        for name in self.alternative_weights:
            try:
                if weights.locate(name):
                    return None
            except WeightsError as error:
                return str(error)
        return weights.missing(*self.weights)

    def can_download(self) -> bool:
        """Tell whether everything that is missing can be downloaded."""
        if self.package is not None:
            return False
        try:
            return all(weights.locate(n) or weights.WEIGHTS[n].url for n in self.weights)
        except WeightsError:
            return False

    def trial(self, *, allow_download: bool = False) -> str | None:
        """Load the weights or the package of a metric and say why it does not work; None if it
        does."""
        if not self.needs:
            return None
        import numpy as np

        gray = np.full((64, 64, 3), 128, np.uint8)
        try:
            self.scorer(gray, allow_download=allow_download)(255 - gray)
        except (WeightsError, MissingExtraError) as error:
            return str(error).removeprefix(f"{self.name} is not available: ")
        return None

    def require(self, *, allow_download: bool = False) -> None:
        """Get what is missing if that is allowed; raises `WeightsError` or `MissingExtraError`."""
        reason = self.unavailable()
        if reason is None:
            return
        if not (allow_download and self.can_download()):
            kind = WeightsError if self.package is None else MissingExtraError
            raise kind(f"{self.name} is not available: {reason}")
        for name in self.weights:
            if weights.locate(name) is None:
                weights.download(name)

    def scorer(self, reference: object, *, allow_download: bool = False) -> Scorer:
        """Make the function that scores decoded images; raises what `require` does."""
        self.require(allow_download=allow_download)
        module, _, name = self.function.partition(":")
        function = getattr(import_module(f"inrcodec.metrics.quality.{module}"), name)
        scorer: Scorer = function(reference) if self.prepares else partial(function, reference)
        return scorer


def _metric(name: str, title: str, function: str, meaning: str, **facts: object) -> Metric:
    """Make a metric, by default with the bounds of a distance: 0 is identical, lower is better."""
    bounds: dict[str, object] = {"higher_is_better": False, "ideal": 0.0, "low": 0.0}
    bounds |= {"high": INFINITY, "colours": CHANNELS}
    return Metric(name, title, meaning, function, **(bounds | facts))  # type: ignore[arg-type]


_SIMILARITY = {"higher_is_better": True, "ideal": 1.0, "high": 1.0}
_DECIBELS = {"higher_is_better": True, "ideal": INFINITY, "unit": "dB", "digits": 2}
_LPIPS = "distance of deep features, weighted to agree with human judgements"

METRICS: Mapping[str, Metric] = {
    metric.name: metric
    for metric in (
        _metric(
            "psnr",
            "PSNR",
            "psnr:psnr",
            "mean squared error on a log scale; 30 dB is fair, 40 dB hard to see",
            **_DECIBELS,
        ),
        _metric(
            "ssim",
            "SSIM",
            "ssim:ssim",
            "similarity of local structure in 11 x 11 windows",
            **(_SIMILARITY | {"low": -1.0}),
            smallest_side=11,
        ),
        _metric(
            "ms-ssim",
            "MS-SSIM",
            "ssim:ms_ssim",
            "SSIM over five scales, agrees better with people",
            **_SIMILARITY,
            smallest_side=161,
        ),
        _metric(
            "ms-ssim-db",
            "MS-SSIM (dB)",
            "ssim:ms_ssim_db",
            "-10 log10(1 - MS-SSIM), which spreads values near 1",
            **_DECIBELS,
            smallest_side=161,
        ),
        _metric(
            "ssimulacra2",
            "SSIMULACRA2",
            "ssimulacra2:ssimulacra2",
            "90 is hard to tell from the original, 70 high, 50 medium, 30 low quality",
            **(_SIMILARITY | {"ideal": 100.0, "low": -INFINITY, "high": 100.0}),
            digits=2,
            smallest_side=8,
            colours=SRGB,
        ),
        _metric(
            "butteraugli",
            "Butteraugli (max)",
            "butteraugli:butteraugli",
            "the most visible difference; 1 is just noticeable, on white of 80 cd/m2",
            digits=3,
            smallest_side=8,
            colours=SRGB,
        ),
        _metric(
            "butteraugli-3norm",
            "Butteraugli (3-norm)",
            "butteraugli:butteraugli_3norm",
            "visible differences over the whole image, stronger ones weigh more",
            digits=3,
            smallest_side=8,
            colours=SRGB,
        ),
        _metric(
            "cvvdp",
            "ColorVideoVDP",
            "cvvdp:cvvdp",
            "at 1 JOD less 75 % prefer the original; a 30-inch 4K screen of 200 cd/m2 in an office",
            **(_SIMILARITY | {"ideal": 10.0, "low": -INFINITY, "high": 10.0}),
            unit="JOD",
            digits=3,
            smallest_side=16,
            differentiable=False,
            package=("pycvvdp", "cvvdp"),
            colours=SRGB,
        ),
        _metric(
            "fsim",
            "FSIM",
            "fsim:fsim",
            "likeness of phase congruency and of gradients; FSIMc for colour images",
            **_SIMILARITY,
            smallest_side=16,
            colours=YIQ,
        ),
        _metric(
            "gmsd",
            "GMSD",
            "gmsd:gmsd",
            "how much the likeness of gradients varies over the image",
            **{"high": 1.0},
            smallest_side=8,
            colours=LUMA,
        ),
        _metric(
            "haarpsi",
            "HaarPSI",
            "haarpsi:haarpsi",
            "likeness of Haar wavelet coefficients",
            **_SIMILARITY,
            smallest_side=16,
            colours=YIQ,
        ),
        _metric(
            "vif",
            "VIF",
            "vif:vif",
            "the share of the image's information that is left; above 1 with more contrast",
            **(_SIMILARITY | {"high": INFINITY}),
            smallest_side=41,
            colours=LUMA,
        ),
        _metric(
            "flip",
            "FLIP",
            "flip:flip",
            "difference seen when flipping between both, at 67 pixels to a degree",
            **{"high": 1.0},
            colours=SRGB,
        ),
        _metric(
            "lpips-alex",
            "LPIPS (AlexNet)",
            "lpips:lpips_alex",
            _LPIPS,
            weights=("alexnet", "lpips-alex-head"),
            smallest_side=63,
            colours=NETWORK,
        ),
        _metric(
            "lpips-squeeze",
            "LPIPS (SqueezeNet)",
            "lpips:lpips_squeeze",
            _LPIPS,
            weights=("squeezenet", "lpips-squeeze-head"),
            alternative_weights=("lpips-squeeze-full",),
            smallest_side=32,
            colours=NETWORK,
        ),
        _metric(
            "lpips-vgg",
            "LPIPS (VGG-16)",
            "lpips:lpips_vgg",
            _LPIPS,
            weights=("vgg16", "lpips-vgg-head"),
            smallest_side=32,
            colours=NETWORK,
        ),
        _metric(
            "dists",
            "DISTS",
            "dists:dists",
            "structure and texture of deep features compared",
            weights=("vgg16", "dists-head"),
            smallest_side=32,
            colours=NETWORK,
        ),
        _metric(
            "clip",
            "CLIP similarity",
            "clip:clip_similarity",
            "cosine of image embeddings: is it still the same content?",
            **(_SIMILARITY | {"low": -1.0}),
            digits=4,
            weights=("clip",),
            colours=NETWORK,
        ),
        _metric(
            "inriq",
            "INRIQ (stable)",
            "inriq:stable_scorer",
            "how differently a network fitted to the reference reacts to the decoded image",
            prepares=True,
            smallest_side=16,
            differentiable=False,
        ),
        _metric(
            "inriq-paper",
            "INRIQ (as published)",
            "inriq:paper_scorer",
            "grows without bound as the network's fit of the reference improves",
            prepares=True,
            smallest_side=16,
            differentiable=False,
        ),
        _metric(
            "iem",
            "IEM (learned)",
            "iem:learned_scorer",
            "difference of denoising errors over noise strengths, with a learned denoiser",
            colours=AXES,
            prepares=True,
            digits=2,
        ),
        _metric(
            "iem-gaussian",
            "IEM (Gaussian)",
            "iem:gaussian_scorer",
            "with a Gaussian model of photographs, exact: smooth errors weigh less",
            colours=AXES,
            prepares=True,
            digits=2,
        ),
    )
}

DEFAULT_METRICS = ("psnr", "ssim", "ms-ssim")


def metric(name: str) -> Metric:
    """Return the metric of that name; `OptionError` with similar names if there is none."""
    checks.known("metric", name, METRICS)
    return METRICS[name]
