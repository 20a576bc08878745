"""16-bit colour of PNG and PPM files, of which Pillow drops the low byte."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inrcodec.errors import ImageError
from inrcodec.images.by_imagecodecs import decoded
from inrcodec.images.png_reading import COLOURS, Png

Deep = NDArray[np.uint16]


def png_colour(png: Png) -> Deep | None:
    """The samples (H, W, C) of a PNG file of 16-bit colour; None for any other.

    A transparent colour becomes alpha. Raises `ImageError`, and `MissingExtraError` without
    imagecodecs.
    """
    if png.bit_depth != 16 or png.colour_type == 0:
        return None
    samples = decoded("png", png.plain)
    channels = COLOURS[png.colour_type]
    width, height = png.size
    if samples.dtype != np.uint16 or samples.shape not in (
        (height, width, channels),
        (height, width, channels + 1),
    ):
        raise ImageError(f"cannot be decoded: got {samples.shape} samples of {samples.dtype}")
    return samples


def is_deep_colour(image: Image.Image) -> bool:
    """Whether this is a file of 16-bit colour, opened by Pillow and not yet read."""
    tiles = getattr(image, "tile", None)
    if not tiles or image.mode not in ("LA", "RGB", "RGBA", "CMYK"):
        return False
    arguments = tiles[0][3]
    raw_mode = arguments[0] if isinstance(arguments, tuple) else arguments
    return isinstance(raw_mode, str) and ";16" in raw_mode


def pixmap_colour(image: Image.Image, data: bytes) -> Deep | None:
    """The samples (H, W, 3) of a PPM file of 16-bit colour; None for any other image."""
    tiles = getattr(image, "tile", None)
    if image.format != "PPM" or image.mode != "RGB" or not tiles or tiles[0][0] != "ppm":
        return None
    _, _, offset, arguments = tiles[0]
    peak = arguments[1] if isinstance(arguments, tuple) else 255
    if peak <= 255:
        return None
    width, height = image.size
    flat = np.frombuffer(data, ">u2", width * height * 3, offset).astype(np.uint32)
    scaled = (np.minimum(flat, peak) * 65535 + peak // 2) // peak
    return scaled.astype(np.uint16).reshape(height, width, 3)
