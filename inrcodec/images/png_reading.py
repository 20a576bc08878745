"""PNG files, chunk by chunk: checked, their metadata taken out, and the samples left to others.

Pillow refuses metadata over 1 MiB and does not look at the checksums of image data; libpng has
limits of its own. Both are given what is left of a file without its metadata.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from inrcodec.errors import ImageError
from inrcodec.images.png import SIGNATURE, chunk
from inrcodec.pixels import MAX_METADATA_BYTES, check_size

COLOURS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""Samples of a pixel by colour type (PNG specification, 11.2.1)."""

GRAY_TYPES = (0, 4)

PASSES = [(0, 8, 0, 8), (0, 8, 4, 8), (4, 8, 0, 4), (0, 4, 2, 4), (2, 4, 0, 2), (0, 2, 1, 2)]
PASSES.append((1, 2, 0, 1))
"""First row, step, first column, step of each pass of Adam7 (ibid., 8.2)."""

NEEDED = (b"IHDR", b"PLTE", b"tRNS", b"IDAT")
"""Chunks without which the samples are not what they were."""

COLOUR_CHUNKS = {b"gAMA": 4, b"cHRM": 32, b"sRGB": 1, b"cICP": 4}
"""Chunks that say what the samples mean, with their bytes."""

XMP_KEYWORD = b"XML:com.adobe.xmp"
XMP_NAMESPACE = b"http://ns.adobe.com/xap/1.0/\0"
RAW_PROFILES = {b"exif": "exif", b"APP1": "exif", b"xmp": "xmp", b"icc": "icc", b"icm": "icc"}
RAW_PROFILES = {b"Raw profile type " + name: kind for name, kind in RAW_PROFILES.items()}
"""Keywords of the blocks that ImageMagick writes as text in hexadecimal, and what they are."""

MAX_CHUNKS = 1 << 20
"""Most chunks of a file."""

PACKED_AT_ONCE, UNPACKED_AT_ONCE = 1 << 16, 1 << 20


class Chunk(NamedTuple):
    """One chunk; `intact` is False for a wrong checksum, None where the file ends in it."""

    kind: bytes
    payload: bytes
    intact: bool | None


@dataclass(slots=True)
class Png:
    """A PNG file taken apart.

    `plain` is the file without metadata and animation, whole even where the file ends early.
    `blocks` holds ICC, EXIF and XMP by name, `colour` the payloads of `COLOUR_CHUNKS`.
    """

    size: tuple[int, int]
    bit_depth: int
    colour_type: int
    interlaced: bool
    plain: bytes = b""
    frames: int = 1
    blocks: dict[str, bytes] = field(default_factory=dict)
    colour: dict[bytes, bytes] = field(default_factory=dict)
    left_behind: list[str] = field(default_factory=list)


def taken_apart(data: bytes) -> Png:
    """Check a PNG file and take it apart. Raises `ImageError` unless all samples are there."""
    chunks = _chunks(data)
    first = next(chunks, None)
    png = _header(first)
    needed: dict[bytes, bytes] = {}
    image_data, proven, tried = bytearray(), True, set[bytes]()
    last = b""
    for part in chunks:
        if part.kind == b"IDAT":
            if not image_data or last == b"IDAT":
                proven = proven and _whole(part)
                image_data += part.payload
        elif part.kind in NEEDED:
            if not _whole(part):
                raise ImageError(f"cannot be decoded: the file ends in its chunk {_name(part)}")
            if not image_data:
                needed.setdefault(part.kind, part.payload)
        elif part.kind == b"acTL" and not image_data:
            png.frames = max(1, int.from_bytes(part.payload[:4], "big"))
        else:
            _keep(png, part, tried)
        last = part.kind
    if not (_inflated(png, image_data) and proven and last == b"IEND"):
        png.left_behind.append("the file is damaged behind the image data")
    parts = [SIGNATURE, chunk(b"IHDR", first.payload if first else b"")]
    parts += [chunk(kind, payload) for kind, payload in needed.items()]
    png.plain = b"".join([*parts, chunk(b"IDAT", bytes(image_data)), chunk(b"IEND", b"")])
    return png


def _chunks(data: bytes) -> Iterator[Chunk]:
    """The chunks up to IEND, or as far as there are any; the last may be cut short."""
    at = len(SIGNATURE)
    for _ in range(MAX_CHUNKS):
        if at + 8 > len(data):
            return
        (size,), kind = struct.unpack_from(">I", data, at), data[at + 4 : at + 8]
        if not kind.isalpha() or not kind.isascii():
            return
        payload, checksum = data[at + 8 : at + 8 + size], data[at + 8 + size : at + 12 + size]
        whole = len(checksum) == 4
        right = whole and zlib.crc32(payload, zlib.crc32(kind)) == int.from_bytes(checksum, "big")
        yield Chunk(kind, payload, right if whole else None)
        if kind == b"IEND":
            return
        at += 12 + size
    raise ImageError(f"cannot be decoded: more than {MAX_CHUNKS} chunks")


def _name(part: Chunk) -> str:
    return part.kind.decode("ascii")


