"""Where the symbols of latent grids lie in a file: section heads, slices, order, limits, names.

A LATENTS payload is the number of its grid (1 byte), the number of its slice (LEB128, only if the
header cuts grids into slices), then a range coder stream. This file never decodes a symbol.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from inrcodec.codec.coolchic.model import CoolChic
from inrcodec.codec.format import leb128
from inrcodec.codec.format.bitstream import Container
from inrcodec.codec.format.sections import Kind
from inrcodec.errors import FormatError, LimitError, TruncatedError

GRID_KINDS = (Kind.LATENTS, Kind.ALPHA_LATENTS)
"""Sections of symbols of each plane: colour, and alpha if there is one."""

NETWORK_KINDS = (Kind.PARAMETERS, Kind.ALPHA_PARAMETERS)
"""The section of networks of each plane."""

MAX_WAVES = 1 << 21
"""Most waves of symbols (see entropy/waves.py) in one file: a wave costs tens of microseconds."""

MAX_SYMBOLS_PER_BYTE = 1 << 15
"""Most symbols per byte of a stream; the most probable symbol takes 2^-11 bits, half of it."""

SLACK_BYTES = 8
"""Counted on top of a stream's bytes: what a range coder may save at the end."""

Area = tuple[int, int, int, int]
"""(top, bottom, left, right) in symbols of a grid."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One section of symbols: the `area` of a grid and its stream, cut short if not `whole`."""

    grid: int
    slice: int
    area: Area
    stream: bytes
    whole: bool

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the area."""
        top, bottom, left, right = self.area
        return bottom - top, right - left


def slice_count(shape: tuple[int, int], side: int | None) -> int:
    """How many slices a grid (rows, columns) is cut into; `side` None: one."""
    return 1 if side is None else -(-shape[0] // side) * -(-shape[1] // side)


def slice_area(shape: tuple[int, int], side: int | None, number: int) -> Area:
    """The area of a slice; slices are numbered row by row."""
    rows, columns = shape
    if side is None:
        return 0, rows, 0, columns
    row, column = divmod(number, -(-columns // side))
    top, left = row * side, column * side
    return top, min(rows, top + side), left, min(columns, left + side)


def head(grid: int, number: int | None) -> bytes:
    """The bytes that precede the stream; `number` is that of the slice, None in a file without
    slices."""
    return bytes([grid]) + (b"" if number is None else leb128.to_bytes(number))


def head_of(model: CoolChic, side: int | None, payload: bytes) -> tuple[int, int, int]:
    """(grid, slice, bytes of the head) of a payload.

    Raises `TruncatedError` if the head is cut, `FormatError` if there is no such grid or slice.
    """
    if not payload:
        raise TruncatedError("a section of latents is empty")
    grid, number, size = payload[0], 0, 1
    if grid >= len(model.grids):
        raise FormatError(f"there is no grid {grid}: the model has {len(model.grids)}")
    if side is not None:
        number, size = leb128.read(payload, 1)
    if number >= slice_count(model.grids[grid], side):
        raise FormatError(f"grid {grid} has no slice {number}")
    return grid, number, size


def pieces(model: CoolChic, side: int | None, parts: Sequence[tuple[bytes, bool]]) -> list[Piece]:
    """The sections of one plane, parsed and checked: heads, order, work.

    `parts` are payloads and whether each is whole: streams of others are cut short. Raises
    `FormatError` or `LimitError` before anything is allocated or decoded.
    """
    found: list[Piece] = []
    position = {grid: i for i, grid in enumerate(model.coding_order)}
    for payload, whole in parts:
        try:
            grid, number, size = head_of(model, side, payload)
        except TruncatedError as error:
            if whole:
                raise FormatError(str(error)) from None
            break
        if found and (position[found[-1].grid], found[-1].slice) >= (position[grid], number):
            raise FormatError(f"slice {number} of grid {grid} is not in coding order or repeats")
        area = slice_area(model.grids[grid], side, number)
        piece = Piece(grid, number, area, payload[size:], whole)
        _check_work(piece)
        found.append(piece)
    return found


def read_planes(container: Container, model: CoolChic) -> list[tuple[bytes, list[Piece]]]:
    """The networks and the pieces of every plane that is there, colour and then alpha, checked but
    not decoded. Raises `TruncatedError` for a prefix without PARAMETERS, else as `pieces`."""
    has_alpha = container.header.channels % 2 == 0
    there = has_alpha and (container.complete or container.payloads(Kind.ALPHA_PARAMETERS))
    count = 2 if there else 1
    networks = [container.payload(kind) for kind in NETWORK_KINDS[:count]]
    side = container.header.slice_side
    found = [pieces(model, side, container.parts(kind)) for kind in GRID_KINDS[:count]]
    check_waves(model, (piece.shape for plane in found for piece in plane))
    return list(zip(networks, found, strict=True))


def _check_work(piece: Piece) -> None:
    """Refuse a stream too short for its symbols: no encoder writes it, and it would take long."""
    rows, columns = piece.shape
    size = len(piece.stream)
    if piece.whole and (size == 0 or size % 4):
        raise FormatError(f"a latent stream has {size} bytes, not a positive multiple of 4")
    if piece.whole and rows * columns > MAX_SYMBOLS_PER_BYTE * (size + SLACK_BYTES):
        raise LimitError(f"{rows * columns} symbols in {size} bytes")


def total_slices(model: CoolChic, side: int | None) -> int:
    """How many slices all grids have."""
    return sum(slice_count(shape, side) for shape in model.grids)


def slice_shapes(model: CoolChic, side: int | None) -> list[tuple[int, int]]:
    """Rows and columns of every slice of every grid."""
    shapes = []
    for shape in model.grids:
        for number in range(slice_count(shape, side)):
            top, bottom, left, right = slice_area(shape, side, number)
            shapes.append((bottom - top, right - left))
    return shapes


def waves(model: CoolChic, shapes: Iterable[tuple[int, int]]) -> int:
    """How many waves of symbols grids or slices of these shapes have."""
    lag = max([1, *(column // -row + 1 for row, column in model.offsets if row)])
    return sum(min(rows * columns, columns + lag * (rows - 1)) for rows, columns in shapes)


def check_waves(model: CoolChic, shapes: Iterable[tuple[int, int]]) -> None:
    """Raise `LimitError` if grids or slices of these shapes have more than `MAX_WAVES` waves."""
    total = waves(model, shapes)
    if total > MAX_WAVES:
        raise LimitError(
            f"{total} waves of symbols, one after the other; the limit is {MAX_WAVES}: the image "
            "is too long and thin, or its slices are too small"
        )


def grid_name(model: CoolChic, grid: int) -> str:
    """What a person calls a grid: "level 3", or "level 3 chroma 1" in a model with chroma."""
    name = f"level {model.grid_levels[grid]}"
    if not model.features.chroma:
        return name
    chroma = (len(model.grids) - model.levels) // 2
    pyramid = 0 if grid < model.levels else 1 + (grid - model.levels) // chroma
    return f"{name} {('main', 'chroma 1', 'chroma 2')[pyramid]}"


def section_name(model: CoolChic, side: int | None, payload: bytes) -> str:
    """The name of a section's grid and slice; "?" if its head is not valid."""
    try:
        grid, number, _ = head_of(model, side, payload)
    except FormatError:
        return "?"
    name = grid_name(model, grid)
    return name if side is None else f"{name} slice {number}"


