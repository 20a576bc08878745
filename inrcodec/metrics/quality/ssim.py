"""Structural similarity at one scale and at five (definitions in `codec/structure.py`)."""

from __future__ import annotations

from torch import Tensor

from inrcodec.codec.ambient import independent
from inrcodec.codec.fitting import similarity, structure
from inrcodec.metrics.quality.inputs import pair


@independent
def ssim(reference: object, decoded: object) -> Tensor:
    """SSIM in [-1, 1], (N,); 1 is identical. Mean over channels (Wang et al. 2004).

    Gaussian 11 x 11 window, sigma 1.5; sides of at least 11 pixels. Inputs as in `inputs.pair`;
    differentiable.
    """
    return similarity.ssim(*pair(reference, decoded, smallest=structure.SMALLEST_SIDE))


@independent
def ms_ssim(reference: object, decoded: object) -> Tensor:
    """MS-SSIM in [0, 1], (N,); 1 is identical (Wang et al. 2003). Sides of at least 161 pixels.

    Inputs as in `inputs.pair`; differentiable.
    """
    return similarity.ms_ssim(
        *pair(reference, decoded, smallest=structure.SMALLEST_SIDE_MULTISCALE)
    )


@independent
def ms_ssim_db(reference: object, decoded: object) -> Tensor:
    """-10 log10(1 - MS-SSIM), (N,); infinite, without a gradient, for identical ones."""
    return -10 * (1 - ms_ssim(reference, decoded)).clamp_min(0).log10()
