"""What the context network sees of an area of a grid, as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from inrcodec.codec.coolchic.model import CoolChic
from inrcodec.codec.coolchic.neighbours import MARGIN
from inrcodec.codec.coolchic.windows import Window, around_parents
from inrcodec.codec.native.networks import Array


class Contexts(NamedTuple):
    """What the context network sees of an area of a grid: its symbols with `MARGIN` more above and
    on both sides, the symbols of the next coarser grid around their parents, None for the coarsest
    grid, and the area of the two companions, None where there is none."""

    padded: Array
    coarser: Array | None
    beside: list[Array | None]


def contexts(model: CoolChic, grids: Sequence[NDArray[Any]], grid: int, area: Window) -> Contexts:
    """The contexts of an area of a grid, whose corner is even; zeros beyond the grids."""
    top, bottom, left, right = area
    padded = _crop(grids[grid], (top - MARGIN, bottom, left - MARGIN, right + MARGIN))
    beside = [None if i is None else _crop(grids[i], area) for i in model.companions(grid)]
    return Contexts(padded, _coarser(model, grids, grid, area), beside)


def _coarser(
    model: CoolChic, grids: Sequence[NDArray[Any]], grid: int, area: Window
) -> Array | None:
    """What an area of a grid, whose corner is even, sees of the next coarser one: one symbol
    around its parents."""
    parent = model.parent(grid)
    return None if parent is None else _crop(grids[parent], around_parents(area))


def _crop(grid: NDArray[Any], area: Window) -> Array:
    """The area of a grid as floats, zeros where it reaches beyond the grid."""
    top, bottom, left, right = area
    rows, columns = grid.shape
    inside = grid[max(0, top) : max(0, min(rows, bottom)), max(0, left) : max(0, right)]
    around = (max(0, -top), max(0, bottom - rows)), (max(0, -left), max(0, right - columns))
    return np.ascontiguousarray(np.pad(inside.astype(np.float32), around))
