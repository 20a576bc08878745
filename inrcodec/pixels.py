"""The one currency of the package: pixels as numpy (H, W, C), and the only rounding.

A `Picture` is what every room hands to every other: integer samples plus the metadata that decides
how they look. Image files are read by `images.reading` and written by `images.writing`; tensors
never leave `codec` and `metrics`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from inrcodec.errors import ImageError

MAX_PIXELS = 1 << 27
"""Largest image read or decoded, in pixels (134 million, 11585 x 11585)."""

MAX_SIDE = 1 << 20
"""Largest width or height, in pixels."""

MAX_METADATA_BYTES = 1 << 24
"""Largest ICC, EXIF or XMP block kept, in bytes."""

Samples = NDArray[np.uint8] | NDArray[np.uint16]
AnySamples = TypeVar("AnySamples", bound=NDArray[Any])

CHANNEL_NAMES = {1: "gray", 2: "gray+alpha", 3: "RGB", 4: "RGB+alpha"}


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """Integer samples (H, W, C) and the metadata kept beside them.

    `pixels` is uint8 or uint16 with C = 1 (gray), 2 (gray, alpha), 3 (RGB) or 4 (RGB, alpha).
    Alpha is straight (not premultiplied). `icc`, `exif` and `xmp` are the raw profiles, or None.
    """

    pixels: Samples
    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None

    def __post_init__(self) -> None:
        if self.pixels.ndim != 3 or self.channels not in CHANNEL_NAMES:
            raise ImageError(f"expected (H, W, 1..4) samples, got shape {self.pixels.shape}")
        if self.pixels.dtype not in (np.uint8, np.uint16):
            raise ImageError(f"expected uint8 or uint16 samples, got {self.pixels.dtype}")
        check_size(self.width, self.height)

    @property
    def metadata(self) -> dict[str, bytes | None]:
        """The raw profiles by name."""
        return {"icc": self.icc, "exif": self.exif, "xmp": self.xmp}

    @property
    def height(self) -> int:
        """Number of rows."""
        return int(self.pixels.shape[0])

    @property
    def width(self) -> int:
        """Number of columns."""
        return int(self.pixels.shape[1])

    @property
    def channels(self) -> int:
        """Number of channels: 1 gray, 2 gray and alpha, 3 RGB, 4 RGB and alpha."""
        return int(self.pixels.shape[2])

    @property
    def bit_depth(self) -> int:
        """Bits per sample: 8 or 16."""
        return 16 if self.pixels.dtype == np.uint16 else 8


def check_size(width: int, height: int) -> None:
    """Raise `ImageError` unless the image has pixels and is within the limits."""
    if width < 1 or height < 1:
        raise ImageError(f"the image is empty: {width} x {height} pixels")
    if width > MAX_SIDE or height > MAX_SIDE or width * height > MAX_PIXELS:
        raise ImageError(
            f"the image has {width} x {height} pixels; the limit is {MAX_PIXELS} pixels "
            f"and {MAX_SIDE} per side"
        )


def check_unit(low: float, high: float) -> None:
    """Raise `ImageError` unless the least and the largest of float samples lie in [0, 1]."""
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ImageError("the image holds NaN or infinite values")
    if low < 0 or high > 1:
        raise ImageError(f"float samples must lie in [0, 1], got [{low}, {high}]")


def to_unit(pixels: Samples) -> NDArray[np.float32]:
    """Convert integer samples to float32 in [-1, 1], same shape."""
    peak = np.iinfo(pixels.dtype).max
    return pixels.astype(np.float32) * np.float32(2 / peak) - np.float32(1)


def from_unit(values: NDArray[np.floating[Any]], bit_depth: int) -> Samples:
    """Convert floats around [-1, 1] to uint8 or uint16: clip, round half up; NaN becomes 0.

    This is the only rounding of pixels in the package.
    """
    peak = (1 << bit_depth) - 1
    scaled = np.nan_to_num(np.asarray(values, np.float64), nan=-1.0)
    scaled = np.floor((np.clip(scaled, -1, 1) + 1) * (peak / 2) + 0.5)
    return scaled.astype(np.uint8) if bit_depth == 8 else scaled.astype(np.uint16)


def mean_squared_error(reference: Samples, decoded: Samples) -> float:
    """Mean squared error of colours, in units of the full range squared: 0 to 1.

    With alpha, of what the images show: the mean of the errors over black and over white. So
    colours that nobody sees do not count, and an error of alpha does whatever colour it lets
    through. Raises `ImageError` for arrays of different shape or type.
    """
    if reference.shape != decoded.shape or reference.dtype != decoded.dtype:
        raise ImageError(
            f"the images differ in kind: {reference.shape} {reference.dtype} "
            f"and {decoded.shape} {decoded.dtype}"
        )
    rows = max(1, (1 << 22) // max(1, reference[0].size))
    total = 0.0
    for top in range(0, reference.shape[0], rows):
        total += _squared_error(reference[top : top + rows], decoded[top : top + rows])
    return total / reference[:, :, : -1 if reference.shape[2] in (2, 4) else None].size


def _squared_error(reference: Samples, decoded: Samples) -> float:
    """The sum of squared errors of all colours, full range 1; as `mean_squared_error`."""
    peak = float(np.iinfo(reference.dtype).max)
    if reference.shape[2] not in (2, 4):
        difference = reference.astype(np.float64) - decoded
        return float((difference * difference).sum()) / peak**2
    first, second = (samples.astype(np.float64) / peak for samples in (reference, decoded))
    over_black = first[:, :, :-1] * first[:, :, -1:] - second[:, :, :-1] * second[:, :, -1:]
    over_white = over_black - (first[:, :, -1:] - second[:, :, -1:])
    return float((over_black * over_black + over_white * over_white).sum()) / 2


def psnr(reference: Samples, decoded: Samples) -> float:
    """Peak signal-to-noise ratio in dB of `mean_squared_error`; `inf` for images that show the
    same."""
    return decibels(mean_squared_error(reference, decoded))


def decibels(error: float) -> float:
    """PSNR in dB of a mean squared error with full range 1; `inf` for 0."""
    return math.inf if error <= 0 else -10 * math.log10(error)


def middle(pixels: AnySamples, high: int, wide: int) -> AnySamples:
    """The middle rows and columns of an image (H, W, C); raises `ImageError` if it has fewer."""
    height, width = pixels.shape[:2]
    if not (1 <= high <= height and 1 <= wide <= width):
        raise ImageError(f"an image of {width} x {height} pixels has no middle of {wide} x {high}")
    top, left = (height - high) // 2, (width - wide) // 2
    cut: Any = np.ascontiguousarray(pixels[top : top + high, left : left + wide])
    return cut  # type: ignore[no-any-return]
