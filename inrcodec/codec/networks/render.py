"""A coordinate network -> pixels of a view, in torch, tile by tile."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray

from inrcodec.codec.entropy.quantized import Tensors
from inrcodec.codec.networks.base import CoordinateModel
from inrcodec.codec.resampling import LEAST_ALPHA
from inrcodec.codec.runtime import torch_device, torch_threads
from inrcodec.codec.view import View
from inrcodec.pixels import Samples, from_unit

TILE_PIXELS = 8192
"""Pixels rendered at once: the activations of a tile stay in the cache."""

MAX_OVERSAMPLING = 8
"""Most samples a pixel along one axis."""


def _oversampling(native: int, wanted: int) -> int:
    """Samples a pixel along one axis: more than one when shrinking, so that nothing aliases."""
    return min(MAX_OVERSAMPLING, max(1, math.ceil(native / wanted)))


def _centres(first: int, count: int, size: int, oversampling: int) -> NDArray[np.float64]:
    """Coordinates of the sample points of pixels first .. first + count - 1 of an axis."""
    points = np.arange(first * oversampling, (first + count) * oversampling)
    return (2 * points + 1) / (size * oversampling) - 1


def render(
    model: CoordinateModel,
    values: Tensors,
    view: View,
    bit_depth: int,
    threads: int | None,
    device: str,
) -> Samples:
    """The view as samples (rows, columns, channels) of a network with these parameters; raises
    `OptionError` for a bad device."""
    target = torch_device(device)
    with torch_threads(threads):
        return _render(model, values, view, bit_depth, target)


@torch.no_grad()
def _render(
    model: CoordinateModel, values: Tensors, view: View, bit_depth: int, target: torch.device
) -> Samples:
    """Evaluate the network over the view tile by tile and round."""
    parameters = {n: torch.from_numpy(v).to(target) for n, v in values.items()}
    x, y, wide, high = view.crop
    native_width, native_height = view.native
    down = _oversampling(native_height, view.height)
    across = _oversampling(native_width, view.width)
    columns = max(1, min(wide, TILE_PIXELS // (down * across)))
    rows = max(1, TILE_PIXELS // (columns * down * across))
    out = np.empty((high, wide, model.channels), np.uint8 if bit_depth == 8 else np.uint16)
    for left in range(0, wide, columns):
        n_columns = min(columns, wide - left)
        xs = _centres(x + left, n_columns, view.width, across)
        for top in range(0, high, rows):
            n_rows = min(rows, high - top)
            ys = _centres(y + top, n_rows, view.height, down)
            tile = model.render(parameters, ys, xs)
            if down * across > 1:
                blocks = (n_rows, down, n_columns, across, model.channels)
                tile = _mixed(tile.clamp(-1, 1).view(blocks))
            samples = from_unit(tile.cpu().numpy(), bit_depth)
            out[top : top + n_rows, left : left + n_columns] = samples
    return out


def _mixed(samples: torch.Tensor) -> torch.Tensor:
    """The means over axes 1 and 3 of samples in [-1, 1], the last axis channels; colours count by
    their alpha, unless next to nothing of them is seen."""
    means = samples.mean((1, 3))
    if samples.shape[-1] % 2:
        return means
    alpha = (samples[..., -1:] + 1) / 2
    total = alpha.mean((1, 3))
    seen = (samples[..., :-1] * alpha).mean((1, 3)) / total.clamp_min(LEAST_ALPHA)
    colours = torch.where(total >= LEAST_ALPHA, seen, means[..., :-1])
    return torch.cat((colours, means[..., -1:]), -1)
