"""What the distortions are made of: kernels, a curve, thresholds, filters and Lab."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import interpolate, ndimage, signal

from inrcodec import extras
from inrcodec.pixels import from_unit

Pixels = NDArray[np.float64]
"""Samples (H, W, C) or (H, W), RGB in [0, 1] unless said otherwise."""


def disk_kernel(radius: float) -> Pixels:
    """Share of each pixel that a disk of `radius` px covers, summing to 1."""
    side, fine = 2 * math.ceil(radius) + 1, 32
    axis = (np.arange(side * fine) + 0.5) / fine - side / 2
    inside = axis[:, None] ** 2 + axis**2 <= radius**2
    covered = inside.reshape(side, fine, side, fine).mean(axis=(1, 3))
    return floats(covered / covered.sum())


def line_kernel(length: float, angle: float) -> Pixels:
    """Weights 1 - distance to a segment of `length` - 1 px, summing to 1 (MATLAB's 'motion')."""
    half = (length - 1) / 2
    reach = math.ceil(half)
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    along = np.clip(x * math.cos(angle) - y * math.sin(angle), -half, half)
    distance = np.hypot(x - along * math.cos(angle), y + along * math.sin(angle))
    weights = np.maximum(1 - distance, 0)
    return floats(weights / weights.sum())


def tone_curve(values: Pixels, x: list[float], y: list[float]) -> Pixels:
    """Cubic spline through (0, 0), the given points and (1, 1), clipped to [0, 1].

    The boundary is not-a-knot, as MATLAB's `spline`: with one point inside, a parabola.
    """
    curve = interpolate.CubicSpline([0, *x, 1], [0, *y, 1], bc_type="not-a-knot")
    return np.clip(floats(curve(values)), 0, 1)


def otsu_thresholds(histogram: NDArray[np.int64], count: int) -> list[int]:
    """Return the `count` thresholds t (class below: < t) of greatest between-class variance.

    That variance is, up to constants, the sum over classes of (sum of samples)^2 / samples, so
    the best split of the levels below j into k classes extends a best split into k - 1: an exact
    search in count x levels^2 steps, where trying every combination takes levels^count.
    """
    levels = np.arange(histogram.size)
    below = np.concatenate([[0], np.cumsum(histogram)])
    moment = np.concatenate([[0], np.cumsum(histogram * levels)]).astype(np.float64)
    samples = below - below[:, None]
    gain = (moment - moment[:, None]) ** 2 / np.maximum(samples, 1)
    gain[np.tril_indices_from(gain, -1)] = -np.inf
    best, choices = gain[0], []
    for _ in range(count):
        total = best[:, None] + gain
        choices.append(total.argmax(axis=0))
        best = total.max(axis=0)
    thresholds = [histogram.size]
    for choice in reversed(choices):
        thresholds.append(int(choice[thresholds[-1]]))
    return thresholds[:0:-1]


def rounded(image: Pixels) -> NDArray[np.uint8]:
    """Clip to [0, 1] and round to uint8."""
    return from_unit(2 * image - 1, 8).astype(np.uint8)


def blurred(values: Pixels, sigma: float) -> Pixels:
    """Gaussian blur of the first two axes."""
    return floats(ndimage.gaussian_filter(values, sigma, mode="nearest", axes=(0, 1)))


def filtered(image: Pixels, kernel: Pixels) -> Pixels:
    """Convolve every channel with a kernel of odd sides."""
    rows, columns = (side // 2 for side in kernel.shape)
    padded = np.pad(image, ((rows, rows), (columns, columns), (0, 0)), mode="edge")
    return floats(signal.oaconvolve(padded, kernel[..., None], mode="valid", axes=(0, 1)))


def rgb_to_lab(image: Pixels) -> Pixels:
    """RGB -> CIE Lab (D65)."""
    color = extras.require("skimage.color", extra="distortions")

    return floats(color.rgb2lab(image))


def lab_to_rgb(lab: Pixels) -> Pixels:
    """CIE Lab (D65) -> RGB, clipped to [0, 1]."""
    color = extras.require("skimage.color", extra="distortions")

    # scikit-image clips negative Z to 0 and warns: stay just this side of it
    lightness = np.maximum(lab[..., 0], -16)
    yellow = np.minimum(lab[..., 2], 0.999999 * (lightness + 16) * (200 / 116))
    return floats(color.lab2rgb(np.stack([lightness, lab[..., 1], yellow], axis=2)))


def floats(values: Any) -> Pixels:
    """Name the type that an untyped library returns."""
    return np.asarray(values, np.float64)
