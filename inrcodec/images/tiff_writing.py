"""Metadata put into a TIFF file; Pillow would write texts, numbers and offsets otherwise."""

from __future__ import annotations

import struct

import numpy as np

from inrcodec.errors import ImageWarning, warn
from inrcodec.images.directories import (
    INTEGERS,
    DamagedDirectoryError,
    Tables,
    Written,
    table_at,
)
from inrcodec.images.exif import PREFIX, copied
from inrcodec.images.tiff import ICC, XMP

BYTES, UNDEFINED = 1, 7
WORDS = {kind: struct.calcsize(code) for kind, code in INTEGERS.items()}
WORDS |= {5: 4, 10: 4, 11: 4, 12: 8}
"""Bytes of the numbers that a field type is made of; of others, one."""


def with_metadata(
    data: bytes, icc: bytes | None, exif_block: bytes | None, xmp: bytes | None
) -> bytes:
    """A TIFF file of one image with these blocks, in a new directory behind everything else."""
    tables = Tables.of(data)
    stored, _ = tables.directory(tables.first)
    fields: dict[int, tuple[int, int, bytes] | Written] = {}
    if exif_block:
        try:
            block = Tables.of(exif_block.removeprefix(PREFIX))
            told = copied(block, block.directory(block.first)[0])
            fields |= _in_order(told, swapped=block.order != tables.order)
        except DamagedDirectoryError:
            warn("the EXIF block is damaged and was left out", ImageWarning)
    fields |= {tag: (f.kind, f.number, tables.value(f)) for tag, f in stored.items()}
    for tag, kind, content in ((ICC, UNDEFINED, icc), (XMP, BYTES, xmp)):
        if content:
            fields[tag] = kind, len(content), content
    data += bytes(len(data) % 2)
    first = struct.pack(f"{tables.order}I", len(data))
    return data[:4] + first + data[8:] + table_at(tables.order, fields, len(data))


def _in_order(directory: Written, swapped: bool) -> Written:
    """The same fields with the bytes of every number in the other order, if `swapped`."""
    turned: dict[int, tuple[int, int, bytes] | Written] = {}
    for tag, content in directory.items():
        if isinstance(content, tuple):
            kind, number, value = content
            word = WORDS.get(kind, 1)
            if swapped and word > 1:
                value = np.frombuffer(value, f"u{word}").byteswap().tobytes()
            turned[tag] = kind, number, value
        else:
            turned[tag] = _in_order(content, swapped)
    return turned
