"""Bits and colours of many images of one size, for whole images of the family `coolchic`.

It computes what ../forward.py does for each of them (tests/codec/fitting/coolchic/test_stacked.py),
with one launch a layer for all images and, in the context network, all grids. Latents are
(images, positions of all grids).
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import accumulate
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from inrcodec.codec.coolchic.features import CHROMA_LEVEL
from inrcodec.codec.coolchic.model import CoolChic
from inrcodec.codec.coolchic.neighbours import MARGIN
from inrcodec.codec.entropy.arm import PARENTS
from inrcodec.codec.fitting.coolchic.rate import laplace_nats

ROWS, COLUMNS = 2, 3
"""Axes of (images, channels, rows, columns)."""

NATS_A_BIT = 0.6931471805599453

Parameters = Mapping[str, Tensor]
"""The tensors of all images by name, (images, *shape) each."""


def sizes_of(model: CoolChic) -> list[int]:
    """Positions of every grid."""
    return [rows * columns for rows, columns in model.grids]


def grids_of(model: CoolChic, flat: Tensor) -> list[Tensor]:
    """Views of the grids in latents (images, positions), (images, rows, columns) each."""
    parts = torch.split(flat, sizes_of(model), 1)
    return [y.view(len(y), *shape) for y, shape in zip(parts, model.grids, strict=True)]


def grid_numbers(model: CoolChic, device: torch.device) -> Tensor:
    """1 where a position (columns) belongs to a grid (rows): (grids, positions)."""
    sizes = sizes_of(model)
    found = torch.zeros(len(sizes), sum(sizes), device=device)
    for grid, (size, end) in enumerate(zip(sizes, accumulate(sizes), strict=True)):
        found[grid, end - size : end] = 1
    return found


def bits(
    model: CoolChic, parameters: Parameters, flat: Tensor, numbers: Tensor, counted: Tensor
) -> Tensor:
    """Bits of the symbols of each image, (images,): `numbers` as `grid_numbers` has them, `counted`
    (images, positions) is 0 for symbols that cost nothing."""
    p = parameters
    inputs = torch.cat(_inputs(model, grids_of(model, flat)), 2)
    count = len(model.arm_widths)
    x = p["arm.level"].mT @ numbers + p["arm.bias.0"][:, :, None]
    x = torch.baddbmm(x, p["arm.weight.0"], inputs).relu_()
    for i in range(1, count):
        x = torch.baddbmm(p[f"arm.bias.{i}"][:, :, None], p[f"arm.weight.{i}"], x).relu_()
    x = torch.baddbmm(p["arm.bias.out"][:, :, None], p["arm.weight.out"], x)
    x = torch.baddbmm(x, p["arm.linear"], inputs)
    nats: Tensor = _LaplaceNats.apply(flat, x[:, 0], x[:, 1], counted)  # type: ignore[no-untyped-call]
    return nats / NATS_A_BIT


class _LaplaceNats(torch.autograd.Function):
    """Sums of `rate.laplace_nats` of each image, times `counted`."""

    @staticmethod
    def forward(
        ctx: Any, symbols: Tensor, mean: Tensor, log_scale: Tensor, counted: Tensor
    ) -> Tensor:
        """(images, positions) -> (images,)."""
        nats, by_value, by_log_scale = laplace_nats(symbols - mean, log_scale)
        ctx.save_for_backward(by_value.mul_(counted), by_log_scale.mul_(counted))
        return (nats * counted).sum(1, dtype=torch.float64).to(nats.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        """Those of the symbols, the mean, and the logarithm of the scale."""
        by_value, by_log_scale = ctx.saved_tensors
        by_symbols = by_value * gradients[0][:, None]
        return by_symbols, -by_symbols, by_log_scale * gradients[0][:, None], None


def _inputs(model: CoolChic, grids: list[Tensor]) -> list[Tensor]:
    """What the context network sees of each grid, (images, inputs, positions)."""
    found = []
    for grid, (y, (rows, columns)) in enumerate(zip(grids, model.grids, strict=True)):
        padded = F.pad(y, (MARGIN, MARGIN, MARGIN, 0))
        seen = [
            padded[:, MARGIN + row :, MARGIN + column :][:, :rows, :columns]
            for row, column in model.offsets
        ]
        parent, none = model.parent(grid), torch.zeros_like(y)
        seen += [none] * PARENTS if parent is None else _parents(grids[parent], rows, columns)
        seen += [none if beside is None else grids[beside] for beside in model.companions(grid)]
        found.append(torch.stack(seen, 1).flatten(2))
    return found


def _parents(coarser: Tensor, rows: int, columns: int) -> list[Tensor]:
    """The four parents of all symbols of a grid, as `arm.parent_maps` orders them: each axis has
    the own one and the nearer neighbour of it."""
    padded = F.pad(coarser, (1, 1, 1, 1))
    found = []
    for wide in _own_and_nearer(padded, 2):
        found += [each[:, :rows, :columns] for each in _own_and_nearer(wide, 1)]
    return found


def _own_and_nearer(padded: Tensor, axis: int) -> tuple[Tensor, Tensor]:
    """For twice as many places along an axis as there are within the padding: what lies at half the
    place, and the neighbour of that which is nearer."""
    count = padded.shape[axis] - 2
    before, own, behind = (padded.narrow(axis, first, count) for first in range(3))
    pairs = ((own, own), (before, behind))
    first, second = (torch.stack(pair, axis + 1).flatten(axis, axis + 1) for pair in pairs)
    return first, second


def colours(model: CoolChic, parameters: Parameters, flat: Tensor) -> Tensor:
    """Colours of each image, (images, 3, H, W), nominally in [0, 1]."""
    grids = grids_of(model, flat)
    coarsest = model.levels - 1
    stack = grids[coarsest][:, None] * model.unit(coarsest)
    stack = torch.cat((stack, _chroma(model, parameters, grids, coarsest)), 1)
    for level in range(coarsest - 1, -1, -1):
        rows, columns = model.grids[level]
        taps = parameters["up.kernel"][:, level]
        stack = _doubled(_doubled(stack, taps, COLUMNS), taps, ROWS)[:, :, :rows, :columns]
        parts = [grids[level][:, None] * model.unit(level), stack]
        if level >= CHROMA_LEVEL:
            chroma = stack[:, -2:] + _chroma(model, parameters, grids, level)
            parts = [parts[0], stack[:, :-2], chroma]
        stack = torch.cat(parts, 1)
    return _synthesis(model, parameters, stack)


def _chroma(model: CoolChic, parameters: Parameters, grids: list[Tensor], level: int) -> Tensor:
    """(images, 2, h, w): the two chroma grids of a level, each times its gain."""
    first, second = model.chroma_grids(level)
    gains = parameters["up.gain"][:, :, first - model.levels] * model.unit(first)
    return torch.stack((grids[first], grids[second]), 1) * gains[:, :, None, None]


def _doubled(x: Tensor, taps: Tensor, axis: int) -> Tensor:
    """Twice as many rows or columns, by the four taps of each image, (images, 4); borders are
    replicated. Odd ones have the taps of even ones mirrored."""
    count = x.shape[axis]
    padded = F.pad(x, (2, 2, 0, 0) if axis == COLUMNS else (0, 0, 2, 2), mode="replicate")
    parts = [padded.narrow(axis, first, count) for first in range(5)]
    weights = taps[:, :, None, None, None].unbind(1)
    even, odd = weights[0] * parts[0], weights[0] * parts[4]
    for k in (1, 2, 3):
        even = torch.addcmul(even, weights[k], parts[k])
        odd = torch.addcmul(odd, weights[k], parts[4 - k])
    return torch.stack((even, odd), axis + 1).flatten(axis, axis + 1)


def _synthesis(model: CoolChic, parameters: Parameters, stack: Tensor) -> Tensor:
    """(images, features, h, w) upsampled latents -> (images, 3, h, w) colours around 0.5."""
    p, inputs = parameters, stack.flatten(2)
    x = inputs
    for i in range(len(model.synthesis_widths)):
        bias, weight = p[f"synthesis.bias.{i}"], p[f"synthesis.weight.{i}"]
        x = torch.baddbmm(bias[:, :, None], weight, x).relu_()
    x = torch.baddbmm(p["synthesis.bias.out"][:, :, None], p["synthesis.weight.out"], x)
    x = torch.baddbmm(x, p["synthesis.linear"], inputs).view(len(x), -1, *stack.shape[2:])
    for i in range(model.features.convolutions):
        x = x + _convolved(x, p[f"conv.weight.{i}"], p[f"conv.bias.{i}"])
    return x + 0.5


def _convolved(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """(N, 3, H, W) by (N, 3, 3, 3, 3) and (N, 3), borders replicated.

    As a product of matrices: on GPUs, convolutions round float32 unless the whole process is told
    not to.
    """
    rows, columns = x.shape[2:]
    padded = F.pad(x, (1, 1, 1, 1), mode="replicate")
    shifted = [
        padded[:, :, row : row + rows, column : column + columns]
        for row in range(3)
        for column in range(3)
    ]
    seen = torch.stack(shifted, 2).flatten(3).flatten(1, 2)  # (N, 3 x 9, H W), as weights lie
    return torch.baddbmm(bias[:, :, None], weight.flatten(2), seen).view_as(x)
