"""Image file directories, the tables of TIFF files and of EXIF blocks: read, and written anew."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

ORIENTATION, EXIF_DIRECTORY, GPS_DIRECTORY, INTEROP_DIRECTORY = 0x0112, 0x8769, 0x8825, 0xA005

BYTE, SHORT, LONG = 1, 3, 4
TYPE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
TYPE_BYTES |= {16: 8, 17: 8, 18: 8}
"""Bytes of one value of a field type (TIFF 6.0, section 2; 16 to 18 of BigTIFF)."""

INTEGERS = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 13: "I", 16: "Q", 17: "q", 18: "Q"}
"""The struct code of every field type that holds integers."""


class DamagedDirectoryError(ValueError):
    """A table is not one, or it or a value lies outside the bytes."""


class Field(NamedTuple):
    """One field: its type, how many values, and the bytes `at` to `at + size` that hold them."""

    kind: int
    number: int
    at: int
    size: int


Directory: TypeAlias = dict[int, Field]
"""Fields by tag. Of fields with one tag the first counts; types that no standard names are left
out."""

Written: TypeAlias = "Mapping[int, tuple[int, int, bytes] | Written]"
"""What to write by tag: type, number of values and their bytes, or a directory below this one."""


@dataclass(frozen=True, slots=True)
class Tables:
    """The directories in a TIFF file or EXIF block; all methods raise `DamagedDirectoryError`."""

    data: bytes
    order: str
    big: bool
    first: int

    @classmethod
    def of(cls, data: bytes) -> Tables:
        """Read the header: byte order, TIFF or BigTIFF, and where the first directory stands."""
        order = {b"II": "<", b"MM": ">"}.get(data[:2])
        if order is None or len(data) < 8:
            raise DamagedDirectoryError("neither II nor MM at the start")
        (magic,) = struct.unpack_from(f"{order}H", data, 2)
        if magic == 43 and len(data) >= 16:
            return cls(data, order, True, *struct.unpack_from(f"{order}Q", data, 8))
        if magic != 42:
            raise DamagedDirectoryError(f"42 expected at byte 2, got {magic}")
        return cls(data, order, False, *struct.unpack_from(f"{order}I", data, 4))

    def directory(self, offset: int) -> tuple[Directory, int]:
        """The directory at an offset, and the offset of the next one, 0 after the last."""
        number, entry, word = ("Q", 20, "Q") if self.big else ("H", 12, "I")
        start = offset + struct.calcsize(number)
        if not 0 < offset <= start <= len(self.data):
            raise DamagedDirectoryError(f"the directory at byte {offset} lies outside")
        (count,) = struct.unpack_from(self.order + number, self.data, offset)
        end = start + count * entry
        if end > len(self.data):
            raise DamagedDirectoryError(f"the directory at byte {offset} is cut short")
        fields: Directory = {}
        for at in range(start, end, entry):
            tag, kind, values = struct.unpack_from(f"{self.order}HH{word}", self.data, at)
            if kind in TYPE_BYTES:
                size, spot = values * TYPE_BYTES[kind], at + 4 + struct.calcsize(word)
                if size > struct.calcsize(word):
                    (spot,) = struct.unpack_from(self.order + word, self.data, spot)
                fields.setdefault(tag, Field(kind, values, spot, size))
        width = struct.calcsize(word)
        last = self.data[end : end + width].ljust(width, b"\0")
        return fields, int(struct.unpack(self.order + word, last)[0])

    def value(self, field: Field) -> bytes:
        """The bytes of a field."""
        if field.at + field.size > len(self.data):
            raise DamagedDirectoryError("a value lies outside")
        return self.data[field.at : field.at + field.size]

    def integers(self, field: Field, most: int = 64) -> tuple[int, ...]:
        """The values of a field of integers, of which there may be `most`."""
        if field.kind not in INTEGERS or not 0 < field.number <= most:
            raise DamagedDirectoryError(f"expected 1 to {most} integers")
        code = f"{self.order}{field.number}{INTEGERS[field.kind]}"
        return struct.unpack(code, self.value(field))


def block_of(order: str, directory: Written) -> bytes:
    """A TIFF header, this directory and those below it, in byte order "<" or ">"."""
    mark = b"II" if order == "<" else b"MM"
    return mark + struct.pack(f"{order}HI", 42, 8) + table_at(order, directory, 8)


def table_at(order: str, directory: Written, offset: int) -> bytes:
    """A directory that will stand at an offset, with its values and the directories below it."""
    table, values = bytearray(struct.pack(f"{order}H", len(directory))), bytearray()
    behind = offset + 2 + 12 * len(directory) + 4
    for tag, content in sorted(directory.items()):
        if isinstance(content, Mapping):
            kind, count, spot = LONG, 1, struct.pack(f"{order}I", behind + len(values))
            value = table_at(order, content, behind + len(values))
        else:
            kind, count, value = content
            inline = len(value) <= 4
            spot = (
                value.ljust(4, b"\0") if inline else struct.pack(f"{order}I", behind + len(values))
            )
            value = b"" if inline else value
        table += struct.pack(f"{order}HHI", tag, kind, count) + spot
        values += value + bytes(len(value) % 2)
    return bytes(table + bytes(4) + values)
