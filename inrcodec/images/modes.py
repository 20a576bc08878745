"""The modes of Pillow -> samples (H, W, C); docs/images.md has them as a table."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from inrcodec.errors import ImageError
from inrcodec.pixels import Samples, from_unit

CONVERTED = {
    "1": "L",
    "La": "LA",
    "PA": "RGBA",
    "RGBa": "RGBA",
    "RGBX": "RGB",
    "YCbCr": "RGB",
    "HSV": "RGB",
}
"""Modes that Pillow converts to one that is stored as it is."""


def samples_of_image(image: Image.Image) -> tuple[Samples, bytes | None]:
    """The samples (H, W, C) of a PIL image, and the ICC profile that still applies to them.

    Raises `ImageError` for a mode or for values that cannot be stored.
    """
    converted, icc = _to_supported_mode(image)
    array = np.asarray(converted)
    samples: Samples
    if converted.mode.startswith("I;16"):
        samples = _deep_gray(converted, array.astype(np.uint16))
    elif converted.mode == "I":
        samples = _from_32_bit(array)
    elif converted.mode == "F":
        samples = from_floats(array)
    elif converted.mode in ("L", "LA", "RGB", "RGBA"):
        samples = array
    else:
        raise ImageError(f"images of mode {converted.mode} are not supported")
    return (samples[:, :, None] if samples.ndim == 2 else samples), icc


def from_floats(array: NDArray[Any]) -> Samples:
    """Floats in [0, 1] -> 16 bit, rounded; raises `ImageError` for others."""
    if not np.isfinite(array).all() or array.min() < 0 or array.max() > 1:
        raise ImageError("float samples must be finite and in [0, 1]")
    return from_unit(array * 2 - 1, 16)


def _to_supported_mode(image: Image.Image) -> tuple[Image.Image, bytes | None]:
    """Convert to a mode whose samples are used as they are; the ICC profile that still applies."""
    info, mode = image.info, image.mode
    icc = info.get("icc_profile")
    if mode == "CMYK":
        return _cmyk_to_rgb(image, icc), None
    if mode == "LAB":
        lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        rgb = ImageCms.profileToProfile(image, lab, srgb, outputMode="RGB")
        return rgb or image.convert("RGB"), None
    converted = image
    if mode == "P":
        converted = image.convert("RGBA" if image.has_transparency_data else "RGB")
    elif mode in ("1", "L") and "transparency" in info:
        converted = image.convert("RGBA").convert("LA")
    elif mode == "RGB" and "transparency" in info:
        converted = image.convert("RGBA")
    elif mode in CONVERTED:
        converted = image.convert(CONVERTED[mode])
    return converted, icc


def _cmyk_to_rgb(image: Image.Image, icc: bytes | None) -> Image.Image:
    """CMYK -> sRGB through the embedded profile, or by Pillow's formula if there is none usable."""
    if icc:
        try:
            srgb = ImageCms.createProfile("sRGB")
            rgb = ImageCms.profileToProfile(image, io.BytesIO(icc), srgb, outputMode="RGB")
        except (ImageCms.PyCMSError, OSError, ValueError):
            rgb = None
        if rgb is not None:
            return rgb
    return image.convert("RGB")


def _deep_gray(image: Image.Image, gray: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """16-bit gray, with alpha if one gray value stands for transparent."""
    key = image.info.get("transparency")
    if key is None:
        return gray
    opaque = np.where(gray == key, 0, 65535).astype(np.uint16)
    return np.stack([gray, opaque], axis=2)


def _from_32_bit(array: NDArray[np.int32]) -> NDArray[np.uint16]:
    """32-bit integers -> 16 bit, refused where they do not fit."""
    low, high = int(array.min()), int(array.max())
    if low < 0 or high > 65535:
        raise ImageError(f"32-bit samples in [{low}, {high}] do not fit 16 bits")
    return array.astype(np.uint16)
