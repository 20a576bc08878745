"""Latent grids -> colours in numpy: what a decoder computes, window by window, without torch.

The same colours, up to rounding, as `fitting/coolchic/forward.py` computes for fits
(docs/format.md, "From grids to colours"). Where there are compiled kernels they do the work of a
pixel.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inrcodec.codec import native
from inrcodec.codec.coolchic.features import BICUBIC, CHROMA_LEVEL
from inrcodec.codec.coolchic.model import CoolChic
from inrcodec.codec.coolchic.windows import Window, needed
from inrcodec.codec.native import networks, pictures
from inrcodec.codec.native.networks import Array

TILE = 8192
"""Positions a network computes at once without the kernels: its activations stay in the cache."""


def colours(
    model: CoolChic, parameters: Mapping[str, Array], grids: Sequence[NDArray[Any]], window: Window
) -> Array:
    """Colours (3, bottom - top, right - left) of a window of the image, nominally in [0, 1]."""
    top, bottom, left, right = window
    picture = _network(model, parameters, upsampled(model, parameters, grids, window))
    for i in range(model.features.convolutions):
        picture = _convolution(
            picture, parameters[f"conv.weight.{i}"], parameters[f"conv.bias.{i}"]
        )
    up, _, start, _ = needed(model, window)[0]
    return picture[:, top - up : bottom - up, left - start : right - start] + np.float32(0.5)


def upsampled(
    model: CoolChic, parameters: Mapping[str, Array], grids: Sequence[NDArray[Any]], window: Window
) -> Array:
    """The inputs of the synthesis (inputs, h, w): all grids upsampled, of a window of the image and
    as much around it as the convolutions reach."""
    areas = needed(model, window)
    coarsest = model.levels - 1
    stack = _symbols(model, grids, coarsest, areas[-1])[None]
    if model.features.chroma:
        stack = np.concatenate((stack, _chroma(model, parameters, grids, coarsest, areas[-1])))
    for level in range(coarsest - 1, -1, -1):
        above, here = areas[level + 1], areas[level]
        corner = (here[0] - 2 * above[0], here[2] - 2 * above[2])
        finest = _symbols(model, grids, level, here)
        joined = np.empty((1 + len(stack), *finest.shape), np.float32)
        joined[0] = finest
        _double(model, parameters, level, stack, corner, joined[1:])
        stack = joined
        if model.features.chroma and level >= CHROMA_LEVEL:
            stack[-2:] += _chroma(model, parameters, grids, level, here)
    return stack


def _symbols(model: CoolChic, grids: Sequence[NDArray[Any]], grid: int, area: Window) -> Array:
    """An area of a grid as upsampling takes it: symbols times their grain."""
    top, bottom, left, right = area
    symbols: Array = grids[grid][top:bottom, left:right].astype(np.float32)
    return symbols * np.float32(model.unit(grid))


def _chroma(
    model: CoolChic,
    parameters: Mapping[str, Array],
    grids: Sequence[NDArray[Any]],
    level: int,
    area: Window,
) -> Array:
    """(2, h, w): the two chroma grids of a level, each times its gain."""
    pair = model.chroma_grids(level)
    gains = parameters["up.gain"][:, pair[0] - model.levels]
    symbols = np.stack([_symbols(model, grids, grid, area) for grid in pair])
    return symbols * gains[:, None, None]


def _double(
    model: CoolChic,
    parameters: Mapping[str, Array],
    level: int,
    coarser: Array,
    corner: tuple[int, int],
    out: Array,
) -> None:
    """Fill `out` (C, H, W) with `coarser` (C, h, w) upsampled to `level`, from the corner on."""
    row, column = corner
    _, height, width = out.shape
    if model.features.upsampling == "shared":
        full = _doubled_shared(coarser, parameters["up.kernel"])
        out[:] = full[:, row : row + height, column : column + width]
        return
    separable = model.features.upsampling == "separable"
    taps = parameters["up.kernel"][level] if separable else np.array(BICUBIC, np.float32)
    upsample(coarser, taps, corner, out)


def upsample(coarser: Array, taps: Array, corner: tuple[int, int], out: Array) -> None:
    """Fill `out` (C, H, W) with `coarser` (C, h, w) twice as fine, from the row and column `corner`
    on, by four taps for even outputs, mirrored for odd ones; borders are replicated."""
    row, column = corner
    _, height, width = out.shape
    if native.library() is not None:
        pictures.upsample(np.ascontiguousarray(coarser), np.ascontiguousarray(taps), corner, out)
        return
    wide = _doubled_axis(coarser, taps, 2)[:, :, column : column + width]
    out[:] = _doubled_axis(wide, taps, 1)[:, row : row + height]


def _doubled_axis(x: Array, taps: Array, axis: int) -> Array:
    """`x` with twice as many samples along an axis; borders are replicated."""
    count = x.shape[axis]
    pad = [(0, 0)] * 3
    pad[axis] = (2, 2)
    padded = np.pad(x, pad, mode="edge")
    shifts = [padded.take(range(k, k + count), axis=axis) for k in range(5)]
    even = sum(t * shift for t, shift in zip(taps, shifts, strict=False))
    odd = sum(t * shift for t, shift in zip(taps, shifts[::-1], strict=False))
    shape = list(x.shape)
    shape[axis] *= 2
    return np.stack((even, odd), axis + 1).reshape(shape)


def _doubled_shared(x: Array, kernel: Array) -> Array:
    """(C, h, w) -> (C, 2 h, 2 w) by the transposed convolution with an 8x8 kernel."""
    if native.library() is not None:
        return pictures.upsample_shared(x, np.ascontiguousarray(kernel))
    channels, height, width = x.shape
    padded = np.pad(x, ((0, 0), (2, 2), (2, 2)), mode="edge")
    out = np.zeros((channels, height, 2, width, 2), np.float32)
    for a, b, i, j in np.ndindex(2, 2, 5, 5):
        row, column = a - 2 * (i - 2) + 3, b - 2 * (j - 2) + 3
        if 0 <= row < 8 and 0 <= column < 8:
            out[:, :, a, :, b] += kernel[row, column] * padded[:, i : i + height, j : j + width]
    return out.reshape(channels, 2 * height, 2 * width)


def _network(model: CoolChic, parameters: Mapping[str, Array], stack: Array) -> Array:
    """(features, h, w) upsampled latents -> (3, h, w)."""
    features, height, width = stack.shape
    arrays = []
    for layer in (*map(str, range(len(model.synthesis_widths))), "out"):
        name = f"synthesis.weight.{layer}"
        arrays += [model.effective(name, parameters[name]), parameters[f"synthesis.bias.{layer}"]]
    if model.features.linear_branches:
        arrays.append(parameters["synthesis.linear"])
    x = np.ascontiguousarray(stack.reshape(features, -1))
    if native.takes([features, *model.synthesis_widths, 3]):
        out = networks.pixel_network(x, networks.Network(arrays))
    else:
        tiles = [_tile(x[:, at : at + TILE], arrays) for at in range(0, x.shape[1], TILE)]
        out = np.concatenate(tiles, axis=1)
    return out.reshape(-1, height, width)


def _tile(x: Array, arrays: Sequence[Array]) -> Array:
    """The outputs (3, n) of the synthesis at n positions `x` (features, n)."""
    hidden = x
    for layer in range(0, len(arrays) // 2 * 2, 2):
        if layer:
            hidden = np.maximum(hidden, 0)
        hidden = arrays[layer] @ hidden + arrays[layer + 1][:, None]
    return hidden + arrays[-1] @ x if len(arrays) % 2 else hidden


def _convolution(x: Array, weight: Array, bias: Array) -> Array:
    """`x` + its 3x3 convolution; borders are replicated."""
    if native.library() is not None:
        x, weight, bias = map(np.ascontiguousarray, (x, weight, bias))
        return pictures.residual_convolution(x, weight, bias)
    _, height, width = x.shape
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1)), mode="edge")
    out = x + bias[:, None, None]
    for i, j in np.ndindex(3, 3):
        shifted = padded[:, i : i + height, j : j + width].reshape(len(x), -1)
        out += (weight[:, :, i, j] @ shifted).reshape(x.shape)
    return out
