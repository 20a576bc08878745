"""EXIF blocks: checked, set upright in place, and taken from the directories of a TIFF file."""

from __future__ import annotations

import struct

from inrcodec.images.directories import (
    EXIF_DIRECTORY,
    GPS_DIRECTORY,
    INTEGERS,
    INTEROP_DIRECTORY,
    ORIENTATION,
    DamagedDirectoryError,
    Directory,
    Tables,
    Written,
    block_of,
)
from inrcodec.pixels import MAX_METADATA_BYTES

PREFIX = b"Exif\0\0"
"""What stands before the block in JPEG files, and before every block kept here."""

RESOLUTION = {0x011A, 0x011B, 0x0128}
OF_THE_IMAGE = RESOLUTION | {0x010D, 0x010E, 0x010F, 0x0110, ORIENTATION, 0x0131, 0x0132, 0x013B}
OF_THE_IMAGE |= {0x013C, 0x4746, 0x4749, 0x8298, EXIF_DIRECTORY, GPS_DIRECTORY}
OF_THE_IMAGE |= set(range(0x9C9B, 0x9CA0))
"""Tags of a TIFF file's first directory that say something of the image rather than of how its
samples are stored: names, dates, rights, resolution, and the directories of EXIF and GPS."""

BELOW = {EXIF_DIRECTORY: {INTEROP_DIRECTORY}, GPS_DIRECTORY: set(), INTEROP_DIRECTORY: set()}
"""The directories that EXIF puts below others, each with those below it."""

OFFSETS = (13, 18)
"""Field types whose values are offsets, which mean nothing in another block."""


def upright(block: bytes) -> tuple[bytes, int | None]:
    """The same bytes, behind `PREFIX`, with the orientation set to 1, and what it was, 1 to 8.

    A block without a valid orientation comes back as it is, with None. Raises
    `DamagedDirectoryError` for one whose directories, or the values in them, lie outside of it.
    """
    body = block.removeprefix(PREFIX)
    tables = Tables.of(body)
    fields, _ = tables.directory(tables.first)
    _check(tables, fields, {EXIF_DIRECTORY, GPS_DIRECTORY})
    field = fields.get(ORIENTATION)
    if field is None or field.kind not in INTEGERS or field.number != 1:
        return PREFIX + body, None
    (orientation,) = tables.integers(field)
    if orientation not in range(1, 9):
        return PREFIX + body, None
    one = struct.pack(tables.order + INTEGERS[field.kind], 1)
    return PREFIX + body[: field.at] + one + body[field.at + field.size :], orientation


def _check(tables: Tables, fields: Directory, below: set[int]) -> int:
    """The bytes of all values of these and the directories below.

    Raises `DamagedDirectoryError` for values that are not there.
    """
    total = 0
    for tag, field in fields.items():
        if field.at + field.size > len(tables.data):
            raise DamagedDirectoryError("a value lies outside")
        total += field.size
        if tag in below:
            deeper, _ = tables.directory(tables.integers(field)[0])
            total += _check(tables, deeper, BELOW[tag])
    return total


def of_tiff(tables: Tables, fields: Directory) -> bytes | None:
    """What the first directory of a TIFF file says of the image, as an EXIF block; None if nothing.

    Types and values stay byte for byte; those that say how samples are stored are left out. Raises
    `DamagedDirectoryError`.
    """
    told = copied(tables, fields)
    if not set(told) - RESOLUTION - {ORIENTATION}:
        return None
    return PREFIX + block_of(tables.order, told)


def copied(tables: Tables, fields: Directory) -> Written:
    """What a first directory, and those of EXIF and GPS below it, say of the image.

    Raises `DamagedDirectoryError`, also for values that are more than may be kept.
    """
    chosen = {tag: field for tag, field in fields.items() if tag in OF_THE_IMAGE}
    if _check(tables, chosen, {EXIF_DIRECTORY, GPS_DIRECTORY}) > MAX_METADATA_BYTES:
        raise DamagedDirectoryError("the values share bytes")  # a file holds each only once
    return _copied(tables, chosen)


def _copied(tables: Tables, fields: Directory) -> Written:
    copied: dict[int, tuple[int, int, bytes] | Written] = {}
    for tag, field in fields.items():
        if tag in BELOW:
            below, _ = tables.directory(tables.integers(field)[0])
            deeper = {t: f for t, f in below.items() if t not in BELOW or t in BELOW[tag]}
            copied[tag] = _copied(tables, deeper)
        elif field.kind not in OFFSETS and field.kind <= 13:
            copied[tag] = field.kind, field.number, tables.value(field)
    return copied
