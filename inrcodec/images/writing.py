"""`Picture` -> image files and PIL images."""

from __future__ import annotations

import io
import os
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from inrcodec.errors import OptionError
from inrcodec.pixels import Picture


def to_pil(picture: Picture) -> Image.Image:
    """`Picture` -> PIL image with its metadata in `info`. 16-bit colour becomes 8 bit."""
    pixels = picture.pixels
    if pixels.dtype == np.uint16 and picture.channels > 1:
        pixels = ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)
    image = Image.fromarray(pixels[:, :, 0] if picture.channels == 1 else pixels)
    blocks = {"icc_profile": picture.icc, "exif": picture.exif, "xmp": picture.xmp}
    image.info.update({key: block for key, block in blocks.items() if block})
    return image


def image_format(path: str | os.PathLike[str]) -> str:
    """Pillow's format name for a file name, e.g. "PNG"; raises `OptionError` if there is none."""
    extension = Path(path).suffix.lower()
    formats = Image.registered_extensions()
    if formats.get(extension) not in Image.SAVE:
        raise OptionError(f"{path}: cannot tell the image format from the name; try .png")
    return formats[extension]


def image_bytes(picture: Picture, image_format: str = "PNG") -> bytes:
    """Encode as an ordinary image file. 16-bit colour is kept by PNG alone, else an `OptionError`.

    Lossy formats are written at quality 95. PNG keeps ICC, EXIF and XMP; others what Pillow writes.
    """
    if image_format == "PNG":
        return _png(picture)
    if picture.bit_depth == 16 and (picture.channels > 1 or image_format != "TIFF"):
        raise OptionError(f"{image_format} cannot hold this 16-bit picture; write .png or 8 bit")
    blocks = {"icc_profile": picture.icc, "exif": picture.exif, "xmp": picture.xmp}
    kept: dict[str, Any] = {name: block for name, block in blocks.items() if block}
    out = io.BytesIO()
    try:
        to_pil(picture).save(out, format=image_format, quality=95, **kept)
    except MemoryError:
        raise
    except Exception as error:  # writers fail in many ways, also on what a file's metadata holds
        raise OptionError(f"cannot write this picture as {image_format}: {error}") from None
    return out.getvalue()


def _png(picture: Picture) -> bytes:
    """A PNG of any bit depth, its metadata chunks behind the header (PNG specification, 5.6)."""
    if picture.bit_depth == 16:
        import imagecodecs

        data = bytes(imagecodecs.png_encode(picture.pixels))
    else:
        out = io.BytesIO()
        pixels = picture.pixels
        Image.fromarray(pixels[:, :, 0] if picture.channels == 1 else pixels).save(out, "PNG")
        data = out.getvalue()
    after_header = 8 + 25  # signature and IHDR
    extra = b""
    if picture.icc:
        extra += _png_chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(picture.icc))
    if picture.exif:
        extra += _png_chunk(b"eXIf", picture.exif.removeprefix(b"Exif\0\0"))
    if picture.xmp:
        extra += _png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + picture.xmp)
    return data[:after_header] + extra + data[after_header:]


def _png_chunk(kind: bytes, payload: bytes) -> bytes:
    """One PNG chunk: length, kind, payload, CRC-32 (PNG specification, 5.3)."""
    checksum = zlib.crc32(kind + payload)
    return struct.pack(">I", len(payload)) + kind + payload + struct.pack(">I", checksum)
