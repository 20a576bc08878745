"""Structural similarity of two pictures of one channel in compiled kernels, with its gradient.

Arrays are float32, C-contiguous. What is computed stands in fitting/similarity.py.
"""

from __future__ import annotations

import numpy as np

from inrcodec.codec.native import MOST_LANES, at, kernel
from inrcodec.codec.native.networks import Array
from inrcodec.codec.native.pool import bands_of, run

Maps = tuple[Array, Array, Array]
"""Derivatives by the windowed means of y, y^2 and x y."""


def similarity(
    x: Array, y: Array, taps: Array, constants: tuple[float, float], whole: bool
) -> tuple[float, Maps]:
    """Mean over all windows of contrast-structure, times luminance if `whole`; `x`, `y` (H, W)."""
    height, width = x.shape
    rows, columns = height - len(taps) + 1, width - len(taps) + 1
    by_mean, by_square, by_product = (np.empty((rows, columns), np.float32) for _ in range(3))
    bands = bands_of(rows, columns)
    lines = np.empty((len(bands), 4 * (width + MOST_LANES + len(taps))), np.float32)
    sums = [0.0] * len(bands)

    def work(k: int) -> None:
        sums[k] = kernel("similarity")(
            width, *bands[k], at(x), at(y), at(taps), whole, *constants,
            at(by_mean), at(by_square), at(by_product), at(lines[k]),
        )  # fmt: skip

    run(work, len(bands))
    return sum(sums) / (rows * columns), (by_mean, by_square, by_product)


def similarity_back(x: Array, y: Array, taps: Array, maps: Maps, gradient: float) -> Array:
    """Gradient of `y` for that of the mean."""
    height, width = x.shape
    out = np.empty_like(y)
    bands = bands_of(height, width)
    lines = np.empty((len(bands), 3 * (width + MOST_LANES + 2 * len(taps))), np.float32)
    by_mean, by_square, by_product = maps

    def work(k: int) -> None:
        kernel("similarity_back")(
            height, width, *bands[k], at(x), at(y), at(taps),
            at(by_mean), at(by_square), at(by_product),
            gradient / by_mean.size, at(out), at(lines[k]),
        )  # fmt: skip

    run(work, len(bands))
    return out
