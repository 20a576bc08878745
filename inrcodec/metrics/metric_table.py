"""The table of metrics: what each is called, what it says, and what it needs.

Importing this module imports neither torch nor a metric.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from inrcodec import checks
from inrcodec.metrics.metric_facts import AXES, CHANNELS, LUMA, NETWORK, SRGB, YIQ, Metric

INFINITY = math.inf


def _metric(name: str, title: str, function: str, meaning: str, **facts: object) -> Metric:
    """Make a metric, by default with the bounds of a distance: 0 is identical, lower is better."""
    bounds: dict[str, object] = {"higher_is_better": False, "ideal": 0.0, "low": 0.0}
    bounds |= {"high": INFINITY, "colours": CHANNELS}
    return Metric(name, title, meaning, function, **(bounds | facts))  # type: ignore[arg-type]


_SIMILARITY = {"higher_is_better": True, "ideal": 1.0, "high": 1.0}
_DECIBELS = {"higher_is_better": True, "ideal": INFINITY, "unit": "dB", "digits": 2}
_VMAF = {
    **_SIMILARITY,
    "ideal": 97.428043,
    "high": 100.0,
    "digits": 2,
    "smallest_side": 32,
    "package": ("vmaf_torch", "vmaf"),
    "colours": LUMA,
}
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
            "vmaf",
            "VMAF",
            "vmaf:vmaf",
            "Netflix's of video, for a still image: 97.43 is identical, sharpening scores above it",
            **_VMAF,
        ),
        _metric(
            "vmaf-neg",
            "VMAF NEG",
            "vmaf:vmaf_neg",
            "VMAF that does not reward sharpening or contrast; 97.43 is identical",
            **_VMAF,
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
            "dreamsim",
            "DreamSim",
            "dreamsim:dreamsim",
            "distance of embeddings, adapted to what people find alike: layout and content",
            high=2.0,
            weights=("dreamsim",),
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
            settings=("gamma_max",),
            digits=2,
        ),
        _metric(
            "iem-gaussian",
            "IEM (Gaussian)",
            "iem:gaussian_scorer",
            "with a Gaussian model of photographs, exact: smooth errors weigh less",
            colours=AXES,
            prepares=True,
            settings=("gamma_max",),
            digits=2,
        ),
    )
}

DEFAULT_METRICS = ("psnr", "ssim", "ms-ssim")


def metric(name: str) -> Metric:
    """Return the metric of that name; `OptionError` with similar names if there is none."""
    checks.known("metric", name, METRICS)
    return METRICS[name]
