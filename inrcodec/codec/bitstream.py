"""The container: signature, header, sections, checksums. docs/format.md is its specification.

This file knows bytes, not pictures: it never imports torch or PIL and never decodes a symbol.
Reading checks a length before every read and a limit before every allocation.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

import msgpack
import zstandard

from inrcodec.errors import FormatError, LimitError, TruncatedError
from inrcodec.pixels import MAX_METADATA_BYTES, MAX_PIXELS, MAX_SIDE

SIGNATURE = b"\x89NIF"
VERSION = 1

MAX_SECTIONS = 1024
MAX_SECTION_BYTES = 1 << 28
MAX_HEADER_BYTES = 256
ANCILLARY = 0x80


class Kind(IntEnum):
    """Section kinds. Never renumbered; bit 7 marks the ancillary ones, which a reader may skip."""

    HEADER = 1
    PARAMETERS = 2
    END = 15
    ICC = 0x80
    EXIF = 0x81
    XMP = 0x82


METADATA = {"icc": Kind.ICC, "exif": Kind.EXIF, "xmp": Kind.XMP}


class Family(IntEnum):
    """Model families. Never renumbered."""

    SIREN = 1
    PE_SIREN = 2
    COOLCHIC_V1 = 3
    COOLCHIC_V2 = 4
    COOLCHIC = 5


class Key(IntEnum):
    """Keys of the header map. Never renumbered."""

    WIDTH = 1
    HEIGHT = 2
    CHANNELS = 3
    BIT_DEPTH = 4
    FAMILY = 5
    DIMENSIONS = 6


@dataclass(frozen=True, slots=True)
class Header:
    """What a decoder must know before the first parameter.

    `width`, `height` in pixels; `channels` 1 gray, 2 gray+alpha, 3 RGB, 4 RGB+alpha; `bit_depth`
    8 or 16; `dimensions` are the integers that fix the family's network (docs/format.md).
    """

    width: int
    height: int
    channels: int
    bit_depth: int
    family: Family
    dimensions: tuple[int, ...]

    def to_bytes(self) -> bytes:
        """The header payload: a msgpack map with small integer keys, in ascending order."""
        fields: dict[int, Any] = {
            Key.WIDTH: self.width,
            Key.HEIGHT: self.height,
            Key.CHANNELS: self.channels,
            Key.BIT_DEPTH: self.bit_depth,
            Key.FAMILY: int(self.family),
            Key.DIMENSIONS: list(self.dimensions),
        }
        packed: bytes = msgpack.packb({int(key): value for key, value in fields.items()})
        return packed

    @classmethod
    def from_bytes(cls, payload: bytes) -> Header:
        """Parse and check every field; raises `FormatError` or `LimitError`."""
        if len(payload) > MAX_HEADER_BYTES:
            raise LimitError(
                f"the header has {len(payload)} bytes; the limit is {MAX_HEADER_BYTES}"
            )
        try:
            pairs = msgpack.unpackb(payload, strict_map_key=False, object_pairs_hook=tuple)
        except Exception:  # msgpack raises a dozen unrelated types on garbage
            raise FormatError("the header is not valid msgpack") from None
        keys = [pair[0] for pair in pairs] if isinstance(pairs, tuple) else []
        if any(type(key) is not int for key in keys) or sorted(keys) != sorted(Key):
            raise FormatError("the header must hold exactly the keys 1 to 6, each once")
        fields = dict(pairs)
        width = _integer(fields, Key.WIDTH, 1, MAX_SIDE)
        height = _integer(fields, Key.HEIGHT, 1, MAX_SIDE)
        if width * height > MAX_PIXELS:
            raise LimitError(f"{width} x {height} pixels are over the limit of {MAX_PIXELS}")
        bit_depth = _integer(fields, Key.BIT_DEPTH, 8, 16)
        if bit_depth not in (8, 16):
            raise FormatError(f"bit depth must be 8 or 16, got {bit_depth}")
        number = _integer(fields, Key.FAMILY, 0, 1 << 16)
        if number not in set(Family):
            raise FormatError(f"unknown model family {number}: written by a newer version?")
        dimensions = fields[Key.DIMENSIONS]
        if not isinstance(dimensions, list) or len(dimensions) > 16:
            raise FormatError("the model dimensions must be a list of at most 16 integers")
        for value in dimensions:
            if type(value) is not int or not 0 <= value <= 1 << 20:
                raise FormatError(f"model dimension {value!r} is not an integer in [0, {1 << 20}]")
        channels = _integer(fields, Key.CHANNELS, 1, 4)
        return cls(width, height, channels, bit_depth, Family(number), tuple(dimensions))


def _integer(fields: dict[int, Any], key: Key, low: int, high: int) -> int:
    """The field as an integer in [low, high]; booleans and floats are refused."""
    value = fields[key]
    if type(value) is not int:
        raise FormatError(f"header field {key.name.lower()} must be an integer, got {value!r}")
    if not low <= value <= high:
        raise LimitError(f"header field {key.name.lower()} = {value} is outside [{low}, {high}]")
    return value


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


@dataclass(frozen=True, slots=True)
class Container:
    """A parsed file. `complete` is False for a prefix; `damaged` names lost ancillary sections."""

    header: Header
    sections: tuple[Section, ...]
    complete: bool
    damaged: tuple[str, ...] = ()
    metadata: dict[str, bytes] = field(default_factory=dict)

    def payload(self, kind: Kind) -> bytes:
        """The payload of the one section of this kind; `TruncatedError` if it is not there yet."""
        found = [section.payload for section in self.sections if section.kind == kind]
        if not found and self.complete:
            raise FormatError(f"the file has no section of kind {kind.name}")
        if not found:
            raise TruncatedError(f"the {kind.name} section is not there yet: the file is cut short")
        return found[0]


def write(
    header: Header, parameters: bytes, metadata: dict[str, bytes | None] | None = None
) -> bytes:
    """Assemble a file: header, parameters, then compressed ICC / EXIF / XMP, then the end."""
    critical = SIGNATURE + bytes([VERSION])
    critical += section_bytes(Kind.HEADER, header.to_bytes())
    critical += section_bytes(Kind.PARAMETERS, parameters)
    ancillary = b""
    compressor = zstandard.ZstdCompressor(level=19)
    for name, kind in METADATA.items():
        block = (metadata or {}).get(name)
        if block:
            ancillary += section_bytes(kind, compressor.compress(block))
    end = zlib.crc32(critical).to_bytes(4, "little")
    return critical + ancillary + section_bytes(Kind.END, end)


def overhead_bytes(header: Header, metadata: dict[str, bytes | None], parameters_bytes: int) -> int:
    """What `write` adds to a PARAMETERS payload of this many bytes."""
    return len(write(header, b"", metadata)) + len(_leb128(parameters_bytes)) - 1


def section_bytes(kind: int, payload: bytes) -> bytes:
    """kind (1 byte), length (LEB128), payload, CRC-32 of all three (little endian)."""
    framed = bytes([kind]) + _leb128(len(payload)) + payload
    return framed + zlib.crc32(framed).to_bytes(4, "little")


def _leb128(value: int) -> bytes:
    """Unsigned LEB128: seven bits a byte, least significant first, bit 7 = more follow."""
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def read(data: bytes) -> Container:
    """Parse a file or a prefix of one that reaches past the header.

    Raises `FormatError` for anything damaged in a critical section, `TruncatedError` for a prefix
    that ends before the header is whole, `LimitError` for a file beyond the limits.
    """
    if not isinstance(data, (bytes, bytearray, memoryview)):
        raise FormatError(f"expected the bytes of a file, got {type(data).__name__}")
    data = bytes(data)
    sections: list[Section] = []
    complete = False
    try:
        for section in _sections(data):
            sections.append(section)
        complete = True
    except TruncatedError:
        if not sections:
            raise
    if sections[0].kind != Kind.HEADER:
        raise FormatError(f"the first section must be the header, got kind {sections[0].kind}")
    critical = [section.kind for section in sections if not section.ancillary]
    for kind in critical:
        if critical.count(kind) > 1:
            raise FormatError(f"more than one section of kind {Kind(kind).name}")
    header = Header.from_bytes(sections[0].payload)
    metadata, damaged = _metadata(sections)
    return Container(header, tuple(sections), complete, damaged, metadata)


def _sections(data: bytes) -> Iterator[Section]:
    """Every section in order; raises `TruncatedError` if the end section is missing."""
    start = len(SIGNATURE) + 1
    if not data.startswith(SIGNATURE[: len(data)]):
        raise FormatError("not an inrcodec file: the signature is missing", at=0)
    if len(data) < start:
        raise TruncatedError(f"a file has at least {start} bytes, got {len(data)}", at=len(data))
    if data[start - 1] != VERSION:
        raise FormatError(f"format version {data[start - 1]} is not known to this reader", at=4)
    checksum = zlib.crc32(data[:start])
    at = start
    for _ in range(MAX_SECTIONS):
        section = _section(data, at)
        at += section.size
        if section.kind == Kind.END:
            if section.payload != checksum.to_bytes(4, "little"):
                raise FormatError(
                    "the checksum of the critical sections is wrong", at=section.offset
                )
            if at != len(data):
                raise FormatError(f"{len(data) - at} bytes follow the end of the file", at=at)
            yield section
            return
        if not section.ancillary:
            checksum = zlib.crc32(data[section.offset : at], checksum)
        yield section
    raise LimitError(f"more than {MAX_SECTIONS} sections", at=at)


def _section(data: bytes, at: int) -> Section:
    """The section that starts at byte `at`."""
    if at >= len(data):
        raise TruncatedError("a section is missing: the file is cut short", at=at)
    kind = data[at]
    if not kind & ANCILLARY and kind not in set(Kind):
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


def _read_length(data: bytes, at: int) -> tuple[int, int]:
    """(value, offset behind it) of an LEB128 number of at most 5 bytes."""
    value = 0
    for index in range(5):
        if at + index >= len(data):
            raise TruncatedError("a section length is cut short", at=at)
        byte = data[at + index]
        value |= (byte & 0x7F) << 7 * index
        if byte < 0x80:
            if value > MAX_SECTION_BYTES:
                raise LimitError(f"a section claims {value} bytes", at=at)
            if index and byte == 0:
                raise FormatError("a section length is not in its shortest form", at=at)
            return value, at + index + 1
    raise FormatError("a section length has more than 5 bytes", at=at)


def _metadata(sections: list[Section]) -> tuple[dict[str, bytes], tuple[str, ...]]:
    """The readable metadata blocks, and the names of the damaged ones."""
    found: dict[str, bytes] = {}
    damaged: list[str] = []
    for name, kind in METADATA.items():
        for section in sections:
            if section.kind == kind:
                block = _decompressed(section.payload) if section.intact else None
                if block is None or name in found:
                    damaged.append(name)
                else:
                    found[name] = block
    return found, tuple(damaged)


def _decompressed(payload: bytes) -> bytes | None:
    """A zstandard frame of at most `MAX_METADATA_BYTES`, or None if it is not one."""
    try:
        size = zstandard.get_frame_parameters(payload).content_size
        if not 0 < size <= MAX_METADATA_BYTES:  # also what a frame without a size claims
            return None
        return zstandard.ZstdDecompressor().decompress(payload, allow_extra_data=False)
    except (zstandard.ZstdError, MemoryError):
        return None
