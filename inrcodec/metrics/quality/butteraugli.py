"""Butteraugli: how far a difference lies above what people just notice at every pixel.

Jyrki Alakuijala and others (Google, 2016; the version of libjxl, 2019 on). There is no paper: the
definition is libjxl's `lib/jxl/butteraugli/butteraugli.cc` and, for the norm over pixels,
`ComputeDistanceP`, with which this agrees (`docs/metrics.md`). White is 80 cd/m2, as in its tool.

Images become an opponent signal X, Y, B under the sensitivity of the eye, which is split into four
bands; differences of bands, those along lines above all (`malta.py`), are divided by how much the
reference masks them, and a copy at half the size adds its share.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor
from torch.nn import functional as F

from inrcodec.codec.ambient import independent
from inrcodec.metrics.quality.bands import Edge
from inrcodec.metrics.quality.colour_spaces import linear_light
from inrcodec.metrics.quality.filtering import filtered, halved
from inrcodec.metrics.quality.inputs import BLACK_AND_WHITE, pairs_over
from inrcodec.metrics.quality.malta import COARSE, FINE, malta

SMALLEST_SIDE = 8
SMALLEST_HALVED = 15
WHITE = 80.0
"""Luminance of white in cd/m2."""

ABSORBANCE = (
    (0.29956550340058319, 0.63373087833825936, 0.077705617820981968),
    (0.22158691104574774, 0.69391388044116142, 0.0987313588422),
    (0.02, 0.02, 0.20480129041026129),
)
LEAST = (1.7557483643287353, 1.7557483643287353, 12.226454707163354)

SIGMA_EYE, SIGMA_LOW, SIGMA_MIDDLE, SIGMA_HIGH, SIGMA_MASK = (
    1.2,
    7.15593339443,
    3.22489901262,
    1.56416327805,
    2.7,
)
GLOBAL_SCALE = 1 / (17.83 * 0.79079917404)
TINY = 1e-20
"""Below roots whose gradient would be infinite."""


@dataclass(frozen=True, slots=True)
class Bands:
    """Of each image (N, H, W): low and middle frequencies of X, Y and B, high ones of X and Y."""

    low: tuple[Tensor, Tensor, Tensor]
    middle: tuple[Tensor, Tensor, Tensor]
    high: tuple[Tensor, Tensor]
    highest: tuple[Tensor, Tensor]


@independent
def butteraugli(reference: object, decoded: object) -> Tensor:
    """The largest value of the map of differences, (N,); 0 is identical, 1 just noticeable.

    Images are taken as sRGB; gray as three equal channels; with alpha they are judged over black
    and over white, and the larger difference counts. Sides of at least 8 pixels. Inputs as in
    `inputs.pair`; computed in float32; differentiable but where images are identical.
    """
    return _map(reference, decoded).amax((1, 2))


@independent
def butteraugli_3norm(reference: object, decoded: object) -> Tensor:
    """The mean of the 3-, 6- and 12-norms of the map, (N,), as libjxl's tool gives it for `p = 3`.

    It follows the whole image rather than its worst pixel. Everything else as `butteraugli`.
    """
    cubes = _map(reference, decoded).double() ** 3
    sums = [(cubes**power).mean((1, 2)) for power in (1, 2, 4)]
    roots = [
        torch.where(value > 0, value.clamp_min(1e-300) ** (1 / (3 * power)), 0.0)
        for power, value in zip((1, 2, 4), sums, strict=True)
    ]
    return torch.stack(roots).mean(0)


def _map(reference: object, decoded: object) -> Tensor:
    """The map of differences of each pair, (N, H, W)."""
    pairs = pairs_over(reference, decoded, BLACK_AND_WHITE, smallest=SMALLEST_SIDE, colour=True)
    maps = []
    for pair in pairs:
        x, y = (linear_light(image.float()) for image in pair)
        result = _map_at_one_size(x, y)
        if min(x.shape[-2:]) >= SMALLEST_HALVED:
            coarse = _map_at_one_size(halved(x), halved(y))
            coarse = coarse.repeat_interleave(2, 1).repeat_interleave(2, 2)
            result = 0.85 * result + 0.5 * coarse[:, : x.shape[-2], : x.shape[-1]]
        maps.append(result)
    return torch.stack(maps).amax(0)


def _map_at_one_size(x: Tensor, y: Tensor) -> Tensor:
    """The map of linear images (N, 3, H, W) without that of their halves, (N, H, W)."""
    first, second = _bands(_opponent(x)), _bands(_opponent(y))
    fine = [
        malta(first.highest[0], second.highest[0], FINE, 173.5, 5.0)
        + malta(first.high[0], second.high[0], COARSE, 6923.99476109, 8051.15833247)
        + malta(first.middle[0], second.middle[0], COARSE, 8246.75321353, 1009002.70582)
        + _asymmetric(first.high[0], second.high[0], 400.0)
        + 2150.0 * (first.middle[0] - second.middle[0]).square(),
        malta(first.highest[1], second.highest[1], FINE, 1.10039032555, 71.7800275169)
        + malta(first.high[1], second.high[1], COARSE, 18.7237414387, 4498534.45232)
        + malta(first.middle[1], second.middle[1], COARSE, 37.0819870399, 130262059.556)
        + _asymmetric(first.high[1], second.high[1], 1.50815703118)
        + 10.6195433239 * (first.middle[1] - second.middle[1]).square(),
        16.2176043152 * (first.middle[2] - second.middle[2]).square(),
    ]
    weights = (29.2353797994, 0.844626970982, 0.703646627719)
    flat = sum(
        weight * (a - b).square()
        for weight, a, b in zip(weights, first.low, second.low, strict=True)
    )
    activity, other = _activity(first), _activity(second)
    masked = fine[0] + fine[1] + fine[2] + 10 * (activity - other).square()
    mask = _eroded(activity)
    visible = _visibility(mask, 2.5485944793, 0.451936922203, 0.829591754942) * masked
    visible = visible + _visibility(mask, 0.505054525019, 3.87449418804, 0.20025578522) * flat
    return torch.where(visible > TINY, visible.clamp_min(TINY).sqrt(), 0.0)


def _opponent(linear: Tensor) -> Tensor:
    """X = L - M, Y = L + M and B, each scaled by the sensitivity there, (3, N, H, W)."""
    matrix = WHITE * linear.new_tensor(ABSORBANCE)
    least = linear.new_tensor(LEAST)[:, None, None, None]
    smooth = _blurred(linear, SIGMA_EYE, "mirror")
    local = torch.maximum(torch.einsum("ij,njhw->inhw", matrix, smooth) + least, least)
    response = 19.245013259874995 * (local + 9.9710635769299145).log() - 23.16046239805755
    sensitivity = (response / local).clamp_min(1e-4)
    cones = (torch.einsum("ij,njhw->inhw", matrix, linear) + least) * sensitivity
    long, middle, short = torch.maximum(cones, least).unbind()
    return torch.stack([long - middle, long + middle, short])


def _bands(opponent: Tensor) -> Bands:
    """Split X, Y and B (3, N, H, W); weak middle and high X is dropped, weak Y amplified."""
    low = _blurred(opponent, SIGMA_LOW)
    rest = opponent - low
    middle = _blurred(rest, SIGMA_MIDDLE)
    rest = rest[:2] - middle[:2]
    suppressed = 0.653020556257 + (1 - 0.653020556257) * 46 / (46 + rest[1].square())
    rest = torch.stack([rest[0] * suppressed, rest[1]])
    high = _blurred(rest, SIGMA_HIGH)
    high_y = _compressed(high[1], 28.4691806922)
    return Bands(
        low=(
            33.832837186260 * low[0],
            14.458268100570 * low[1],
            49.87984651440 * (low[2] - 0.362267051518 * low[1]),
        ),
        middle=(F.softshrink(middle[0], 0.29), _amplified(middle[1], 0.1), middle[2]),
        high=(F.softshrink(high[0], 1.5), _amplified(2.155 * high_y, 0.132)),
        highest=(
            F.softshrink(rest[0] - high[0], 0.04),
            2.69313763794 * _compressed(rest[1] - high_y, 5.19175294647),
        ),
    )


def _amplified(x: Tensor, width: float) -> Tensor:
    """Twice the value near 0, and `width` further from 0 beyond."""
    return x + x.clamp(-width, width)


def _compressed(x: Tensor, limit: float) -> Tensor:
    """Values beyond the limit grow less steeply."""
    inside = x.clamp(-limit, limit)
    return inside + 0.724216145665 * (x - inside)


def _asymmetric(x: Tensor, y: Tensor, weight: float) -> Tensor:
    """Squared differences, and once more what `y` lacks or has beyond the strength of `x`."""
    strength, other = x.abs(), torch.where(x < 0, -y, y)
    beyond = (0.4 * strength - other).relu() + (other - strength).relu()
    return 0.8 * weight * ((x - y).square() + beyond.square())


def _activity(bands: Bands) -> Tensor:
    """How busy an image is in high frequencies around each pixel, (N, H, W)."""
    x = 2.5 * (bands.high[0] + bands.highest[0])
    y = 0.4 * (bands.high[1] + bands.highest[1])
    strength = (x.square() + y.square()).clamp_min(TINY).sqrt()
    gain, bias = 6.19424080439, 6.19424080439 * 12.61050594197
    return _blurred((gain * strength + bias).sqrt() - math.sqrt(bias), SIGMA_MASK)


def _eroded(x: Tensor) -> Tensor:
    """A mean of the three least of each pixel, its double, and its eight neighbours 3 away."""
    height, width = x.shape[-2:]
    least, second, third = x, 2 * x, 2 * x
    padded = F.pad(x, (3, 3, 3, 3), value=math.inf)
    for top in (0, 3, 6):
        for left in (0, 3, 6):
            if top == left == 3:
                continue
            value = padded[..., top : top + height, left : left + width]
            value, least = torch.maximum(value, least), torch.minimum(value, least)
            value, second = torch.maximum(value, second), torch.minimum(value, second)
            third = torch.minimum(value, third)
    return 0.45 * least + 0.3 * second + 0.25 * third


def _visibility(mask: Tensor, gain: float, slope: float, offset: float) -> Tensor:
    """The factor of squared differences where the reference is as busy as `mask`."""
    return (GLOBAL_SCALE * (1 + gain / (slope * mask + offset))).square()


def _blurred(x: Tensor, sigma: float, edge: Edge = "renormalised") -> Tensor:
    """A Gaussian, cut off at 2.25 sigma."""
    return filtered(x, _gaussian(sigma), edge)


@cache
def _gaussian(sigma: float) -> tuple[float, ...]:
    """Taps that sum to 1."""
    radius = int(2.25 * sigma)
    taps = [math.exp(-(place**2) / (2 * sigma**2)) for place in range(-radius, radius + 1)]
    return tuple(tap / sum(taps) for tap in taps)
