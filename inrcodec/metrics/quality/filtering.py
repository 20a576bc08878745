"""Filters on tensors that metrics share, with the ways in which they treat the edge of an image.

Each axis is a product with small banded matrices, `BLOCK` samples at a time, which is several times
faster on one thread than a depthwise convolution.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

Edge = Literal["zero", "mirror", "replicate", "renormalised"]

BLOCK = 64


def filtered(x: Tensor, taps: tuple[float, ...], edge: Edge) -> Tensor:
    """Filter the last two axes with the same odd number of taps; (..., H, W) keeps its shape.

    Samples outside are 0 ("zero"), those at the same distance inside with the last one repeated
    ("mirror"), the last one itself ("replicate"), or left out and the remaining taps scaled to the
    same sum ("renormalised").
    """
    return along(along(x, taps, edge, -1), taps, edge, -2)


def along(x: Tensor, taps: tuple[float, ...], edge: Edge, axis: int) -> Tensor:
    """Filter one axis, -1 or -2, as `filtered` does both."""
    size, radius = x.shape[axis], len(taps) // 2
    parts = []
    for start in range(0, size, BLOCK):
        stop = min(start + BLOCK, size)
        low, high = max(start - radius, 0), min(stop + radius, size)
        matrix = torch.from_numpy(_band(taps, edge, size, start, stop)).to(x)
        part = x.narrow(axis, low, high - low)
        parts.append(part @ matrix if axis == -1 else matrix.T @ part)
    return parts[0] if len(parts) == 1 else torch.cat(parts, axis)


def halved(x: Tensor) -> Tensor:
    """Means over 2 x 2 pixels, (N, C, H, W); of an odd side the last row or column counts twice."""
    odd = (0, x.shape[-1] % 2, 0, x.shape[-2] % 2)
    return F.avg_pool2d(F.pad(x, odd, mode="replicate"), 2)


@lru_cache(maxsize=512)
def _band(
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
