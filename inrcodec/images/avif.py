"""What an AVIF file says of its colours without a profile: a box "colr" with codes (nclx)."""

from __future__ import annotations

import struct
from collections.abc import Iterator

UNSPECIFIED = 2
"""The code of ITU-T H.273 for primaries and transfer of which nothing is said."""


def codes_of(data: bytes) -> bytes | None:
    """Primaries, transfer, 0 and 1 as in PNG's chunk cICP, for the file's main image.

    They hold for the RGB samples of full range that decoders give. None if nothing is said, and for
    a file whose boxes (ISO/IEC 14496-12, and 23008-12 on items) are damaged.
    """
    try:
        return _codes(memoryview(data))
    except (struct.error, StopIteration, IndexError):
        return None


def _codes(data: memoryview) -> bytes | None:
    meta = _first(data, b"meta")[4:]
    item = _first(meta, b"pitm")
    (main,) = struct.unpack_from(">H" if item[0] == 0 else ">I", item, 4)
    properties = _first(meta, b"iprp")
    kept = list(_boxes(_first(properties, b"ipco")))
    for number in _associated(_first(properties, b"ipma"), main):
        kind, content = kept[number - 1] if 0 < number <= len(kept) else (b"", data[:0])
        if kind == b"colr" and bytes(content[:4]) == b"nclx":
            primaries, transfer = struct.unpack_from(">HH", content, 4)
            said = UNSPECIFIED not in (primaries, transfer) and max(primaries, transfer) < 256
            return bytes([primaries, transfer, 0, 1]) if said else None
    return None


def _boxes(data: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    """The boxes that follow each other here: type and content."""
    at = 0
    while at + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        head = 8
        if size == 1:
            (size,), head = struct.unpack_from(">Q", data, at + 8), 16
        size = size or len(data) - at
        if size < head:
            return
        yield kind, data[at + head : at + size]
        at += size


def _first(data: memoryview, kind: bytes) -> memoryview:
    """The content of the first box of a type; raises `StopIteration`."""
    return next(content for found, content in _boxes(data) if found == kind)


def _associated(box: memoryview, item: int) -> list[int]:
    """The numbers, from 1, of an item's properties (ISO/IEC 23008-12, 9.3.2)."""
    wide = box[3] & 1
    (entries,) = struct.unpack_from(">I", box, 4)
    name, number = (">HB" if box[0] < 1 else ">IB"), (">H" if wide else ">B")
    at = 8
    for _ in range(entries):
        found, count = struct.unpack_from(name, box, at)
        at += struct.calcsize(name)
        if found == item:
            step = struct.calcsize(number)
            numbers = [struct.unpack_from(number, box, at + step * i)[0] for i in range(count)]
            return [value & (0x7FFF if wide else 0x7F) for value in numbers]
        at += count * struct.calcsize(number)
    return []
