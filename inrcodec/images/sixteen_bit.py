"""16-bit colour of PNG, TIFF and PPM files, of which Pillow drops the low byte."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inrcodec.extras import require
from inrcodec.images.metadata import ORIENTATION, upright

Deep = NDArray[np.uint16]

COLOUR_MODES = ("RGB", "RGBA", "RGBX", "LA")


def deep_colour(image: Image.Image, data: bytes) -> Deep | None:
    """The 16-bit samples (H, W, C) of an opened file with these bytes.

    None where Pillow itself gives all there is. PNG and TIFF need imagecodecs: raises
    `MissingExtraError` without it.
    """
    tiles = getattr(image, "tile", None)
    if not tiles or image.mode not in COLOUR_MODES:
        return None
    decoder, _, offset, arguments = tiles[0]
    if image.format == "PPM" and decoder == "ppm" and image.mode == "RGB":
        peak = arguments[1] if isinstance(arguments, tuple) else 255
        return _portable_pixmap(data, offset, image.size, peak) if peak > 255 else None
    raw_mode = arguments[0] if isinstance(arguments, tuple) else arguments
    if not isinstance(raw_mode, str) or ";16" not in raw_mode:
        return None
    if image.format == "PNG":
        samples = np.asarray(require("imagecodecs", extra="encode").png_decode(data))
    elif image.format == "TIFF":
        samples = np.asarray(require("imagecodecs", extra="encode").tiff_decode(data))
        # Pillow turns a TIFF upright by itself and forgets the tag
        orientation = image.getexif().get(ORIENTATION, 1)
        samples = upright(samples, orientation if orientation in range(1, 9) else 1)
    else:
        return None
    if samples.dtype != np.uint16 or samples.shape[:2] not in (image.size, image.size[::-1]):
        return None
    samples = samples[:, :, None] if samples.ndim == 2 else samples
    if raw_mode.startswith("RGBX"):
        samples = samples[:, :, :3]
    return _straight(samples) if raw_mode.startswith("RGBa") else samples


def _portable_pixmap(data: bytes, offset: int, size: tuple[int, int], peak: int) -> Deep:
    """Big-endian samples behind the header, scaled from 0..peak to 16 bit."""
    width, height = size
    flat = np.frombuffer(data, ">u2", width * height * 3, offset).astype(np.uint32)
    scaled = (np.minimum(flat, peak) * 65535 + peak // 2) // peak
    return scaled.astype(np.uint16).reshape(height, width, 3)


def _straight(samples: Deep) -> Deep:
    """Divide colour by alpha: premultiplied (H, W, 4) -> straight."""
    alpha = samples[:, :, 3:].astype(np.uint64)
    colour = (samples[:, :, :3] * np.uint64(65535) + alpha // 2) // np.maximum(alpha, 1)
    return np.concatenate([np.minimum(colour, 65535).astype(np.uint16), samples[:, :, 3:]], axis=2)
