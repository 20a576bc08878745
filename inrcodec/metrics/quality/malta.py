"""The line filters of Butteraugli ("Malta"): differences that line up count more than scattered.

The definition is libjxl's `lib/jxl/butteraugli/butteraugli.cc`. A line of 9 pixels through the
centre is given by its half; its images under mirroring and transposition are the other directions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor
from torch.nn import functional as F

REACH = 4
LENGTH = 2 * 3.75 + 1
STRIP = 256
"""Rows of the image that are filtered at a time: one map for each line takes memory."""

Half = Sequence[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Lines:
    """A set of lines: halves as (row, column) offsets, how often each counts, and their scale."""

    halves: tuple[tuple[Half, float], ...]
    scale: float


FINE = Lines(
    (
        (((0, 1), (0, 2), (0, 3), (0, 4)), 1.0),
        (((1, 1), (2, 2), (3, 3)), 1.0),
        (((0, 1), (1, 2), (1, 3), (1, 4)), 2.0),
        (((1, 1), (1, 2), (2, 3)), 1.0),
    ),
    0.39905817637,
)
COARSE = Lines(
    (
        (((0, 2), (0, 4)), 1.0),
        (((2, 2), (3, 3)), 1.0),
        (((1, 2), (1, 4)), 1.0),
        (((1, 2), (2, 3)), 1.0),
        (((1, 2), (2, 4)), 1.0),
    ),
    0.611612573796,
)


def malta(x: Tensor, y: Tensor, lines: Lines, weight: float, norm: float) -> Tensor:
    """Sum over lines of the squared sum of differences along each, (N, H, W).

    `x` is the reference. Differences count less where both are strong (`norm`), and more where `y`
    is much weaker or stronger than `x`, or of the other sign.
    """
    scale = lines.scale / LENGTH * norm / (norm + (x.abs() + y.abs()) / 2)
    sign = 1 - 2 * (x < 0).to(x.dtype)
    strength, other = x.abs(), sign * y
    beyond = (0.55 * strength - other).relu() - (other - 1.05 * strength).relu()
    plain, stressed = (0.5 * weight) ** 0.5, (0.33 * weight) ** 0.5
    difference = scale * (plain * (x - y) + stressed * sign * beyond)
    kernels = _kernels(lines).to(x)
    padded = F.pad(difference[:, None], (REACH,) * 4)
    strips = [
        F.conv2d(padded[:, :, top : top + STRIP + 2 * REACH], kernels).square().sum(1)
        for top in range(0, x.shape[-2], STRIP)
    ]
    return torch.cat(strips, 1)


@cache
def _kernels(lines: Lines) -> Tensor:
    """The lines as (L, 1, 9, 9), each scaled by the root of how often its square counts."""
    kernels: list[Tensor] = []
    for half, times in lines.halves:
        kernel = torch.zeros(2 * REACH + 1, 2 * REACH + 1, dtype=torch.float64)
        for row, column in [(0, 0), *half, *((-r, -c) for r, c in half)]:
            kernel[REACH + row, REACH + column] = times**0.5
        for turned in (kernel, kernel.T, kernel.flip(0), kernel.T.flip(0)):
            if not any(torch.equal(turned, known) for known in kernels):
                kernels.append(turned)
    return torch.stack(kernels)[:, None]
