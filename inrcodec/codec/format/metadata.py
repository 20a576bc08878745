"""ICC, EXIF and XMP blocks <-> sections, compressed by zstandard.

A block is unpacked when it is asked for, and of each name the first one that arrived whole alone: a
file may repeat sections that unpack to 300 times their bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import zstandard

from inrcodec.codec.format.sections import Kind, Section, section_bytes
from inrcodec.pixels import MAX_METADATA_BYTES

KINDS = {"icc": Kind.ICC, "exif": Kind.EXIF, "xmp": Kind.XMP}


@dataclass(frozen=True, slots=True)
class Metadata:
    """The blocks of a file by name, at most `MAX_METADATA_BYTES` each, and the names of those of
    which something was damaged or repeated, each once."""

    blocks: dict[str, bytes]
    damaged: tuple[str, ...]

    @classmethod
    def of(cls, sections: Iterable[Section]) -> Metadata:
        """What these sections hold."""
        found: dict[str, bytes] = {}
        damaged: list[str] = []
        by_kind: dict[int, list[Section]] = {int(kind): [] for kind in KINDS.values()}
        for section in sections:
            by_kind.get(section.kind, []).append(section)
        for name, kind in KINDS.items():
            whole = next((s for s in by_kind[kind] if s.intact), None)
            block = None if whole is None else _unpacked(whole.payload)
            if block is not None:
                found[name] = block
            if len(by_kind[kind]) > (block is not None):
                damaged.append(name)
        return cls(found, tuple(damaged))


def metadata_sections(blocks: Mapping[str, bytes | None]) -> bytes:
    """The sections of ICC, EXIF and XMP blocks, compressed."""
    compressor, sections = zstandard.ZstdCompressor(level=19), bytearray()
    for name, kind in KINDS.items():
        if block := blocks.get(name):
            sections += section_bytes(kind, compressor.compress(block))
    return bytes(sections)


def _unpacked(payload: bytes) -> bytes | None:
    """A zstandard frame of at most `MAX_METADATA_BYTES`, or None if it is not one."""
    try:
        size = zstandard.get_frame_parameters(payload).content_size
        if not 0 < size <= MAX_METADATA_BYTES:  # also what a frame without a size claims
            return None
        return zstandard.ZstdDecompressor().decompress(payload, allow_extra_data=False)
    except (zstandard.ZstdError, MemoryError):
        return None
