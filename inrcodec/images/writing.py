"""`Picture` -> image files and PIL images."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from inrcodec.errors import ImageWarning, OptionError, warn
from inrcodec.files import is_stream
from inrcodec.images.png import png_bytes
from inrcodec.pixels import MAX_METADATA_BYTES, Picture


def to_pil(picture: Picture) -> Image.Image:
    """Convert to a PIL image with the metadata in `info`; 16-bit colour becomes 8 bit."""
    pixels = picture.pixels
    if pixels.dtype == np.uint16 and picture.channels > 1:
        pixels = ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)
    image = Image.fromarray(pixels[:, :, 0] if picture.channels == 1 else pixels)
    blocks = {"icc_profile": picture.icc, "exif": picture.exif, "xmp": picture.xmp}
    image.info.update({name: block for name, block in blocks.items() if block})
    return image


def image_format(path: str | os.PathLike[str]) -> str:
    """Pillow's format name for a file name, e.g. "PNG"; raises `OptionError` if there is none.

    Stdout, which is "-", and pipes and devices without an extension take PNG.
    """
    extension = Path(path).suffix.lower()
    if path == "-" or extension == ".png" or (not extension and is_stream(path)):
        return "PNG"  # without a look at all formats, whose modules Pillow then loads
    formats = Image.registered_extensions()
    if formats.get(extension) not in Image.SAVE:
        raise OptionError(f"{path}: cannot tell the image format from the name; try .png")
    return formats[extension]


def check_format(image_format: str, channels: int, bit_depth: int) -> None:
    """Raise `OptionError` for a format that cannot hold such an image, before there is one."""
    image_bytes(Picture(np.zeros((16, 16, channels), f"uint{bit_depth}")), image_format)


HOLDING = ("AVIF", "JPEG", "MPO", "TIFF", "WEBP")
"""Formats beside PNG that are written with ICC, EXIF and XMP."""

SEGMENT_BYTES = 65533
LIMITS = {"icc": 255 * (SEGMENT_BYTES - 14), "exif": SEGMENT_BYTES, "xmp": SEGMENT_BYTES - 29}
"""Largest blocks of a JPEG file, whose segments are short, in bytes."""


class _Verbatim(Image.Exif):
    """An EXIF block that Pillow's writers take as it is: they find no tags, and call `tobytes`."""

    def __init__(self, block: bytes) -> None:
        super().__init__()
        self._block = block

    def __bool__(self) -> bool:
        return True

    def tobytes(self, offset: int = 8) -> bytes:
        """The block."""
        return self._block


def image_bytes(picture: Picture, image_format: str = "PNG") -> bytes:
    """Encode as an ordinary image file. 16-bit colour is kept by PNG alone, else an `OptionError`.

    Lossy formats are written at quality 95. ICC, EXIF and XMP are kept as they are; where a format
    cannot hold a block it is left out, with an `ImageWarning`.
    """
    if image_format == "PNG":
        return png_bytes(picture)
    if picture.bit_depth == 16 and (picture.channels > 1 or image_format != "TIFF"):
        raise OptionError(f"{image_format} cannot hold this 16-bit image; write .png or 8 bit")
    blocks = _held(picture, image_format)
    options: dict[str, Any] = {"icc_profile": blocks["icc"], "xmp": blocks["xmp"]}
    if blocks["exif"]:
        options["exif"] = _Verbatim(blocks["exif"])
    if image_format == "TIFF":
        options = {}
    out = io.BytesIO()
    try:
        image = to_pil(Picture(picture.pixels))
        image.save(out, format=image_format, quality=95, **{k: v for k, v in options.items() if v})
        if image_format != "TIFF":
            return out.getvalue()
        from inrcodec.images.tiff_writing import with_metadata

        return with_metadata(out.getvalue(), blocks["icc"], blocks["exif"], blocks["xmp"])
    except MemoryError:
        raise
    except Exception as error:  # writers fail in many ways, also on what a file's metadata holds
        raise OptionError(f"cannot write this image as {image_format}: {error}") from error


def _held(picture: Picture, image_format: str) -> dict[str, bytes | None]:
    """The metadata that a format holds, by name; warns of what it does not."""
    held: dict[str, bytes | None] = {}
    for name, block in picture.metadata.items():
        limit = LIMITS[name] if image_format in ("JPEG", "MPO") else MAX_METADATA_BYTES
        fits = image_format in HOLDING and len(block or b"") <= limit
        held[name] = block if fits else None
        if block and not fits:
            size = f" of {len(block)} bytes" if image_format in HOLDING else ""
            warn(
                f"{image_format} holds no {name.upper()} block{size}; it was left out", ImageWarning
            )
    return held
