"""`Picture` -> image files and PIL images."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from inrcodec.errors import OptionError
from inrcodec.images.png import png_bytes
from inrcodec.pixels import Picture


def to_pil(picture: Picture) -> Image.Image:
    """Convert to a PIL image with the metadata in `info`; 16-bit colour becomes 8 bit."""
    pixels = picture.pixels
    if pixels.dtype == np.uint16 and picture.channels > 1:
        pixels = ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)
    image = Image.fromarray(pixels[:, :, 0] if picture.channels == 1 else pixels)
    image.info.update(_profiles(picture))
    return image


def _profiles(picture: Picture) -> dict[str, Any]:
    """The metadata that is there, under Pillow's names."""
    blocks = {"icc_profile": picture.icc, "exif": picture.exif, "xmp": picture.xmp}
    return {name: block for name, block in blocks.items() if block}


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
        return png_bytes(picture)
    if picture.bit_depth == 16 and (picture.channels > 1 or image_format != "TIFF"):
        raise OptionError(f"{image_format} cannot hold this 16-bit image; write .png or 8 bit")
    out = io.BytesIO()
    try:
        to_pil(picture).save(out, format=image_format, quality=95, **_profiles(picture))
    except MemoryError:
        raise
    except Exception as error:  # writers fail in many ways, also on what a file's metadata holds
        raise OptionError(f"cannot write this image as {image_format}: {error}") from error
    return out.getvalue()
