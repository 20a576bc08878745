"""SSIMULACRA2: structural similarity and edges over six scales in an opponent colour space.

Jon Sneyers (Cloudinary), version 2.1 of 2023, weighted to agree with opinion scores of compressed
photographs (CID22, TID2013, KADID-10k, KonFiG-IQA). There is no paper: the definition is libjxl's
`tools/ssimulacra2.cc`, with which this agrees (`docs/metrics.md`); its numbers are in
`ssimulacra2_definition.py`. As a loss it is computed on arrays too (`ssimulacra2_arrays.py`).
"""

from __future__ import annotations

import torch
from torch import Tensor

from inrcodec.codec.ambient import independent
from inrcodec.metrics.quality.colour_spaces import linear_light
from inrcodec.metrics.quality.filtering import filtered, halved
from inrcodec.metrics.quality.inputs import pairs_over
from inrcodec.metrics.quality.ssimulacra2_definition import (
    ABSORBANCE,
    BIAS,
    C2,
    MIX,
    POLYNOMIAL,
    POWER,
    SCALES,
    SMALLEST_SIDE,
    WEIGHTS,
    taps,
)

DARK_AND_LIGHT = (0.1, 0.9)
"""Grays behind images with alpha; the lower of the two scores counts."""


@independent
def ssimulacra2(reference: object, decoded: object) -> Tensor:
    """SSIMULACRA2, (N,), at most 100, which is identical; it has no lower bound.

    90 is hard to tell from the original even in place of it, 70 high, 50 medium and 30 low quality.
    Images are taken as sRGB; gray as three equal channels; with alpha they are judged over a dark
    and a light gray, and the lower score counts. Sides of at least 8 pixels; below 113 coarse
    scales are missing and scores cannot be compared with those of larger images. Inputs as in
    `inputs.pair`; computed in float32; differentiable.
    """
    pairs = pairs_over(reference, decoded, DARK_AND_LIGHT, smallest=SMALLEST_SIDE, colour=True)
    scores = torch.stack([_score(x, y) for x, y in pairs])
    return scores.amin(0)


def _score(x: Tensor, y: Tensor) -> Tensor:
    """The score of sRGB images (N, 3, H, W)."""
    x, y = (linear_light(image.float()) for image in (x, y))
    scales = [_errors(x, y)]
    while len(scales) < SCALES and min(x.shape[-2:]) >= SMALLEST_SIDE:
        x, y = halved(x), halved(y)
        scales.append(_errors(x, y))
    errors = torch.stack(scales, 2).flatten(1).double()  # (N, channel, scale, norm and map)
    total = MIX * (errors @ errors.new_tensor(WEIGHTS[: errors.shape[1]]))
    a, b, c = POLYNOMIAL
    shaped = ((a * total + b) * total + c) * total
    positive = shaped > 0
    return torch.where(positive, 100 - 10 * shaped.where(positive, 1.0) ** POWER, 100.0)


def _errors(x: Tensor, y: Tensor) -> Tensor:
    """Mean and 4-norm of three maps of errors for each channel of linear images, (N, 3, 6)."""
    # one after the other: in one batch, identical images would be rounded differently
    planes = zip(_positive_xyb(x).unbind(1), _positive_xyb(y).unbind(1), strict=True)
    channels = [_errors_of_channel(a, b) for a, b in planes]
    return torch.stack(channels, 1)


def _positive_xyb(linear: Tensor) -> Tensor:
    """XYB with B - Y for B, scaled to lie within 0 to 1."""
    cones = torch.einsum("ij,njhw->nihw", linear.new_tensor(ABSORBANCE), linear) + BIAS
    long, middle, short = (cones.clamp_min(0) ** (1 / 3) - BIAS ** (1 / 3)).unbind(1)
    x, y = (long - middle) / 2, (long + middle) / 2
    return torch.stack([14 * x + 0.42, y + 0.01, short - y + 0.55], 1)


def _errors_of_channel(x: Tensor, y: Tensor) -> Tensor:
    """As `_errors`, of one channel (N, H, W) each.

    With the filtered difference and its square, 1 - SSIM = a + b - ab is exactly 0 for identical
    images and loses no digits near it.
    """
    difference = x - y
    planes = torch.stack([x, difference, x * x + y * y, difference * difference])
    mean_x, mean_difference, squares, errors = filtered(planes, taps(), "zero").unbind()
    mean_y = mean_x - mean_difference
    a = mean_difference.square()
    b = (errors - a) / (squares - mean_x.square() - mean_y.square() + C2)
    edges = (1 + (y - mean_y).abs()) / (1 + (x - mean_x).abs()) - 1
    maps = torch.stack([a + b - a * b, edges, -edges]).clamp_min(0).double()
    means, fourths = maps.mean((2, 3)), maps.square().square().mean((2, 3))
    norms = torch.where(fourths > 0, fourths.clamp_min(1e-300) ** 0.25, 0.0)
    return torch.cat([means, norms]).T
