"""Whatever a caller holds -> `Picture`: image files, PIL images, arrays and tensors."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inrcodec.errors import ImageError, ImageWarning, InrCodecError, warn
from inrcodec.files import Source, name_of, read_bytes
from inrcodec.images.arrays import is_tensor, samples_of_array, samples_of_tensor
from inrcodec.images.directories import ORIENTATION
from inrcodec.images.metadata import upright, upright_metadata
from inrcodec.images.opening import Opened, from_image, open_file
from inrcodec.images.sixteen_bit import is_deep_colour
from inrcodec.pixels import Picture

if TYPE_CHECKING:
    import torch

ImageSource: TypeAlias = "Source | Image.Image | Picture | NDArray[Any] | torch.Tensor"
"""What is taken for an image."""


def as_picture(image: object) -> Picture:
    """Convert what a caller holds to a `Picture`.

    Accepts a path, a file object or bytes of an image file, a PIL image, a `Picture`, or an array:
    numpy (H, W), (H, W, C) or a torch tensor (C, H, W). Arrays are uint8, uint16, bool, or floats
    in [0, 1] (kept at 8 bit). Raises `ImageError` for anything else, and `MissingExtraError` for
    an image file that only an optional package reads.
    """
    if isinstance(image, Picture):
        return image
    try:
        if is_tensor(image):
            return Picture(samples_of_tensor(image))
        if isinstance(image, np.ndarray):
            return Picture(samples_of_array(image))
        if isinstance(image, Image.Image):
            return from_pil(image)
        buffers = (str, os.PathLike, bytes, bytearray, memoryview)
        if isinstance(image, buffers) or hasattr(image, "read"):
            return read_image(image)
    except (InrCodecError, ImageWarning, MemoryError):
        raise
    except Exception as error:  # a lazily read image or an odd tensor fails in its own ways
        raise ImageError(f"the {type(image).__name__} cannot be used: {error}") from error
    raise ImageError(
        "expected a path, bytes, PIL image, numpy array or torch tensor, "
        f"got {type(image).__name__}"
    )


def read_image(source: Source) -> Picture:
    """Read an image from a path, a binary file object or bytes.

    The size is checked against the limits before any sample is decoded. Of an animation the first
    frame is read, with an `ImageWarning`. Raises `ImageError`, and `MissingExtraError` for a file
    that only an optional package reads. It changes no state of the process, so any number of
    threads may read at once; Pillow's own warnings reach the caller.
    """
    data = read_bytes(source, error=ImageError)
    name = name_of(source)
    try:
        if not data:
            raise ImageError("the file is empty")
        picture, left_behind = _decoded(data)
    except InrCodecError as error:
        error.about(name)
        raise
    for reason in left_behind:
        warn(reason if name is None else f"{name}: {reason}", ImageWarning)
    return picture


def from_pil(image: Image.Image) -> Picture:
    """Convert a PIL image, with its ICC profile, EXIF and XMP; the image itself is not changed.

    Pillow holds colour at 8 bit: of a file of 16 bit that it has opened, but not yet read, an
    `ImageWarning` says so.
    """
    deep = is_deep_colour(image)
    opened = from_image(image)
    if deep:
        opened.left_behind.append("Pillow holds 16-bit colour at 8 bit; give the file itself")
    with suppress(Exception):  # Pillow raises many types; a damaged block must not cost the image
        opened.orientation = image.getexif().get(ORIENTATION)
    picture, left_behind = _picture(opened)
    for reason in left_behind:
        warn(reason, ImageWarning)
    return picture


def _decoded(data: bytes) -> tuple[Picture, list[str]]:
    """Decode an image file; also what of it was left behind, as texts."""
    try:
        opened = open_file(data)
    except InrCodecError:
        raise
    except MemoryError:
        raise ImageError("not enough memory to decode the image") from None
    except Exception as error:  # decoders raise OSError, SyntaxError, struct.error and many more
        reason = str(error).replace("\n", " ") or type(error).__name__
        raise ImageError(f"cannot be decoded: {reason}") from error
    picture, left_behind = _picture(opened)
    if opened.frames > 1:
        left_behind.append(f"{opened.frames} frames; only the first is used")
    return picture, left_behind


def _picture(opened: Opened) -> tuple[Picture, list[str]]:
    """What was read, turned upright, and what was left behind."""
    found = upright_metadata(opened.icc, opened.exif, opened.xmp, opened.orientation)
    pixels = upright(opened.pixels, found.orientation)
    picture = Picture(pixels, icc=found.icc, exif=found.exif, xmp=found.xmp)
    return picture, [*opened.left_behind, *found.left_behind]
