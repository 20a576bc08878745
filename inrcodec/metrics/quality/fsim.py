"""FSIM: likeness of phase congruency and gradients (Zhang et al., IEEE TIP 2011).

Phase congruency after Kovesi ("Phase congruency: a low-level image invariant", 2000) with the
paper's settings: log-Gabor filters of four scales and four orientations.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from inrcodec.codec.ambient import independent
from inrcodec.metrics.quality.colour_spaces import YIQ, luma, mixed
from inrcodec.metrics.quality.gradients import SCHARR, TINY, magnitude, similarity
from inrcodec.metrics.quality.inputs import pair

SMALLEST_SIDE = 16
SCALES = ORIENTATIONS = 4
SHORTEST = 6
"""Wavelength of the finest filter in pixels; each further one has twice that."""
SPREAD = math.pi / (ORIENTATIONS * 1.2)
BANDWIDTH = 0.55
CUTOFF, ORDER = 0.45, 15
NOISE_DEVIATIONS, NOISE_SCALE = 2.0, 1.7
T1, T2, T3 = 0.85, 160.0, 200.0
COLOUR = 0.03


@independent
def fsim(reference: object, decoded: object) -> Tensor:
    """FSIM of gray images, FSIMc of colour ones, in [0, 1], (N,); 1 is identical.

    Equations 5 and 8 of the paper. An image whose smaller side is 384 or more is averaged down
    to about 256, as in the paper. Sides of at least 16 pixels. Inputs as in `inputs.pair`;
    differentiable.
    """
    images = pair(reference, decoded, smallest=SMALLEST_SIDE)
    factor = max(1, math.floor(min(images[0].shape[-2:]) / 256 + 0.5))
    x, y = (F.avg_pool2d(255 * image, factor) for image in images)
    filters = _filters(x)
    (phase_x, phase_y) = (_congruency(luma(image), filters) for image in (x, y))
    edges_x, edges_y = (magnitude(luma(image), SCHARR) for image in (x, y))
    likeness = similarity(phase_x, phase_y, T1) * similarity(edges_x, edges_y, T2)
    if x.shape[1] == 3:
        colour = similarity(mixed(x, YIQ[1:]), mixed(y, YIQ[1:]), T3)
        product = (colour[:, :1] * colour[:, 1:]).abs().clamp_min(TINY)
        likeness = likeness * product**COLOUR
    weight = torch.maximum(phase_x, phase_y)
    return (likeness * weight).sum((1, 2, 3)) / weight.sum((1, 2, 3))


def _filters(x: Tensor) -> Tensor:
    """The log-Gabor filters in the frequency domain, (orientations, scales, H, W)."""
    rows, columns = (
        torch.fft.ifftshift(_frequencies(size)).to(x) for size in (x.shape[-2], x.shape[-1])
    )
    radius = (rows[:, None].square() + columns.square()).sqrt()
    lowpass = 1 / (1 + (radius / CUTOFF) ** (2 * ORDER))
    radius[0, 0] = 1
    angle = torch.atan2(-columns.expand_as(radius), rows[:, None].expand_as(radius))
    radial = []
    for scale in range(SCALES):
        ratio = (radius * SHORTEST * 2**scale).log()
        band = torch.exp(-ratio.square() / (2 * math.log(BANDWIDTH) ** 2)) * lowpass
        band[0, 0] = 0
        radial.append(band)
    angular = []
    for orientation in range(ORIENTATIONS):
        turned = angle - orientation * math.pi / ORIENTATIONS
        distance = torch.atan2(turned.sin(), turned.cos())
        angular.append(torch.exp(-distance.square() / (2 * SPREAD**2)))
    return torch.stack(angular)[:, None] * torch.stack(radial)


def _frequencies(size: int) -> Tensor:
    """From -1/2 to 1/2, with 0 in the middle, as the authors' code spaces them."""
    half = size // 2
    places = torch.arange(-half, size - half, dtype=torch.float64)
    return places / (size - size % 2)


def _congruency(x: Tensor, filters: Tensor) -> Tensor:
    """Phase congruency of (N, 1, H, W), summed over orientations."""
    epsilon = torch.finfo(x.dtype).eps
    responses: Tensor = torch.fft.ifft2(torch.fft.fft2(x)[:, :, None] * filters)
    even, odd = responses.real, responses.imag  # (N, orientations, scales, H, W)
    amplitude = (even.square() + odd.square()).clamp_min(TINY).sqrt()
    sum_even, sum_odd = even.sum(2, keepdim=True), odd.sum(2, keepdim=True)
    length = (sum_even.square() + sum_odd.square()).clamp_min(TINY).sqrt() + epsilon
    mean_even, mean_odd = sum_even / length, sum_odd / length
    along = even * mean_even + odd * mean_odd
    energy = (along - (even * mean_odd - odd * mean_even).abs()).sum(2)
    energy = (energy - _noise(amplitude[:, :, 0], filters)).relu()
    return ((energy.sum(1) + epsilon) / (amplitude.sum((1, 2)) + epsilon))[:, None]


def _noise(finest: Tensor, filters: Tensor) -> Tensor:
    """The energy that noise alone would reach, by the median of the finest scale, (N, O, 1, 1)."""
    median = finest.square().flatten(2).median(2).values
    power = median / -math.log(0.5) / filters[:, 0].square().sum((1, 2))
    spatial: Tensor = torch.fft.ifft2(filters).real * math.sqrt(filters[0, 0].numel())
    # 2 sum_n |f_n|^2 + 4 sum_{n<m} <f_n, f_m> = 2 |sum_n f_n|^2
    variance = power * spatial.sum(1).square().sum((1, 2))
    deviation = variance.clamp_min(TINY).sqrt()
    mean = deviation * math.sqrt(math.pi / 2)
    threshold = mean + NOISE_DEVIATIONS * deviation * math.sqrt(2 - math.pi / 2)
    return (threshold / NOISE_SCALE)[:, :, None, None]
