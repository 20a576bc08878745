"""SSIMULACRA2 of two images as arrays, and its gradient by the decoded one; without torch.

What is computed stands in `ssimulacra2.py`, which torch differentiates; tests hold both together.
Names of gradients: `by_v` is that of the score by v.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inrcodec.metrics.quality.bands import BLOCK, band
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

Array = NDArray[np.float32]

CONES = np.array(ABSORBANCE, np.float32)
OPPONENTS = np.array(((7, -7, 0), (0.5, 0.5, 0), (-0.5, -0.5, 1)), np.float32)
"""X, Y and B - Y, scaled, of the cubic roots of three cones."""

SHIFTS = np.array((0.42, 0.01, 0.55), np.float32)


def score(reference: Array, decoded: Array) -> tuple[float, Callable[[], Array]]:
    """The score of sRGB images (3, H, W), float32 with full range 1, of one size, sides of at least
    8 pixels, and what makes its gradient by `decoded`. Both are clipped first."""
    inside = (decoded >= 0) & (decoded <= 1)
    decoded = decoded.clip(0, 1)
    x, y = _linear(reference.clip(0, 1)), _linear(decoded)
    scales = [_Scale(x, y)]
    while len(scales) < SCALES and min(x.shape[-2:]) >= SMALLEST_SIDE:
        x, y = _halved(x), _halved(y)
        scales.append(_Scale(x, y))
    weights = MIX * np.array(WEIGHTS[: 18 * len(scales)]).reshape(3, len(scales), 6)
    errors = np.stack([scale.errors for scale in scales], 1)
    total = float((weights * errors).sum())
    a, b, c = POLYNOMIAL
    shaped = ((a * total + b) * total + c) * total
    if shaped <= 0:
        return 100.0, lambda: np.zeros_like(decoded)
    slope = -10 * POWER * shaped ** (POWER - 1) * ((3 * a * total + 2 * b) * total + c)

    def back() -> Array:
        by_linear = scales[-1].back(slope * weights[:, -1])
        for number in reversed(range(len(scales) - 1)):
            here = scales[number].back(slope * weights[:, number])
            here += _spread(by_linear, here.shape)
            by_linear = here
        by_linear *= _linear_slope(decoded) * inside
        return by_linear

    return 100 - 10 * shaped**POWER, back


class _Scale:
    """One scale of two images of linear light (3, H, W): `errors` (3, 6), mean and 4-norm of three
    maps for each channel."""

    def __init__(self, x: Array, y: Array) -> None:
        self._roots = _roots(y)
        planes = zip(_opponents(_roots(x)), _opponents(self._roots), strict=True)
        self._channels = [_Channel.of(*pair) for pair in planes]
        self.errors = np.stack([channel.errors for channel in self._channels])

    def back(self, by_errors: NDArray[np.float64]) -> Array:
        """The gradient by the decoded image, for that by the errors."""
        each = zip(self._channels, by_errors, strict=True)
        by_planes = np.stack([channel.back(by) for channel, by in each])
        by_roots = _mixed(OPPONENTS.T, by_planes)
        by_roots /= 3 * np.square(self._roots)
        return _mixed(CONES.T, by_roots)


@dataclass(frozen=True, slots=True)
class _Channel:
    """One channel of a scale, (H, W) each: what the gradient needs of the way to the errors."""

    y: Array
    difference: Array
    mean_y: Array
    mean_difference: Array
    luminance: Array
    structure: Array
    energy: Array
    edges: Array
    base: Array
    """1 + how far x is from its mean, which edges are relative to."""

    dissimilar: Array
    errors: NDArray[np.float64]

    @classmethod
    def of(cls, x: Array, y: Array) -> _Channel:
        """Compare two planes."""
        difference = x - y
        planes = np.stack([x, difference, x * x + y * y, difference * difference])
        mean_x, mean_difference, squares, errors = _filtered(planes)
        mean_y = mean_x - mean_difference
        luminance = np.square(mean_difference)
        energy = squares - mean_x * mean_x - mean_y * mean_y + np.float32(C2)
        structure = (errors - luminance) / energy
        base = 1 + np.abs(x - mean_x)
        edges = (1 + np.abs(y - mean_y)) / base - 1
        dissimilar = (luminance + structure - luminance * structure).clip(0)
        maps = (dissimilar, edges.clip(0), (-edges).clip(0))
        measured = [each.mean(dtype=np.float64) for each in maps] + [_norm(each) for each in maps]
        means = mean_y, mean_difference
        of_way = luminance, structure, energy, edges, base, dissimilar
        return cls(y, difference, *means, *of_way, np.array(measured))

    def back(self, by_errors: NDArray[np.float64]) -> Array:
        """The gradient by y, for that by the errors."""
        by_dissimilar, added, lost = (
            self._by_map(each, number, by_errors) for number, each in enumerate(self._maps())
        )
        by_structure = by_dissimilar * (1 - self.luminance) / self.energy
        by_luminance = by_dissimilar * (1 - self.structure) - by_structure
        by_energy = -by_structure * self.structure
        by_detail = (added - lost) / self.base * np.sign(self.y - self.mean_y)
        by_mean_y = -2 * self.mean_y * by_energy - by_detail
        by_mean_difference = 2 * self.mean_difference * by_luminance - by_mean_y
        by_filtered = np.stack([by_mean_difference, by_energy, by_structure])
        of_difference, of_squares, of_errors = _filtered(by_filtered)  # is its own adjoint
        found: Array = by_detail - of_difference
        found += 2 * (self.y * of_squares - self.difference * of_errors)
        return found

    def _maps(self) -> tuple[Array, Array, Array]:
        """The three maps of errors."""
        return self.dissimilar, self.edges.clip(0), (-self.edges).clip(0)

    def _by_map(self, errors: Array, number: int, by_errors: NDArray[np.float64]) -> Array:
        """The gradient by a map, for those by its mean and by its 4-norm; 0 where it is 0."""
        by_mean, by_norm = by_errors[number] / errors.size, by_errors[number + 3] / errors.size
        found = np.full_like(errors, by_mean)
        if by_norm and self.errors[number + 3] > 0:
            relative = errors / np.float32(self.errors[number + 3])
            found += np.float32(by_norm) * relative * relative * relative
        found *= errors > 0
        return found


def _norm(errors: Array) -> float:
    """The 4-norm, the fourth root of the mean fourth power."""
    peak = float(errors.max())
    if peak == 0:
        return 0.0
    squares = np.square(errors / np.float32(peak))
    mean = float(np.square(squares).mean(dtype=np.float64))
    return peak * math.sqrt(math.sqrt(mean))


def _linear(values: Array) -> Array:
    """Linear light of sRGB values."""
    bright = ((values + np.float32(0.055)) / np.float32(1.055)) ** np.float32(2.4)
    found: Array = np.where(values <= 0.04045, values / np.float32(12.92), bright)
    return found


def _linear_slope(values: Array) -> Array:
    """The derivative of `_linear`."""
    bright = ((values + np.float32(0.055)) / np.float32(1.055)) ** np.float32(1.4)
    bright *= np.float32(2.4 / 1.055)
    found: Array = np.where(values <= 0.04045, np.float32(1 / 12.92), bright)
    return found


def _roots(linear: Array) -> Array:
    """The cubic roots of what three kinds of cones take of linear light."""
    found: Array = np.cbrt(_mixed(CONES, linear) + np.float32(BIAS))
    return found


def _opponents(roots: Array) -> Array:
    """The opponent colours of `ssimulacra2._positive_xyb`."""
    return _mixed(OPPONENTS, roots - np.float32(BIAS ** (1 / 3))) + SHIFTS[:, None, None]


def _mixed(matrix: Array, planes: Array) -> Array:
    """Each row of a matrix (3, 3) times the planes (3, H, W)."""
    found: Array = (matrix @ planes.reshape(3, -1)).reshape(planes.shape)
    return found


def _halved(x: Array) -> Array:
    """Means over 2 x 2 pixels; of an odd side the last row or column counts twice."""
    odd = (0, 0), (0, x.shape[1] % 2), (0, x.shape[2] % 2)
    x = np.pad(x, odd, mode="edge")
    rows = x[:, ::2] + x[:, 1::2]
    means: Array = (rows[..., ::2] + rows[..., 1::2]) * np.float32(0.25)
    return means


def _spread(gradient: Array, shape: tuple[int, ...]) -> Array:
    """The gradient by what `_halved` takes, (3, H, W) of this shape."""
    wide = gradient.repeat(2, 1).repeat(2, 2) * np.float32(0.25)
    for axis in (1, 2):
        if shape[axis] % 2:  # the line that was there twice
            ends: list[Array] = np.split(wide, [shape[axis]], axis)
            last = [slice(None)] * 3
            last[axis] = slice(-1, None)
            ends[0][tuple(last)] += ends[1]
            wide = ends[0]
    return wide


def _filtered(planes: Array) -> Array:
    """Planes (N, H, W) filtered along both axes, with 0 outside."""
    return _along(_along(planes, 2), 1)


def _along(planes: Array, axis: int) -> Array:
    """Planes (N, H, W) filtered along one axis, a block at a time."""
    size, radius = planes.shape[axis], len(taps()) // 2
    out = np.empty_like(planes)
    for start in range(0, size, BLOCK):
        stop = min(start + BLOCK, size)
        low, high = max(start - radius, 0), min(stop + radius, size)
        matrix = band(taps(), "zero", size, start, stop).astype(np.float32)
        if axis == 2:
            np.matmul(planes[..., low:high], matrix, out=out[..., start:stop])
        else:
            np.matmul(matrix.T, planes[:, low:high], out=out[:, start:stop])
    return out
