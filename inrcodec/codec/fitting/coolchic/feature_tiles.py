"""Tiles of large arrays (..., rows, columns), computed one at a time with what lies around them.

A convolution sees a few positions beyond a tile, its reach. Computed with so many around it, where
there are any, a tile is what it is in the whole.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise, product

import numpy as np

from inrcodec.codec.coolchic.windows import Window
from inrcodec.codec.native.networks import Array

Shape = tuple[int, int]


def tiles(shape: Shape, side: int) -> list[Window]:
    """Tiles of at most `side` positions a side, row by row; all in one where there are no more of
    them than of such a square."""
    rows, columns = shape
    if rows * columns <= side * side:
        return [(0, rows, 0, columns)]
    cuts = ([*range(0, length, side), length] for length in shape)
    return [(*down, *across) for down, across in product(*map(pairwise, cuts))]


def around(tile: Window, shape: Shape, reach: int) -> tuple[Window, Window]:
    """The tile with `reach` positions around it, as far as there are any, and where it lies in
    that."""
    top, bottom, left, right = tile
    above, before = max(0, top - reach), max(0, left - reach)
    outer = above, min(shape[0], bottom + reach), before, min(shape[1], right + reach)
    return outer, (top - above, bottom - above, left - before, right - before)


def cut(x: Array, area: Window) -> Array:
    """An area of an array (..., rows, columns), not copied."""
    top, bottom, left, right = area
    return x[..., top:bottom, left:right]


def finer(area: Window) -> Window:
    """An area in positions twice as fine."""
    top, bottom, left, right = area
    return 2 * top, 2 * bottom, 2 * left, 2 * right


def coarser(area: Window) -> Window:
    """An area of even edges in positions twice as coarse."""
    top, bottom, left, right = area
    return top // 2, bottom // 2, left // 2, right // 2


def assembled(
    shape: Shape, side: int, make: Callable[[Window], Sequence[Array]]
) -> Sequence[Array]:
    """The arrays (..., rows, columns) of which `make` makes every tile; where there is one tile,
    what it makes of that."""
    parts = tiles(shape, side)
    first = make(parts[0])
    if len(parts) == 1:
        return first
    results = [np.empty((*part.shape[:-2], *shape), np.float32) for part in first]
    for number, tile in enumerate(parts):
        made = first if number == 0 else make(tile)
        first = ()
        for result, part in zip(results, made, strict=True):
            cut(result, tile)[:] = part
    return results
