"""Where the symbols of latent grids lie in a file: section heads, slices, order, limits.

A LATENTS payload is the number of its grid (1 byte), the number of its slice (LEB128, only if the
header cuts grids into slices), then a range coder stream. The first of a plane may be joint: it
says which of the first grids it holds, one after the other in one stream. This file never decodes
a symbol.
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


JOINT = 128
"""First byte of a joint section, and n: it holds grids among the first n of the coding order."""

JOINT_BYTES = 2048
"""Most bytes of the streams that an encoder joins. A section and a stream of its own take 10 bytes
for each grid, a sixth of the coarse ones; larger grids are worth a section, where a reader shares
them among threads and a stream may lose one."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A slice of a grid, or all of it, in a section: its `area`, and the stream of the section, cut
    short if not `whole`. `section` counts those of a plane; the pieces of one that is `joint` share
    a stream, in which they follow one another."""

    grid: int
    slice: int
    area: Area
    section: int
    stream: bytes
    whole: bool
    joint: bool = False

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the area."""
        top, bottom, left, right = self.area
        return bottom - top, right - left

    @property
    def symbols(self) -> int:
        """How many symbols it has."""
        rows, columns = self.shape
        return rows * columns


@dataclass(frozen=True, slots=True)
class Head:
    """What a section of latents says of itself: the grids it holds, the slice of that one grid, how
    many bytes come before its stream, and whether it is joint."""

    grids: tuple[int, ...]
    slice: int
    size: int
    joint: bool = False


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


def joint_head(model: CoolChic, grids: Sequence[int]) -> bytes:
    """The bytes that precede the stream of a joint section of these grids, in coding order."""
    places = [model.coding_order.index(grid) for grid in grids]
    count = places[-1] + 1
    held = sum(1 << place for place in places)
    return bytes([JOINT + count]) + held.to_bytes(-(-count // 8), "little")


def head_of(model: CoolChic, side: int | None, payload: bytes) -> Head:
    """The head of a payload.

    Raises `TruncatedError` if the head is cut, `FormatError` if there is no such grid or slice.
    """
    if not payload:
        raise TruncatedError("a section of latents is empty")
    grid, number, size = payload[0], 0, 1
    if grid >= JOINT:
        return _joint_head_of(model, side, payload)
    if grid >= len(model.grids):
        raise FormatError(f"there is no grid {grid}: the model has {len(model.grids)}")
    if side is not None:
        number, size = leb128.read(payload, 1)
    if number >= slice_count(model.grids[grid], side):
        raise FormatError(f"grid {grid} has no slice {number}")
    return Head((grid,), number, size)


def _joint_head_of(model: CoolChic, side: int | None, payload: bytes) -> Head:
    """`head_of` a joint section."""
    count = payload[0] - JOINT
    if not 1 <= count <= len(model.grids):
        raise FormatError(f"a joint section of the first {count} of {len(model.grids)} grids")
    size = 1 + -(-count // 8)
    if len(payload) < size:
        raise TruncatedError("the head of a joint section is cut short")
    held = int.from_bytes(payload[1:size], "little")
    if held.bit_length() != count:
        raise FormatError(f"a joint section of the first {count} grids does not end with the last")
    grids = tuple(g for k, g in enumerate(model.coding_order[:count]) if held >> k & 1)
    sliced = [grid for grid in grids if slice_count(model.grids[grid], side) > 1]
    if sliced:
        raise FormatError(f"a joint section holds grid {sliced[0]}, which is cut into slices")
    return Head(grids, 0, size, joint=True)


def pieces(model: CoolChic, side: int | None, parts: Sequence[tuple[bytes, bool]]) -> list[Piece]:
    """The pieces of one plane, parsed and checked: heads, order, work.

    `parts` are payloads and whether each is whole: streams of others are cut short. Raises
    `FormatError` or `LimitError` before anything is allocated or decoded.
    """
    found: list[Piece] = []
    position = {grid: i for i, grid in enumerate(model.coding_order)}
    for section, (payload, whole) in enumerate(parts):
        try:
            head = head_of(model, side, payload)
        except TruncatedError as error:
            if whole:
                raise FormatError(str(error)) from None
            break
        grid, number = head.grids[0], head.slice
        if found and head.joint:
            raise FormatError("a joint section that is not the first of its plane")
        if found and (position[found[-1].grid], found[-1].slice) >= (position[grid], number):
            raise FormatError(f"slice {number} of grid {grid} is not in coding order or repeats")
        stream = payload[head.size :]
        new = [
            Piece(
                grid,
                number,
                slice_area(model.grids[grid], side, number),
                section,
                stream,
                whole,
                head.joint,
            )
            for grid in head.grids
        ]
        if whole:
            _check_work(len(stream), sum(piece.symbols for piece in new))
        found += new
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


def _check_work(size: int, symbols: int) -> None:
    """Refuse a stream too short for its symbols: no encoder writes it, and it would take long."""
    if size == 0 or size % 4:
        raise FormatError(f"a latent stream has {size} bytes, not a positive multiple of 4")
    if symbols > MAX_SYMBOLS_PER_BYTE * (size + SLACK_BYTES):
        raise LimitError(f"{symbols} symbols in {size} bytes")


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
