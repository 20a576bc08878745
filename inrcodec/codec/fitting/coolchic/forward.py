"""Latent grids <-> rate and colours, in torch, for a whole image or any window of it.

What a window (coolchic/windows.py) needs beyond its own symbols (contexts, coarser neighbours,
upsampling) is read around it, so windows of an image agree with the whole.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from inrcodec.codec.coolchic.features import BICUBIC, CHROMA_LEVEL
from inrcodec.codec.coolchic.model import CoolChic
from inrcodec.codec.coolchic.neighbours import MARGIN
from inrcodec.codec.coolchic.windows import Window, around_parents, needed, owned
from inrcodec.codec.fitting.coolchic.rate import context_bits
from inrcodec.codec.fitting.coolchic.synthesis import (
    pixel_network,
    residual_convolution,
    upsample_shared,
)
from inrcodec.codec.fitting.coolchic.upsampling import upsample_below

Parameters = Mapping[str, Tensor]


def crop(grid: Tensor, area: Window) -> Tensor:
    """The area of a 2-d grid, zeros where it reaches beyond the grid; integers become floats."""
    top, bottom, left, right = area
    rows, columns = grid.shape
    inside = grid[max(0, top) : max(0, min(rows, bottom)), max(0, left) : max(0, right)]
    inside = inside if inside.is_floating_point() else inside.float()
    pad = (max(0, -left), max(0, right - columns), max(0, -top), max(0, bottom - rows))
    return F.pad(inside, pad) if any(pad) else inside


def bits(
    model: CoolChic,
    parameters: Parameters,
    latents: Sequence[Tensor],
    window: Window,
    skipped: Collection[int] = (),
) -> Tensor:
    """Bits of the symbols that the window owns, under integrated Laplace distributions; those of
    `skipped` grids cost nothing."""
    tensors = []
    for layer in (*map(str, range(len(model.arm_widths))), "out"):
        name = f"arm.weight.{layer}"
        tensors += [model.effective(name, parameters[name]), parameters[f"arm.bias.{layer}"]]
    total = latents[0].new_zeros(())
    for grid, symbols in enumerate(latents):
        if grid in skipped:
            continue
        top, bottom, left, right = area = owned(model, window, grid)
        padded = crop(symbols, (top - MARGIN, bottom, left - MARGIN, right + MARGIN))
        mine = [*tensors]
        if model.features.linear_branches:
            mine.append(parameters["arm.linear"])
        if not model.features.side_inputs:
            total = total + context_bits(padded, model.offsets, mine)
            continue
        mine[1] = mine[1] + parameters["arm.level"][grid]
        beside = [None if i is None else crop(latents[i], area) for i in model.companions(grid)]
        coarser = _coarser(model, latents, grid, area)
        total = total + context_bits(padded, model.offsets, mine, coarser, beside)
    return total


def _coarser(model: CoolChic, latents: Sequence[Tensor], grid: int, area: Window) -> Tensor | None:
    """What an area of a grid, whose corner is even, sees of the next coarser one: one symbol
    around its parents."""
    parent = model.parent(grid)
    return None if parent is None else crop(latents[parent], around_parents(area))


def colours(
    model: CoolChic, parameters: Parameters, latents: Sequence[Tensor], window: Window
) -> Tensor:
    """Colours (3, bottom - top, right - left) of a window, nominally in [0, 1]."""
    top, bottom, left, right = window
    areas = needed(model, window)
    stack = _symbols(model, latents, model.levels - 1, areas[-1])[None]
    if model.features.chroma:
        coarsest = model.levels - 1
        stack = torch.cat((stack, _chroma(model, parameters, latents, coarsest, areas[-1])))
    for level in range(model.levels - 2, -1, -1):
        first_row, _, first_column, _ = areas[level + 1]
        up, _, start, _ = areas[level]
        corner = (up - 2 * first_row, start - 2 * first_column)
        finest = _symbols(model, latents, level, areas[level])
        stack = _joined(model, parameters, level, finest, stack, corner)
        if model.features.chroma and level >= CHROMA_LEVEL:
            joined = stack[-2:] + _chroma(model, parameters, latents, level, areas[level])
            stack = torch.cat((stack[:-2], joined))
    up, _, start, _ = areas[0]
    picture = _synthesis(model, parameters, stack)
    return picture[:, top - up : bottom - up, left - start : right - start]


def _chroma(
    model: CoolChic, parameters: Parameters, latents: Sequence[Tensor], level: int, area: Window
) -> Tensor:
    """(2, h, w): the two chroma grids of a level, each times its gain."""
    pair = model.chroma_grids(level)
    gains = parameters["up.gain"][:, pair[0] - model.levels]
    symbols = torch.stack([_symbols(model, latents, grid, area) for grid in pair])
    return symbols * gains[:, None, None]


def _symbols(model: CoolChic, latents: Sequence[Tensor], grid: int, area: Window) -> Tensor:
    """An area of a grid as upsampling takes it: symbols times their grain."""
    symbols, unit = crop(latents[grid], area), model.unit(grid)
    return symbols if unit == 1 else symbols * unit


def _joined(
    model: CoolChic,
    parameters: Parameters,
    level: int,
    finest: Tensor,
    coarser: Tensor,
    corner: tuple[int, int],
) -> Tensor:
    """The grid of a level and, behind it, all coarser ones upsampled."""
    if model.features.upsampling == "shared":
        row, column = corner
        height, width = finest.shape
        full = upsample_shared(coarser, parameters["up.kernel"])
        return torch.cat((finest[None], full[:, row : row + height, column : column + width]))
    separable = model.features.upsampling == "separable"
    taps = parameters["up.kernel"][level] if separable else finest.new_tensor(BICUBIC)
    return upsample_below(finest, coarser, taps, corner)


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
    if model.features.linear_branches:
        tensors.append(parameters["synthesis.linear"])
    picture = pixel_network(stack.reshape(features, -1), tensors).view(-1, height, width)
    for i in range(model.features.convolutions):
        weight, bias = parameters[f"conv.weight.{i}"], parameters[f"conv.bias.{i}"]
        picture = residual_convolution(picture, weight, bias)
    return picture + 0.5
