"""One axis of an image at another size: cubic interpolation, averaged when shrinking."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LEAST_ALPHA = 1 / 256
"""Least alpha by which mixed colours are divided: a quotient of less would not be exact."""


@dataclass(frozen=True, slots=True, eq=False)
class Resampling:
    """Output samples as sums of native ones, first .. first + span - 1: `weights` (count, span).

    `weights` is None where output and native samples are the same ones.
    """

    first: int
    span: int
    weights: NDArray[np.float32] | None

    def part(self, start: int, stop: int) -> NDArray[np.float32] | None:
        """The weights of the native samples start .. stop - 1."""
        if self.weights is None:
            return None
        return self.weights[:, start - self.first : stop - self.first]


def resampling(native: int, size: int, start: int, count: int) -> Resampling:
    """The output samples start .. start + count - 1 of an axis of `native` samples shown in `size`.

    Output sample j is the mean of k = max(1, ceil(native / size)) interpolated values, at
    p = (j k + i + 1/2) native / (size k) - 1/2 for i = 0 .. k - 1; native sample n lies at p = n,
    and samples beyond the ends repeat the last one. Cubic convolution (Keys 1981, a = -1/2).
    """
    if native == size:
        return Resampling(start, count, None)
    k = max(1, -(-native // size))
    points = (np.arange(start * k, (start + count) * k) + 0.5) * (native / (size * k)) - 0.5
    base = np.floor(points)
    taps = _cubic((points - base)[:, None] - np.arange(-1, 3))
    index = np.clip(base.astype(np.int64)[:, None] + np.arange(-1, 3), 0, native - 1)
    first = int(index.min())
    weights = np.zeros((count, int(index.max()) + 1 - first))
    np.add.at(weights, (np.arange(len(points))[:, None] // k, index - first), taps / k)
    return Resampling(first, weights.shape[1], weights.astype(np.float32))


def _cubic(distance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weight of a sample at a distance of at most 2."""
    d = np.abs(distance)
    near = (1.5 * d - 2.5) * d * d + 1
    far = ((-0.5 * d + 2.5) * d - 4) * d + 2
    return np.where(d <= 1, near, far)
