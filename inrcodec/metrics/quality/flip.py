"""FLIP: what people see when they flip between two images (Andersson et al., HPG 2020).

LDR-FLIP of version 1: colours as the eye resolves them at a distance, and edges and points.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from inrcodec.codec.ambient import independent
from inrcodec.metrics.quality.colour_spaces import linear_light, mixed
from inrcodec.metrics.quality.filtering import along, filtered
from inrcodec.metrics.quality.inputs import pair

PIXELS_PER_DEGREE = 0.7 * 3840 / 0.7 * math.pi / 180
"""A 4K screen 0.7 m wide, seen from 0.7 m: 67."""

XYZ = (
    (10135552 / 24577794, 8788810 / 24577794, 4435075 / 24577794),
    (2613072 / 12288897, 8788810 / 12288897, 887015 / 12288897),
    (1425312 / 73733382, 8788810 / 73733382, 70074185 / 73733382),
)
"""Of linear sRGB."""
RGB = tuple(map(tuple, np.linalg.inv(XYZ)))
WHITE = tuple(sum(row) for row in XYZ)

SENSITIVITIES = (
    ((1.0, 0.0047),),
    ((1.0, 0.0053),),
    ((34.1, 0.04), (13.5, 0.025)),
)
"""Gaussians (a, b) of the eye's contrast sensitivity to brightness, red-green and blue-yellow."""

COLOUR_POWER, SHOULDER_AT, SHOULDER = 0.7, 0.4, 0.95
FEATURE_POWER, FEATURE_WIDTH = 0.5, 0.082
TINY = 1e-20


@independent
def flip(reference: object, decoded: object) -> Tensor:
    """Mean FLIP error in [0, 1], (N,); 0 is identical.

    Equation 1 of the paper, with 67 pixels to a degree. Images are taken as sRGB, gray as three
    equal channels. Inputs as in `inputs.pair`; differentiable but where images are identical.
    """
    x, y = (_opponent(linear_light(image)) for image in pair(reference, decoded, colour=True))
    colours = _colour_difference(x, y)
    features = _feature_difference((x[:, :1] + 16) / 116, (y[:, :1] + 16) / 116)
    seen = colours.clamp_min(TINY) ** (1 - features)
    return torch.where(colours > 0, seen, 0.0).mean((1, 2, 3))


def _opponent(linear: Tensor) -> Tensor:
    """YCxCz: brightness, red-green and blue-yellow, linear in light."""
    x, y, z = (mixed(linear, XYZ) / linear.new_tensor(WHITE)[:, None, None]).unbind(1)
    return torch.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], 1)


def _colour_difference(x: Tensor, y: Tensor) -> Tensor:
    """Distances in [0, 1] of the colours that are seen, (N, 1, H, W) (section 4.1)."""
    distance = _hyab(_seen(x), _seen(y)) ** COLOUR_POWER
    primaries = x.new_tensor([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])[:, :, None, None]
    green, blue = _hunt(primaries)[:, None].unbind()
    largest = _hyab(green, blue) ** COLOUR_POWER
    knee = SHOULDER_AT * largest
    above = SHOULDER + (distance - knee) / (largest - knee) * (1 - SHOULDER)
    return torch.where(distance < knee, SHOULDER / knee * distance, above)


def _hyab(x: Tensor, y: Tensor) -> Tensor:
    """City-block distance of lightness and of chromaticity, whose own is Euclidean."""
    difference = x - y
    chroma = difference[:, 1:].square().sum(1, keepdim=True)
    length = torch.where(chroma > 0, chroma.clamp_min(TINY).sqrt(), 0.0)
    distance = difference[:, :1].abs() + length
    return distance.where(distance > 0, 0.0)


def _seen(opponent: Tensor) -> Tensor:
    """The colours that reach the eye, in the space of `_hunt`."""
    radius = math.ceil(3 * math.sqrt(0.04 / (2 * math.pi**2)) * PIXELS_PER_DEGREE)
    places = np.arange(-radius, radius + 1) / PIXELS_PER_DEGREE
    blurred = []
    for number, gaussians in enumerate(SENSITIVITIES):
        taps = [np.exp(-((math.pi * places) ** 2) / b) for _, b in gaussians]
        shares = np.array(
            [
                a * math.sqrt(math.pi / b) * t.sum() ** 2
                for (a, b), t in zip(gaussians, taps, strict=True)
            ]
        )
        parts = [
            share * filtered(opponent[:, number : number + 1], tuple(t / t.sum()), "replicate")
            for share, t in zip(shares / shares.sum(), taps, strict=True)
        ]
        blurred.append(sum(parts[1:], parts[0]))
    y = (blurred[0] + 16) / 116
    x, z = y + blurred[1] / 500, y - blurred[2] / 200
    xyz = torch.cat([x, y, z], 1) * opponent.new_tensor(WHITE)[:, None, None]
    return _hunt(mixed(xyz, RGB).clamp(0, 1))


def _hunt(linear: Tensor) -> Tensor:
    """L*a*b* with less colour in the dark (Hunt effect)."""
    ratio = mixed(linear, XYZ) / linear.new_tensor(WHITE)[:, None, None]
    limit = 6 / 29
    dark = ratio <= limit**3
    x, y, z = torch.where(
        dark, ratio / (3 * limit**2) + 4 / 29, ratio.where(~dark, 1.0) ** (1 / 3)
    ).unbind(1)
    lightness = 116 * y - 16
    return torch.stack([lightness, 5 * lightness * (x - y), 2 * lightness * (y - z)], 1)


def _feature_difference(x: Tensor, y: Tensor) -> Tensor:
    """By how much edges or points differ, in [0, 1], (N, 1, H, W) (section 4.2)."""
    deviation = FEATURE_WIDTH / 2 * PIXELS_PER_DEGREE
    places = np.arange(-math.ceil(3 * deviation), math.ceil(3 * deviation) + 1)
    smooth = np.exp(-(places**2) / (2 * deviation**2))
    edge, point = -places * smooth, (places**2 / deviation**2 - 1) * smooth
    differences = [
        (_detected(x, taps, smooth) - _detected(y, taps, smooth)).abs() for taps in (edge, point)
    ]
    largest = torch.maximum(*differences) / math.sqrt(2)
    root = largest.clamp_min(TINY) ** FEATURE_POWER
    return torch.where(largest > 0, root, 0.0).clamp(0, 1)


def _detected(x: Tensor, taps: np.ndarray, smooth: np.ndarray) -> Tensor:
    """The strength of a feature in both directions; rises and falls of the taps sum to 1 each."""
    rising = taps.clip(0) / taps.clip(0).sum()
    profile = tuple(rising + taps.clip(max=0) / -taps.clip(max=0).sum())
    across = tuple(smooth / smooth.sum())
    horizontal = along(along(x, profile, "replicate", -1), across, "replicate", -2)
    vertical = along(along(x, across, "replicate", -1), profile, "replicate", -2)
    return (horizontal.square() + vertical.square()).clamp_min(TINY).sqrt()
