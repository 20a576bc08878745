"""Planes of latent grids -> pixels, window by window: memory does not grow with the image."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inrcodec.codec.coolchic.colours import colours
from inrcodec.codec.coolchic.model import CoolChic
from inrcodec.codec.coolchic.planes import Grid, LatentPlane
from inrcodec.codec.coolchic.windows import WINDOW, Window
from inrcodec.codec.resampling import LEAST_ALPHA, Resampling, resampling
from inrcodec.codec.view import View
from inrcodec.pixels import Samples, from_unit

Tile = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Plane:
    """One plane ready to render: its networks as they compute, its grids as integers."""

    model: CoolChic
    parameters: Mapping[str, NDArray[np.float32]]
    grids: Sequence[Grid]

    @classmethod
    def of(cls, stored: LatentPlane) -> Plane:
        """Prepare a plane for rendering from what a file stores."""
        return cls(stored.model, stored.parameters(), stored.grids)

    def colours(self, window: Window) -> Tile:
        """(3, rows, columns) of a window of the image at its own size, unclipped."""
        return colours(self.model, self.parameters, self.grids, window)


def render(
    planes: Sequence[Plane],
    channels: int,
    view: View,
    bit_depth: int,
) -> Samples:
    """The view as samples (rows, columns, channels).

    `planes` are colour and, if there is one, alpha; an image whose alpha is missing is opaque.
    """
    x, y, wide, high = view.crop
    out = np.empty((high, wide, channels), np.uint8 if bit_depth == 8 else np.uint16)
    native_width, native_height = view.native
    for top, n_rows in _spans(high, native_height, view.height):
        down = resampling(native_height, view.height, y + top, n_rows)
        for left, n_columns in _spans(wide, native_width, view.width):
            across = resampling(native_width, view.width, x + left, n_columns)
            tile = _tile(planes, channels, down, across, (n_rows, n_columns)).transpose(1, 2, 0)
            samples = from_unit(2 * tile - 1, bit_depth)
            out[top : top + n_rows, left : left + n_columns] = samples
    return out


def _spans(count: int, native: int, size: int) -> Iterator[tuple[int, int]]:
    """(start, length) of pieces of an axis of which neither side has much over `WINDOW`."""
    step = min(WINDOW, max(1, WINDOW * size // native))
    for start in range(0, count, step):
        yield start, min(step, count - start)


def _tile(
    planes: Sequence[Plane],
    channels: int,
    down: Resampling,
    across: Resampling,
    shape: tuple[int, int],
) -> Tile:
    """(channels, rows, columns) in [0, 1] or near it, summed up over windows of the image.

    Where samples are mixed colours count by their alpha, so that hidden ones do not bleed into an
    edge.
    """
    weighed = channels % 2 == 0 and not (down.weights is None and across.weights is None)
    total = np.zeros((2 * channels - 1 if weighed else channels, *shape), np.float32)
    for top in range(down.first, down.first + down.span, WINDOW):
        bottom = min(down.first + down.span, top + WINDOW)
        for left in range(across.first, across.first + across.span, WINDOW):
            right = min(across.first + across.span, left + WINDOW)
            tile = _samples(planes, channels, (top, bottom, left, right))
            if weighed:
                tile = np.concatenate((tile, tile[:-1] * tile[-1:]))
            rows, columns = down.part(top, bottom), across.part(left, right)
            if rows is not None:
                tile = rows @ tile
            if columns is not None:
                tile = tile @ columns.T
            total += tile
    return _over_alpha(total, channels) if weighed else total


def _over_alpha(total: Tile, channels: int) -> Tile:
    """(channels, rows, columns) of mixed colours, alpha, and colours times alpha: the last over
    alpha, or the first where next to nothing is seen."""
    colours, alpha, products = np.split(total, (channels - 1, channels))
    seen = products / np.maximum(alpha, LEAST_ALPHA)
    return np.concatenate((np.where(alpha >= LEAST_ALPHA, seen, colours), alpha))


def _samples(planes: Sequence[Plane], channels: int, window: Window) -> Tile:
    """(channels, rows, columns) in [0, 1] of a window of the image at its own size."""
    first = planes[0].colours(window)
    parts = [first.mean(0, keepdims=True) if channels < 3 else first]
    if channels % 2 == 0:
        alpha = planes[1].colours(window) if len(planes) > 1 else np.ones_like(first)
        parts.append(alpha.mean(0, keepdims=True))
    samples: Tile = np.nan_to_num(np.concatenate(parts), nan=0.0)
    return samples.clip(0, 1)
