"""Soft rounding with noise, for latents of many images at once: the same numbers as the compiled
kernel `soften` has (../../../native/src/latents.c), so that fits agree wherever they run."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

GOLDEN = 0x9E3779B9
FIRST, SECOND = 0x7FEB352D, 0x846CA68B
"""Multipliers of the kernel: of the counter, and of the two rounds of its hash."""

MIDDLE, SCALE = 131070.0, 1.7320508 / 65536.0
"""Mean of the sum of four numbers of 16 bits, and what makes its deviation 1."""


def noise(seeds: Sequence[Sequence[int]], sizes: Sequence[int], device: torch.device) -> Tensor:
    """Noise of mean 0 and deviation 1, (images, positions of all grids): `seeds` has 32 bits for
    every grid of every image, `sizes` the positions of every grid."""
    positions = torch.cat([torch.arange(size, dtype=torch.int32) for size in sizes]).to(device)
    repeats = torch.tensor(sizes, device=device)
    mixed = [[_signed(seed * GOLDEN) for seed in row] for row in seeds]
    plain = [[_signed(seed) for seed in row] for row in seeds]
    added, seed = (
        torch.tensor(rows, dtype=torch.int32, device=device).repeat_interleave(repeats, 1)
        for rows in (mixed, plain)
    )
    counter = added.add_(2 * positions)
    total = _halves(_hashed(counter ^ seed)).add_(_halves(_hashed((counter + 1) ^ seed)))
    return (total.to(torch.float32) - MIDDLE).mul_(SCALE)


def _hashed(x: Tensor) -> Tensor:
    """The hash of the kernel, in place, on 32 bits."""
    x.bitwise_xor_(_shifted(x, 16)).mul_(_signed(FIRST))
    x.bitwise_xor_(_shifted(x, 15)).mul_(_signed(SECOND))
    return x.bitwise_xor_(_shifted(x, 16))


def _shifted(x: Tensor, bits: int) -> Tensor:
    """The 32 bits shifted to the right, zeros behind them."""
    return (x >> bits).bitwise_and_((1 << (32 - bits)) - 1)


def _halves(x: Tensor) -> Tensor:
    """The sum of both halves of 32 bits."""
    return (x & 0xFFFF).add_(_shifted(x, 16))


def _signed(value: int) -> int:
    """The signed number of the same 32 bits."""
    value &= 0xFFFFFFFF
    return value - (1 << 32) if value >> 31 else value


def soften(
    latents: Tensor, temperatures: Tensor, deviations: Tensor, noises: Tensor
) -> tuple[Tensor, Tensor]:
    """`synthesis.noisy_soft_round` of latents (images, positions), with the temperature and the
    deviation (images, 1) of each image; and its slope."""
    once, slope = _staircase(latents, temperatures)
    twice, other = _staircase(once.add_(noises * deviations), temperatures)
    return twice, slope.mul_(other)


def _staircase(x: Tensor, temperatures: Tensor) -> tuple[Tensor, Tensor]:
    """`synthesis.soft_round` and its slope."""
    centre = torch.floor(x).add_(0.5)
    half = 0.5 / torch.tanh(0.5 / temperatures)
    tanh = torch.tanh((x - centre) / temperatures)
    slope = (1 - tanh.square()).mul_(half / temperatures)
    return centre.addcmul_(half, tanh), slope
