"""Which pixels of a picture a coordinate network is fitted to and measured by.

All are product grids of rows and columns, since a first layer costs a row and a column of them.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inrcodec.codec.losses import Loss, of_channels
from inrcodec.codec.models.coordinate import CoordinateModel
from inrcodec.pixels import Samples, to_unit

Grid = NDArray[np.int64]

BATCH_PIXELS = 6144
TILE_PIXELS = 8192
MEASURED_PIXELS, LEAST_MEASURED = 1 << 20, 192


def coordinates(size: int) -> NDArray[np.float64]:
    """Pixel centres of one axis: (2 i + 1) / size - 1."""
    return (2 * np.arange(size) + 1) / size - 1


def batch(
    height: int,
    width: int,
    random: np.random.Generator,
    least: int = 1,
    pixels: int = BATCH_PIXELS,
) -> tuple[Grid, Grid]:
    """Rows and columns of one training grid, one drawn from each stratum; about so many `pixels`,
    and no fewer than `least` of either."""
    stride = max(1.0, math.sqrt(height * width / pixels))
    rows = min(height, max(round(height / stride), math.ceil(pixels / width), least))
    columns = min(width, max(round(width / stride), math.ceil(pixels / height), least))
    return _stratified(height, rows, random), _stratified(width, columns, random)


def _stratified(size: int, count: int, random: np.random.Generator) -> Grid:
    """`count` increasing indices below `size`, one from each of `count` equal strata."""
    if count == size:
        return np.arange(size)
    return ((np.arange(count) + random.random(count)) * size / count).astype(np.int64)


@torch.no_grad()
def picture_loss(
    model: CoordinateModel, parameters: dict[str, Tensor], pixels: Samples, loss: Loss
) -> float:
    """A loss over the picture, or of a large one over `MEASURED_PIXELS` in its middle."""
    height, width = pixels.shape[:2]
    wide = min(width, max(LEAST_MEASURED, MEASURED_PIXELS // height))
    high = min(height, max(LEAST_MEASURED, MEASURED_PIXELS // wide))
    top, left = (height - high) // 2, (width - wide) // 2
    ys, xs = coordinates(height)[top : top + high], coordinates(width)[left : left + wide]
    chunk = max(1, TILE_PIXELS // wide)
    parts = [model.render(parameters, ys[k : k + chunk], xs) for k in range(0, high, chunk)]
    made = (torch.cat(parts).clamp(-1, 1) + 1) / 2
    wanted = (to_unit(pixels[top : top + high, left : left + wide]) + 1) / 2
    both = (x.permute(2, 0, 1)[None] for x in (torch.from_numpy(wanted).to(made), made))
    return float(of_channels(loss, *both))


@torch.no_grad()
def picture_error(model: CoordinateModel, parameters: dict[str, Tensor], pixels: Samples) -> float:
    """Mean squared error, full range = 1, before rounding to integers.

    Over the whole picture up to `MEASURED_PIXELS`; of a larger one, over a fixed grid of its rows
    and columns of that many pixels, so that a measurement never outweighs the training.
    """
    height, width = pixels.shape[:2]
    stride = max(1, math.ceil(math.sqrt(height * width / MEASURED_PIXELS)))
    rows, columns = (
        np.arange(min(stride // 2, size - 1), size, stride) for size in (height, width)
    )
    ys, xs = coordinates(height)[rows], coordinates(width)[columns]
    chunk = max(1, TILE_PIXELS // len(xs))
    total = 0.0
    for top in range(0, len(ys), chunk):
        colours = model.render(parameters, ys[top : top + chunk], xs).clamp(-1, 1)
        samples = pixels[rows[top : top + chunk, None], columns]
        target = torch.from_numpy(to_unit(samples)).to(colours)
        total += float((colours - target).double().square().sum())
    return total / (len(ys) * len(xs) * int(pixels.shape[2])) / 4
