"""Filters on tensors that metrics share, with the ways in which they treat the edge of an image.

Each axis is a product with small banded matrices (`bands.py`), which is several times faster on one
thread than a depthwise convolution.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from inrcodec.metrics.quality.bands import BLOCK, Edge, band


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
        matrix = torch.from_numpy(band(taps, edge, size, start, stop)).to(x)
        part = x.narrow(axis, low, high - low)
        parts.append(part @ matrix if axis == -1 else matrix.T @ part)
    return parts[0] if len(parts) == 1 else torch.cat(parts, axis)


def halved(x: Tensor) -> Tensor:
    """Means over 2 x 2 pixels, (N, C, H, W); of an odd side the last row or column counts twice."""
    odd = (0, x.shape[-1] % 2, 0, x.shape[-2] % 2)
    return F.avg_pool2d(F.pad(x, odd, mode="replicate"), 2)