def _whole(part: Chunk) -> bool:
    """Whether a chunk's checksum is there and right; raises `ImageError` if it is wrong."""
    if part.intact is False:
        raise ImageError(f"cannot be decoded: the checksum of its chunk {_name(part)} is wrong")
    return part.intact is True


def _header(part: Chunk | None) -> Png:
    """What IHDR says; raises `ImageError` for a size beyond the limits too."""
    if part is None or part.kind != b"IHDR" or not _whole(part) or len(part.payload) != 13:
        raise ImageError("cannot be decoded: a PNG file without a whole chunk IHDR")
    width, height, depth, colour, packing, filtering, interlace = struct.unpack(
        ">IIBBBBB", part.payload
    )
    if colour not in COLOURS or depth not in (1, 2, 4, 8, 16) or packing or filtering:
        raise ImageError("cannot be decoded: its chunk IHDR holds an unknown value")
    check_size(width, height)
    return Png((width, height), depth, colour, interlace == 1)


def _inflated(png: Png, image_data: bytearray) -> bool:
    """Whether the checksum behind the image data is there, and right.

    Raises `ImageError` unless every sample is there.
    """
    expected, total = _image_bytes(png), 0
    inflate = zlib.decompressobj()
    try:
        for start in range(0, len(image_data), PACKED_AT_ONCE):
            rest = bytes(image_data[start : start + PACKED_AT_ONCE])
            while rest and total <= expected and not inflate.eof:
                total += len(inflate.decompress(rest, UNPACKED_AT_ONCE))
                rest = inflate.unconsumed_tail
        if total <= expected and not inflate.eof:
            total += len(inflate.flush(UNPACKED_AT_ONCE))
    except zlib.error as error:
        raise ImageError(f"cannot be decoded: the image data is damaged: {error}") from None
    if total < expected:
        raise ImageError(f"cannot be decoded: {total} of {expected} bytes of image data are there")
    return inflate.eof


def _image_bytes(png: Png) -> int:
    """Bytes of the filtered image data."""
    width, height = png.size
    bits = png.bit_depth * COLOURS[png.colour_type]
    passes = PASSES if png.interlaced else [(0, 1, 0, 1)]
    total = 0
    for top, down, left, right in passes:
        rows, columns = -(-(height - top) // down), -(-(width - left) // right)
        total += rows * (1 + -(-columns * bits // 8)) if rows > 0 and columns > 0 else 0
    return total


def _keep(png: Png, part: Chunk, tried: set[bytes]) -> None:
    """Take the metadata out of a chunk, if it has some; the first of a kind counts."""
    key = part.kind if part.kind in (b"iCCP", b"eXIf", *COLOUR_CHUNKS) else b""
    if part.kind in (b"tEXt", b"zTXt", b"iTXt"):
        keyword = part.payload[:80].partition(b"\0")[0]
        key = keyword if keyword in RAW_PROFILES or keyword == XMP_KEYWORD else b""
    if not key or key in tried:
        return
    tried.add(key)
    if part.kind in COLOUR_CHUNKS:
        name, block = _name(part), part.payload
        block = block if len(block) == COLOUR_CHUNKS[part.kind] else b""
    else:
        name, block = _block(part, key)
    if not part.intact or not block:
        png.left_behind.append(f"the {name.upper()} block is damaged and was dropped")
    elif part.kind in COLOUR_CHUNKS:
        png.colour[part.kind] = block
    else:
        png.blocks.setdefault(name, block)


def _block(part: Chunk, keyword: bytes) -> tuple[str, bytes]:
    """Name and bytes of a block of metadata; damaged ones are empty."""
    if part.kind == b"iCCP":
        return "icc", _unpacked(part.payload.partition(b"\0")[2])
    if part.kind == b"eXIf":
        return "exif", part.payload
    text = part.payload[len(keyword) + 1 :]
    if part.kind == b"zTXt":
        text = _unpacked(text)
    elif part.kind == b"iTXt":
        packed, method = text[:1], text[1:2]
        text = text[2:].partition(b"\0")[2].partition(b"\0")[2]
        text = _unpacked(method + text) if packed == b"\1" else text
    return ("xmp", text) if keyword == XMP_KEYWORD else raw_profile(RAW_PROFILES[keyword], text)


def _unpacked(payload: bytes) -> bytes:
    """What deflate packed behind the number of the method, which is 0; damaged data is none.

    Twice what may be kept is unpacked at most: hexadecimal takes two digits a byte.
    """
    if payload[:1] != b"\0":
        return b""
    inflate = zlib.decompressobj()
    try:
        block = inflate.decompress(payload[1:], 2 * MAX_METADATA_BYTES + UNPACKED_AT_ONCE)
    except zlib.error:
        return b""
    return block if inflate.eof or inflate.unconsumed_tail else b""


def raw_profile(name: str, text: bytes) -> tuple[str, bytes]:
    """A block in hexadecimal, behind an empty line, its name, and its length."""
    lines = text.split(b"\n", 3)
    try:
        block = bytes.fromhex(lines[3].decode("ascii")) if len(lines) == 4 else b""
    except ValueError:
        return name, b""
    if block.startswith(XMP_NAMESPACE):
        return "xmp", block.removeprefix(XMP_NAMESPACE)
    return name, block
