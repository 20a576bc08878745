"""Banded matrices that filter `BLOCK` samples of an axis at a time, with the edges of an image.

Importing this imports no torch.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Edge = Literal["zero", "mirror", "replicate", "renormalised"]

BLOCK = 64


@lru_cache(maxsize=512)
def band(
    taps: tuple[float, ...], edge: Edge, size: int, start: int, stop: int
) -> NDArray[np.float64]:
    """What each sample within reach (rows) adds to the results from `start` to `stop` (columns)."""
    radius = len(taps) // 2
    low, high = max(start - radius, 0), min(stop + radius, size)
    matrix = np.zeros((high - low, stop - start))
    columns = np.arange(start, stop)
    for offset, tap in zip(range(-radius, radius + 1), taps, strict=True):
        rows = columns + offset
        if edge == "mirror":
            rows = rows % (2 * size)
            rows = np.minimum(rows, 2 * size - 1 - rows)
        elif edge == "replicate":
            rows = rows.clip(0, size - 1)
        inside = (rows >= low) & (rows < high)
        np.add.at(matrix, (rows[inside] - low, columns[inside] - start), tap)
    if edge == "renormalised":
        matrix *= sum(taps) / matrix.sum(0)
    return matrix
