"""VIF in the pixel domain: what of an image's information is left (Sheikh and Bovik, 2006).

The multi-scale form without wavelets (VIFp) of the authors' own code.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from inrcodec.codec.ambient import independent
from inrcodec.metrics.quality.colour_spaces import luma
from inrcodec.metrics.quality.filtering import filtered
from inrcodec.metrics.quality.inputs import pair

SMALLEST_SIDE = 41
NOISE = 2.0
"""Variance of the visual noise, for values up to 255."""
FLAT = 1e-10
"""Variance below which a window has no information."""


@independent
def vif(reference: object, decoded: object) -> Tensor:
    """VIF, (N,); 1 is identical, 0 nothing left, above 1 more contrast. Sides from 41 pixels.

    Compares luma alone. Inputs as in `inputs.pair`; differentiable.
    """
    x, y = (255 * luma(image) for image in pair(reference, decoded, smallest=SMALLEST_SIDE))
    left, whole = x.new_zeros(len(x)), x.new_zeros(len(x))
    for scale in range(4):
        size = 2 ** (4 - scale) + 1
        if scale:
            x, y = (_windowed(image, size)[..., ::2, ::2] for image in (x, y))
        scale_left, scale_whole = _information(x, y, size)
        left, whole = left + scale_left, whole + scale_whole
    return (left + FLAT) / (whole + FLAT)


def _information(x: Tensor, y: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """What `y` has of the information of `x`, and all of it, at one scale, (N,) each."""
    mean_x, mean_y = _windowed(x, size), _windowed(y, size)
    variance_x = _windowed(x * x, size) - mean_x * mean_x
    variance_x = torch.where(variance_x > FLAT, variance_x, 0.0)
    variance_y = (_windowed(y * y, size) - mean_y * mean_y).relu()
    covariance = _windowed(x * y, size) - mean_x * mean_y
    busy = (variance_x > 0) & (variance_y > FLAT) & (covariance > 0)
    gain = torch.where(busy, covariance / variance_x.where(busy, 1.0), 0.0)
    noise = torch.where(busy, (variance_y - gain * covariance).relu(), variance_y)
    left = torch.log1p(gain * gain * variance_x / (noise + NOISE))
    whole = torch.log1p(variance_x / NOISE)
    return left.sum((1, 2, 3)), whole.sum((1, 2, 3))


def _windowed(x: Tensor, size: int) -> Tensor:
    """Gaussian means over every window inside."""
    middle, sigma = size // 2, size / 5
    taps = [math.exp(-((k - middle) ** 2) / (2 * sigma**2)) for k in range(size)]
    means = filtered(x, tuple(tap / sum(taps) for tap in taps), "zero")
    return means[..., middle:-middle, middle:-middle]