def arrived(model: CoolChic, side: int | None, found: Sequence[Piece], decoded: int) -> str:
    """How much of a plane a prefix holds, such as "grids 5 of 17 and 40 % of level 1 main".

    `decoded` symbols of the last piece are there, if that one is cut short. A grid without a
    section may be all zeros or still to come, so only grids before the last section count. The
    text is empty if every grid is there.
    """
    grids, share = 0, 0.0
    if found:
        last = found[-1]
        grids = model.coding_order.index(last.grid)
        rows, columns = model.grids[last.grid]
        if last.whole and last.slice == slice_count((rows, columns), side) - 1:
            grids += 1
        else:
            # slices of a row of slices have its height, so this counts symbols row by row
            top, bottom, left, _ = last.area
            before = top * columns + left * (bottom - top)
            done = last.shape[0] * last.shape[1] if last.whole else decoded
            share = (before + done) / (rows * columns)
    if grids == len(model.grids):
        return ""
    text = f"grids {grids} of {len(model.grids)}"
    return text + (f" and {share:.0%} of {grid_name(model, last.grid)}" if share else "")


def missing(
    container: Container,
    model: CoolChic,
    found: Sequence[Sequence[Piece]],
    decoded: Sequence[int],
    lost: Sequence[int],
) -> str:
    """What an image lacks of its grids, as a text for people: "" for nothing.

    Of every plane that is there: its pieces; how many symbols of the last one are `decoded`, if it
    is cut short; how many slices are `lost`, if the file has gaps.
    """
    cut = container.partial
    if container.complete or (cut is not None and cut.kind == Kind.END):
        return ""
    side, texts = container.header.slice_side, []
    for plane, symbols, gone in zip(found, decoded, lost, strict=True):
        total = total_slices(model, side)
        if not container.gaps:
            texts.append(arrived(model, side, plane, symbols))
        else:
            texts.append(f"{total - gone} of {total} slices" if gone else "")
    if container.header.channels % 2 == 0:
        texts += ["nothing"] * (2 - len(texts))
        texts = [
            f"{name}: {text}" if text else ""
            for name, text in zip(("colour", "alpha"), texts, strict=True)
        ]
    return "; ".join(filter(None, texts))
