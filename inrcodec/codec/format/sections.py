"""One section of a file: kind, length, payload, checksum. bitstream.py puts them in order.

Bytes, not images: no import of torch or PIL. A length is checked before every read.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from enum import IntEnum

from inrcodec.codec.format import leb128
from inrcodec.errors import FormatError, LimitError, TruncatedError

MAX_SECTION_BYTES = 1 << 28
ANCILLARY = 0x80


class Kind(IntEnum):
    """Section kinds. Never renumbered; bit 7 marks the ancillary ones, which a reader may skip."""

    HEADER = 1
    PARAMETERS = 2
    LATENTS = 3
    ALPHA_PARAMETERS = 4
    ALPHA_LATENTS = 5
    LAYER = 6
    END = 15
    ICC = 0x80
    EXIF = 0x81
    XMP = 0x82


_KINDS = frozenset(int(kind) for kind in Kind)


@dataclass(frozen=True, slots=True)
class Section:
    """One section as it lies in the file. `size` counts kind, length, payload and checksum."""

    kind: int
    payload: bytes
    offset: int
    size: int
    intact: bool = True

    @property
    def ancillary(self) -> bool:
        """Whether a reader that does not know this kind may skip it."""
        return bool(self.kind & ANCILLARY)


def section_bytes(kind: int, payload: bytes) -> bytes:
    """kind (1 byte), length (LEB128), payload, CRC-32 of all three (little endian)."""
    framed = bytes([kind]) + leb128.to_bytes(len(payload)) + payload
    return framed + zlib.crc32(framed).to_bytes(4, "little")


def section_at(data: bytes, at: int) -> Section:
    """The section at byte `at`; raises `FormatError`, `TruncatedError` if the data ends
    within it, and `LimitError` for one beyond the limit."""
    if at >= len(data):
        raise TruncatedError("a section is missing: the file is cut short", at=at)
    kind = data[at]
    if not kind & ANCILLARY and kind not in _KINDS:
        raise FormatError(f"unknown critical section of kind {kind}", at=at)
    length, body = _read_length(data, at + 1)
    end = body + length + 4
    if end > len(data):
        raise TruncatedError(
            f"section {kind} needs {length + 4} more bytes, {len(data) - body} are there", at=body
        )
    intact = zlib.crc32(data[at : end - 4]) == int.from_bytes(data[end - 4 : end], "little")
    if not intact and not kind & ANCILLARY:
        raise FormatError(f"section {kind} is damaged: its checksum is wrong", at=at)
    return Section(kind, data[body : body + length], at, end - at, intact)


def partial_section(data: bytes, at: int) -> Section | None:
    """What is there of a section at byte `at` and does not end within the data, not
    `intact`; None if not even its length is."""
    try:
        length, body = _read_length(data, at + 1)
    except FormatError:
        return None
    return Section(data[at], data[body : body + length], at, len(data) - at, intact=False)


def _read_length(data: bytes, at: int) -> tuple[int, int]:
    """(length of a payload, offset behind it)."""
    value, behind = leb128.read(data, at)
    if value > MAX_SECTION_BYTES:
        raise LimitError(f"a section claims {value} bytes", at=at)
    return value, behind
