"""Colours as metrics take them apart: linear light, and luma beside two differences."""

from __future__ import annotations

import torch
from torch import Tensor

YIQ = ((0.299, 0.587, 0.114), (0.5959, -0.2746, -0.3213), (0.2115, -0.5227, 0.3112))
"""Luma and two colour differences of RGB (NTSC 1953)."""


def linear_light(x: Tensor) -> Tensor:
    """Linear light in [0, 1] of sRGB values in [0, 1] (IEC 61966-2-1); keeps the gradient."""
    dark = x <= 0.04045
    return torch.where(dark, x / 12.92, ((x.where(~dark, 1.0) + 0.055) / 1.055) ** 2.4)


def mixed(x: Tensor, matrix: tuple[tuple[float, ...], ...]) -> Tensor:
    """Each row of the matrix times the channels of (N, 3, H, W), (N, rows, H, W)."""
    return torch.einsum("ij,njhw->nihw", x.new_tensor(matrix), x)


def luma(x: Tensor) -> Tensor:
    """Y' of RGB (N, 3, H, W), or gray as it is, (N, 1, H, W)."""
    return mixed(x, YIQ[:1]) if x.shape[1] == 3 else x
