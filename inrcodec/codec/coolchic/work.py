"""How long it takes to decode grids and to render a view of them, in seconds of one core.

Costs were measured (benchmarks/speed/decode_work.py).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from inrcodec.codec.coolchic import layout
from inrcodec.codec.coolchic.model import CoolChic
from inrcodec.codec.coolchic.windows import WINDOW
from inrcodec.codec.format.bitstream import Container
from inrcodec.codec.limits import MAC, NANOSECOND, PIXEL
from inrcodec.codec.view import View

SYMBOL, SYMBOL_MAC = 120 * NANOSECOND, 0.1 * NANOSECOND
"""A symbol, and that by each multiply-accumulate of its context network, in integers."""

PIECE, WAVE = 6e-5, 1e-6
LOST_SLICE = 3e-6
"""Looking whether a slice is lost, in a file with holes."""

WRITTEN_SLICE = 1.5e-4
"""A slice that is written, beside its symbols."""

RENDERED, RENDERED_MAC = 45 * NANOSECOND, 0.02 * NANOSECOND
"""A pixel of the image at its own size, and that by each multiply-accumulate of the synthesis."""

RENDERED_WINDOW = 6e-4
"""What a window of the image takes beside its pixels."""

INTERPOLATED = 200 * NANOSECOND
"""The weights of a point of a row or column at which the image is interpolated."""


class Axis(NamedTuple):
    """One axis of a view: its samples, the tiles they are rendered in, the windows and samples
    of the image that all tiles need together, and the points at which it is interpolated."""

    samples: int
    tiles: int
    windows: int
    span: float
    points: int

    @classmethod
    def of(cls, native: int, size: int, count: int) -> Axis:
        """`count` of `size` samples of an axis that has `native` in the image."""
        tile = min(WINDOW, max(1, WINDOW * size // native), count)
        tiles = -(-count // tile)
        if native == size:
            return cls(count, tiles, tiles, count, 0)
        span = min(native, tile * native / size + 4)
        windows = tiles * math.ceil(span / WINDOW)
        return cls(count, tiles, windows, tiles * span, count * -(-native // size))


def symbols_s(model: CoolChic, shapes: Sequence[tuple[int, int]], holes: int) -> float:
    """Seconds of the symbols of sections of these shapes; `holes` slices may be lost."""
    arm = sum(math.prod(shape) for name, shape in model.shapes.items() if name.startswith("arm.w"))
    arm += 2 * model.arm_inputs if model.features.linear_branches else 0
    symbols = sum(rows * columns for rows, columns in shapes)
    return (
        symbols * (SYMBOL + arm * SYMBOL_MAC)
        + layout.waves(model, shapes) * WAVE
        + len(shapes) * PIECE
        + holes * LOST_SLICE
    )


def sections_s(container: Container, model: CoolChic, planes: int) -> float:
    """Seconds of the symbols of all sections of a file of so many planes. Raises `FormatError`."""
    side, kinds = container.header.slice_side, layout.GRID_KINDS[:planes]
    found = [layout.pieces(model, side, container.parts(kind)) for kind in kinds]
    shapes = [piece.shape for pieces in found for piece in pieces]
    holes = layout.total_slices(model, side) * planes if container.gaps else 0
    return symbols_s(model, shapes, holes)


def reslice_s(container: Container, model: CoolChic, side: int | None) -> float:
    """Seconds of reading all symbols of a file and writing them in slices of another side. Raises
    `FormatError`."""
    planes = 2 - container.header.channels % 2
    written = symbols_s(model, model.grids, 0)
    written += layout.total_slices(model, side) * WRITTEN_SLICE
    return sections_s(container, model, planes) + planes * written


def render_s(model: CoolChic, view: View) -> float:
    """Seconds of a view of one plane."""
    _, _, wide, high = view.crop
    down = Axis.of(view.native[1], view.height, high)
    across = Axis.of(view.native[0], view.width, wide)
    pixel = sum(
        math.prod(shape)
        for name, shape in model.shapes.items()
        if name.startswith(("synthesis.w", "synthesis.l", "conv.w"))
    )
    resampled = down.tiles * across.points + down.points
    products = high * (down.span / down.tiles) * across.span if down.points else 0.0
    products += high * across.span * (wide / across.tiles) if across.points else 0.0
    return (
        down.span * across.span * (RENDERED + pixel * RENDERED_MAC)
        + down.windows * across.windows * RENDERED_WINDOW
        + resampled * INTERPOLATED
        + 3 * products * MAC
        + wide * high * PIXEL
    )
