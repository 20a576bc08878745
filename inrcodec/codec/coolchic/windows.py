"""Windows of an image, and what of its latent grids belongs to them.

A window is (top, bottom, left, right) in pixels, an area the same in symbols of a grid. A window's
grid l owns the symbols of rows top / 2^l .. bottom / 2^l and the columns likewise, so windows whose
corners are multiples of 2^(levels - 1) tile every grid. Nothing here imports torch.
"""

from __future__ import annotations

import math
from itertools import pairwise

from inrcodec.codec.coolchic.model import CoolChic

Window = tuple[int, int, int, int]

WINDOW = 512
"""Most rows and columns rendered at once, at the image's own size and at that of the output."""

CONVOLUTION_REACH = 1
UPSAMPLING_REACH = 2

REACH = 4
"""Most symbols of a grid around those of a window that its colours depend on: 2 pixels for two
convolutions, then half of it and 2 more from level to level."""


def whole(model: CoolChic) -> Window:
    """The window that is the image."""
    return (0, model.height, 0, model.width)


def area(window: Window) -> int:
    """Pixels of a window."""
    top, bottom, left, right = window
    return (bottom - top) * (right - left)


def owned(model: CoolChic, window: Window, grid: int) -> Window:
    """Rows and columns of a grid that belong to a window of the image."""
    level, (rows, columns) = model.grid_levels[grid], model.grids[grid]
    top, bottom, left, right = window
    step = 1 << level
    return (
        top >> level,
        min(rows, -(-bottom // step)),
        left >> level,
        min(columns, -(-right // step)),
    )


def surrounded(model: CoolChic, window: Window) -> tuple[Window, Window]:
    """A window of the image with `REACH` symbols of the coarsest grid around it, as far as there
    are any, and where the window lies within that."""
    top, bottom, left, right = window
    reach = REACH << (model.levels - 1)
    outer = (
        max(0, top - reach),
        min(model.height, bottom + reach),
        max(0, left - reach),
        min(model.width, right + reach),
    )
    return outer, (top - outer[0], bottom - outer[0], left - outer[2], right - outer[2])


def needed(model: CoolChic, window: Window) -> list[Window]:
    """The area of the main grid of every level that the colours of a window depend on."""
    top, bottom, left, right = window
    reach = CONVOLUTION_REACH * model.features.convolutions
    areas = [_inside((top - reach, bottom + reach, left - reach, right + reach), model, 0)]
    for level in range(1, model.levels):
        first_row, last_row, first_column, last_column = areas[-1]
        coarser = (
            first_row // 2 - UPSAMPLING_REACH,
            -(-last_row // 2) + UPSAMPLING_REACH,
            first_column // 2 - UPSAMPLING_REACH,
            -(-last_column // 2) + UPSAMPLING_REACH,
        )
        areas.append(_inside(coarser, model, level))
    return areas


def parents(area: Window) -> Window:
    """The area of the next coarser grid that contexts of an area reach, corners at least 0.

    Each symbol sees the four symbols of the coarser grid around its centre ("Inputs of the ARM" in
    docs/format.md).
    """
    top, bottom, left, right = area
    row, column = (max(0, (i >> 1) - (i % 2 == 0)) for i in (top, left))
    below, beside = (((i - 1) >> 1) + 1 + (i % 2 == 0) for i in (bottom, right))
    return row, below, column, beside


def around_parents(area: Window) -> Window:
    """What an area of a grid, whose corner is even, sees of the next coarser one in a fit: one
    symbol around its parents, beyond the borders too, where a fit has zeros."""
    top, bottom, left, right = area
    high, wide = (bottom - top + 1) // 2, (right - left + 1) // 2
    return top // 2 - 1, top // 2 + high + 1, left // 2 - 1, left // 2 + wide + 1


def _inside(area: Window, model: CoolChic, level: int) -> Window:
    """The area without what lies beyond the grid."""
    rows, columns = model.grids[level]
    top, bottom, left, right = area
    return (max(0, top), min(rows, bottom), max(0, left), min(columns, right))


def windows(model: CoolChic, side: int) -> list[Window]:
    """Windows of at most `side` pixels a side that tile the image, row by row.

    `side` must be a multiple of 2^(levels - 1).
    """
    rows = [*range(0, model.height, side), model.height]
    columns = [*range(0, model.width, side), model.width]
    return [
        (top, bottom, left, right)
        for top, bottom in pairwise(rows)
        for left, right in pairwise(columns)
    ]


MIDDLE_PIXELS = 1 << 20
"""Pixels of the window that stands for a large image in a measurement, about."""


SAMPLE_SIDE, SAMPLES = 128, 64
"""Pixels a side of the windows that tell the size of a large image, and how many there are, about.
Of mosaics of photographs of 12 and 24 megapixels they tell the bits of the latents within 2 %, and
change them alike from lambda to lambda within 0.5 %; one window of as many pixels is 60 % off."""


def sample(model: CoolChic) -> list[Window]:
    """The image, or of a large one small windows spread over it, about `MIDDLE_PIXELS` together:
    what they measure is nearly that of the whole."""
    height, width = model.height, model.width
    if width * height <= 2 * MIDDLE_PIXELS:
        return [whole(model)]
    rows = round(math.sqrt(SAMPLES * height / width))
    rows = max(1, min(rows, SAMPLES, height // SAMPLE_SIDE))
    columns = max(1, min(SAMPLES // rows, width // SAMPLE_SIDE))
    unit = 1 << (model.levels - 1)
    return [
        (*_span(row, rows, height, unit), *_span(column, columns, width, unit))
        for row in range(rows)
        for column in range(columns)
    ]


def _span(number: int, count: int, length: int, unit: int) -> tuple[int, int]:
    """Where one of `count` windows lies, in the middle of its share of an axis."""
    middle = length * (2 * number + 1) // (2 * count)
    first = max(0, middle - SAMPLE_SIDE // 2) // unit * unit
    return first, min(length, first + SAMPLE_SIDE)


def middle(model: CoolChic) -> Window:
    """The image, or of a large one a window of about `MIDDLE_PIXELS` in its middle: enough to
    compare networks and losses by."""
    if model.width * model.height <= 2 * MIDDLE_PIXELS:
        return whole(model)
    unit = 1 << (model.levels - 1)
    width = min(model.width, max(unit, MIDDLE_PIXELS // model.height, 1024))
    height = min(model.height, max(unit, MIDDLE_PIXELS // width))
    top = (model.height - height) // 2 // unit * unit
    left = (model.width - width) // 2 // unit * unit
    return (top, min(model.height, top + height), left, min(model.width, left + width))
