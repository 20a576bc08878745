"""Image files made for a test."""

import io
import struct

import numpy as np
import tifffile
from PIL import Image

from inrcodec.images.directories import block_of

RAMP = np.arange(60, dtype=np.uint8).reshape(5, 12)


ARTIST = "Žofia Łukasiewicz, 写真\0".encode()
MAKER_NOTE = b"Nikon\0\x02\x10" + bytes(range(200))
COMMENT = b"UNICODE\0" + "größer".encode("utf-16-le")
THUMBNAIL = b"\xff\xd8 not much of a JPEG \xff\xd9"


def saved(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    """The bytes of an image file that Pillow writes."""
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def tiff(array: np.ndarray, **options: object) -> bytes:
    """A TIFF file that tifffile writes."""
    out = io.BytesIO()
    tifffile.imwrite(out, array, metadata=None, **options)
    return out.getvalue()


def by_hand(fields: dict[int, tuple[int, ...]], samples: bytes, order: str = "<") -> bytes:
    """A TIFF file of one strip with these fields, SHORT where they fit."""
    fields = {273: (0,), 279: (len(samples),), **fields}
    table, values = b"", b""
    behind = 8 + 2 + 12 * len(fields) + 4
    for tag in sorted(fields):
        numbers = fields[tag]
        packed = struct.pack(f"{order}{len(numbers)}H", *numbers) if max(numbers) < 65536 else b""
        kind = 3 if packed and tag != 273 else 4
        packed = packed if kind == 3 else struct.pack(f"{order}{len(numbers)}I", *numbers)
        if tag == 273:
            packed = b"STRI"
        elif len(packed) > 4:
            values += packed
            packed = struct.pack(f"{order}I", behind + len(values) - len(packed))
        table += struct.pack(f"{order}HHI", tag, kind, len(numbers)) + packed.ljust(4, b"\0")
    table = table.replace(b"STRI", struct.pack(f"{order}I", behind + len(values)))
    mark = b"II*\0" if order == "<" else b"MM\0*"
    head = mark + struct.pack(f"{order}IH", 8, len(fields))
    return head + table + bytes(4) + values + samples


def simple(photometric: int, bits: int, samples: int = 1, **more: object) -> dict[int, tuple]:
    fields = {256: (16,), 257: (8,), 258: (bits,) * samples, 259: (1,), 262: (photometric,)}
    return fields | {277: (samples,), 278: (8,)}


def block(order: str, orientation: int | None) -> bytes:
    """An EXIF block with everything that Pillow would write otherwise than it was."""
    fields: dict = {
        0x010F: (2, 6, b"maker\0"),
        0x011A: (5, 1, struct.pack(f"{order}II", 7200, 100)),
        0x013B: (2, len(ARTIST), ARTIST),
        0xC4A5: (7, 3, b"\x01\x02\x03"),
        0x8769: {
            0x829A: (5, 1, struct.pack(f"{order}II", 10, 1250)),
            0x927C: (7, len(MAKER_NOTE), MAKER_NOTE),
            0x9286: (7, len(COMMENT), COMMENT),
            0xA005: {1: (2, 4, b"R98\0")},
        },
        0x8825: {1: (2, 2, b"N\0"), 2: (5, 3, struct.pack(f"{order}6I", 50, 1, 30, 1, 200, 10))},
    }
    if orientation is not None:
        fields[0x0112] = (3, 1, struct.pack(f"{order}H", orientation))
    first = block_of(order, fields)
    end = 8 + 2 + 12 * len(fields)
    second = struct.pack(f"{order}H", 2)
    second += struct.pack(f"{order}HHII", 0x0201, 4, 1, len(first) + 30)
    second += struct.pack(f"{order}HHII", 0x0202, 4, 1, len(THUMBNAIL)) + bytes(4)
    linked = first[:end] + struct.pack(f"{order}I", len(first)) + first[end + 4 :]
    return b"Exif\0\0" + linked + second + THUMBNAIL
