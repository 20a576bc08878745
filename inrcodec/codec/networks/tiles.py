"""The tiles in which a view of a coordinate network is computed, and where their samples lie."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inrcodec.codec.networks.base import CoordinateModel
from inrcodec.codec.view import View

MOST_SAMPLES, LEAST_SAMPLES = 8192, 2048
ACTIVATIONS = 1 << 19
"""Most numbers of one layer that a tile has, unless that leaves it `LEAST_SAMPLES`: they stay in
the cache. With 8192 samples layers of 1024 neurons take up to five times as long."""

MAX_OVERSAMPLING = 8
"""Most samples a pixel along one axis."""


@dataclass(frozen=True, slots=True)
class Tiles:
    """Tiles of `rows` x `columns` pixels at most, each of `down` x `across` samples."""

    view: View
    rows: int
    columns: int
    down: int
    across: int

    @classmethod
    def of(cls, model: CoordinateModel, view: View) -> Tiles:
        """The tiles of a view of a network."""
        _, _, wide, _ = view.crop
        down = _oversampling(view.native[1], view.height)
        across = _oversampling(view.native[0], view.width)
        samples = min(MOST_SAMPLES, max(LEAST_SAMPLES, ACTIVATIONS // model.widest_layer))
        columns = max(1, min(wide, samples // (down * across)))
        return cls(view, max(1, samples // (columns * down * across)), columns, down, across)

    @property
    def samples(self) -> int:
        """Samples of the whole view."""
        _, _, wide, high = self.view.crop
        return wide * high * self.down * self.across

    @property
    def coordinates(self) -> int:
        """Coordinates of rows and of columns that all tiles have together."""
        _, _, wide, high = self.view.crop
        of_rows = high * self.down * -(-wide // self.columns)
        return of_rows + wide * self.across * -(-high // self.rows)

    def __len__(self) -> int:
        """How many there are."""
        _, _, wide, high = self.view.crop
        return -(-wide // self.columns) * -(-high // self.rows)

    def __getitem__(self, number: int) -> tuple[slice, slice]:
        """Rows and columns of the view that a tile has; they are numbered row by row."""
        _, _, wide, high = self.view.crop
        row, column = divmod(number, -(-wide // self.columns))
        top, left = row * self.rows, column * self.columns
        return (
            slice(top, min(high, top + self.rows)),
            slice(left, min(wide, left + self.columns)),
        )

    def coordinates_of(
        self, rows: slice, columns: slice
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Coordinates in [-1, 1] of the samples of some rows and columns of the view."""
        x, y, _, _ = self.view.crop
        return (
            _centres(y, rows, self.view.height, self.down),
            _centres(x, columns, self.view.width, self.across),
        )


def _oversampling(native: int, wanted: int) -> int:
    """Samples a pixel along one axis: more than one when shrinking, so that nothing aliases."""
    return min(MAX_OVERSAMPLING, max(1, math.ceil(native / wanted)))


def _centres(first: int, pixels: slice, size: int, oversampling: int) -> NDArray[np.float64]:
    """Coordinates of the sample points of some pixels of an axis, counted from pixel `first`."""
    start, stop = first + pixels.start, first + pixels.stop
    points = np.arange(start * oversampling, stop * oversampling)
    return (2 * points + 1) / (size * oversampling) - 1
