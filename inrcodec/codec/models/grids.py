"""Latent grids <-> rate and colours, in torch, for a whole picture or any window of it.

A window is (top, bottom, left, right) in pixels; its grid l owns the symbols of rows
top / 2^l .. bottom / 2^l and the columns likewise, so windows that start at multiples of
2^(levels - 1) tile every grid. What a window needs beyond its own symbols (contexts, coarser
neighbours, upsampling) is read around it, so windows of a picture agree with the whole.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor

from inrcodec.codec.models.coolchic import BICUBIC, CHROMA_LEVEL, PARENTS, CoolChic
from inrcodec.codec.models.kernels import (
    MARGIN,
    context_bits,
    pixel_network,
    small_convolution,
    upsample_axis,
    upsample_shared,
)

Window = tuple[int, int, int, int]
Parameters = Mapping[str, Tensor]

CONVOLUTION_REACH = 1
UPSAMPLING_REACH = 2


def whole(model: CoolChic) -> Window:
    """The window that is the picture."""
    return (0, model.height, 0, model.width)


def owned(model: CoolChic, window: Window, grid: int) -> Window:
    """Rows and columns of a grid that belong to a window of the picture."""
    level, (rows, columns) = model.grid_levels[grid], model.grids[grid]
    top, bottom, left, right = window
    step = 1 << level
    return (
        top >> level,
        min(rows, -(-bottom // step)),
        left >> level,
        min(columns, -(-right // step)),
    )


def crop(grid: Tensor, area: Window) -> Tensor:
    """The area of a 2-d grid, zeros where it reaches beyond the grid."""
    top, bottom, left, right = area
    rows, columns = grid.shape
    inside = grid[max(0, top) : max(0, min(rows, bottom)), max(0, left) : max(0, right)]
    pad = (max(0, -left), max(0, right - columns), max(0, -top), max(0, bottom - rows))
    return F.pad(inside, pad) if any(pad) else inside


def bits(
    model: CoolChic, parameters: Parameters, latents: Sequence[Tensor], window: Window
) -> Tensor:
    """Bits of the symbols that the window owns, under integrated Laplace distributions."""
    tensors = []
    for layer in (*map(str, range(len(model.arm_widths))), "out"):
        name = f"arm.weight.{layer}"
        tensors += [model.effective(name, parameters[name]), parameters[f"arm.bias.{layer}"]]
    total = latents[0].new_zeros(())
    for grid, symbols in enumerate(latents):
        top, bottom, left, right = area = owned(model, window, grid)
        padded = crop(symbols, (top - MARGIN, bottom, left - MARGIN, right + MARGIN))
        sides, mine = None, list(tensors)
        if model.chroma:
            sides = _sides(model, latents, grid, area)
            mine[1] = mine[1] + parameters["arm.level"][grid]
            mine.append(parameters["arm.linear"])
        total = total + context_bits(padded, sides, model.offsets, mine)
    return total


def _sides(model: CoolChic, latents: Sequence[Tensor], grid: int, area: Window) -> Tensor:
    """(sides, h, w): four symbols of the next coarser grid (as `arm.parent_maps`), companions."""
    top, bottom, left, right = area
    parent = model.parent(grid)
    nothing = latents[grid].new_zeros(bottom - top, right - left)
    maps = [nothing] * PARENTS if parent is None else _parents(latents[parent], area)
    for companion in model.companions(grid):
        maps.append(nothing if companion is None else crop(latents[companion], area))
    return torch.stack(maps)


def _parents(coarser: Tensor, area: Window) -> list[Tensor]:
    """Nearest symbol of the coarser grid, the nearer vertical and horizontal neighbours of that
    one, and the diagonal of both, for every symbol of an area whose corner is even."""
    top, bottom, left, right = area
    rows, columns = bottom - top, right - left
    high, wide = (rows + 1) // 2, (columns + 1) // 2
    coarse = crop(coarser, (top // 2 - 1, top // 2 + high + 1, left // 2 - 1, left // 2 + wide + 1))
    own, nearer = (1, 1), (0, 2)  # first row of the slice for even and odd rows
    maps = []
    for vertical, horizontal in ((own, own), (nearer, own), (own, nearer), (nearer, nearer)):
        parts = [coarse[r : r + high, c : c + wide] for r in vertical for c in horizontal]
        maps.append(F.pixel_shuffle(torch.stack(parts)[None], 2)[0, 0, :rows, :columns])
    return maps


def colours(
    model: CoolChic, parameters: Parameters, latents: Sequence[Tensor], window: Window
) -> Tensor:
    """Colours (3, bottom - top, right - left) of a window, nominally in [0, 1]."""
    top, bottom, left, right = window
    reach = CONVOLUTION_REACH * model.convolutions
    areas = [_inside((top - reach, bottom + reach, left - reach, right + reach), model, 0)]
    for level in range(1, model.levels):
        above = areas[-1]
        coarser = tuple(
            edge // 2 - UPSAMPLING_REACH if k % 2 == 0 else -(-edge // 2) + UPSAMPLING_REACH
            for k, edge in enumerate(above)
        )
        areas.append(_inside((coarser[0], coarser[1], coarser[2], coarser[3]), model, level))
    stack = crop(latents[model.levels - 1], areas[-1])[None]
    if model.chroma:
        coarsest = model.levels - 1
        stack = torch.cat((stack, _chroma(model, parameters, latents, coarsest, areas[-1])))
    for level in range(model.levels - 2, -1, -1):
        finer = _upsampled(model, parameters, stack, level)
        first_row, _, first_column, _ = areas[level + 1]
        up, down, start, end = areas[level]
        finer = finer[
            :,
            up - 2 * first_row : down - 2 * first_row,
            start - 2 * first_column : end - 2 * first_column,
        ]
        if model.chroma and level >= CHROMA_LEVEL:
            joined = finer[-2:] + _chroma(model, parameters, latents, level, areas[level])
            finer = torch.cat((finer[:-2], joined))
        stack = torch.cat((crop(latents[level], areas[level])[None], finer))
    up, _, start, _ = areas[0]
    picture = _synthesis(model, parameters, stack)
    return picture[:, top - up : bottom - up, left - start : right - start]


def _chroma(
    model: CoolChic, parameters: Parameters, latents: Sequence[Tensor], level: int, area: Window
) -> Tensor:
    """(2, h, w): the two chroma grids of a level, each times its gain."""
    first = model.levels + level - model.grid_levels[model.levels]
    second = first + (len(model.grids) - model.levels) // 2
    gains = parameters["up.gain"][:, first - model.levels]
    return (
        torch.stack([crop(latents[grid], area) for grid in (first, second)]) * gains[:, None, None]
    )


def _inside(area: Window, model: CoolChic, level: int) -> Window:
    """The area without what lies beyond the grid."""
    rows, columns = model.grids[level]
    top, bottom, left, right = area
    return (max(0, top), min(rows, bottom), max(0, left), min(columns, right))


def _upsampled(model: CoolChic, parameters: Parameters, stack: Tensor, level: int) -> Tensor:
    """Grids coarser than `level`, twice as fine; finest first."""
    if model.upsampling == "shared":
        return upsample_shared(stack, parameters["up.kernel"])
    separable = model.upsampling == "separable"
    taps = parameters["up.kernel"][level] if separable else stack.new_tensor(BICUBIC)
    return upsample_axis(upsample_axis(stack, taps, 1), taps, 2)


def _synthesis(model: CoolChic, parameters: Parameters, stack: Tensor) -> Tensor:
    """(features, h, w) upsampled latents -> (3, h, w) colours around 0.5."""
    features, height, width = stack.shape
    layers = [*map(str, range(len(model.synthesis_widths))), "out"]
    tensors = []
    for layer in layers:
        name = f"synthesis.weight.{layer}"
        tensors += [
            model.effective(name, parameters[name]),
            parameters[f"synthesis.bias.{layer}"],
        ]
    if model.chroma:
        tensors.append(parameters["synthesis.linear"])
    picture = pixel_network(stack.reshape(features, -1), tensors).view(-1, height, width)
    for i in range(model.convolutions):
        weight, bias = parameters[f"conv.weight.{i}"], parameters[f"conv.bias.{i}"]
        picture = picture + small_convolution(picture, weight, bias)
    return picture + 0.5


def windows(model: CoolChic, side: int) -> list[Window]:
    """Windows of at most `side` pixels a side that tile the picture, row by row.

    `side` must be a multiple of 2^(levels - 1).
    """
    rows = [*range(0, model.height, side), model.height]
    columns = [*range(0, model.width, side), model.width]
    return [
        (top, bottom, left, right)
        for top, bottom in pairwise(rows)
        for left, right in pairwise(columns)
    ]
