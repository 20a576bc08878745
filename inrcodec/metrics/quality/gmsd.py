"""GMSD: how much the likeness of gradients varies over an image (Xue et al., IEEE TIP 2014)."""

from __future__ import annotations

from torch import Tensor

from inrcodec.codec.ambient import independent
from inrcodec.metrics.quality.colour_spaces import luma
from inrcodec.metrics.quality.gradients import (
    PREWITT,
    halved_over_zeros,
    magnitude,
    similarity,
)
from inrcodec.metrics.quality.inputs import pair

SMALLEST_SIDE = 8
C = 170 / 255**2


@independent
def gmsd(reference: object, decoded: object) -> Tensor:
    """GMSD in [0, 1], (N,); 0 is identical (equation 6 of the paper). Sides of at least 8 pixels.

    Compares luma alone, at half the size, as the paper does. Inputs as in `inputs.pair`;
    differentiable but where images are identical.
    """
    x, y = (
        magnitude(halved_over_zeros(luma(image)), PREWITT)
        for image in pair(reference, decoded, smallest=SMALLEST_SIDE)
    )
    likeness = similarity(x, y, C)
    spread = likeness - likeness.mean((2, 3), keepdim=True)
    return spread.square().mean((1, 2, 3)).sqrt()
