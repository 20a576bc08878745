"""Which part of an image is wanted, at what size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from inrcodec import checks
from inrcodec.errors import OptionError
from inrcodec.pixels import MAX_PIXELS, MAX_SIDE

MAX_SCALE = 1024


@dataclass(frozen=True, slots=True)
class View:
    """Which part of the image, at what size: `width` x `height` pixels of the whole image,
    of which the region `crop` = (x, y, width, height) is wanted. `native` is the (width, height)
    of the image as encoded. Of a clip, `frames` images are wanted of `native_frames` as encoded."""

    width: int
    height: int
    crop: tuple[int, int, int, int]
    native: tuple[int, int]
    frames: int = 1
    native_frames: int = 1


def view_of(
    width: int,
    height: int,
    size: tuple[int, int] | None,
    scale: float | None,
    crop: tuple[int, int, int, int] | None,
    native_frames: int = 1,
    frames: int | None = None,
) -> View:
    """The view that `size`, `scale` and `crop` ask for of an image of this size, and of a clip of
    `native_frames` so many `frames` of the same time (None: as many).

    Raises `OptionError` for options that exclude each other or are beyond the limits.
    """
    native = width, height
    if size is not None and scale is not None:
        raise OptionError("give a size or a scale, not both")
    if scale is not None:
        scale = checks.real("scale", scale, 0, MAX_SCALE)
        if scale == 0:
            raise OptionError("scale must be above 0")
        width, height = max(1, round(width * scale)), max(1, round(height * scale))
    if size is not None:
        width, height = _whole("size", size, 2)
    if width < 1 or height < 1:
        raise OptionError(f"the output size must be at least 1 x 1, got {width} x {height}")
    x, y, wide, high = (0, 0, width, height) if crop is None else _whole("crop", crop, 4)
    if x < 0 or y < 0 or wide < 1 or high < 1 or x + wide > width or y + high > height:
        raise OptionError(f"the crop {x},{y},{wide},{high} is not inside {width} x {height} pixels")
    count = native_frames if frames is None else checks.whole("frames", frames, 1, MAX_SIDE)
    if wide * high * count > MAX_PIXELS:
        many = f"{count} x " if count > 1 else ""
        raise OptionError(f"{many}{wide} x {high} pixels are over the limit of {MAX_PIXELS}")
    return View(width, height, (x, y, wide, high), native, count, native_frames)


def _whole(name: str, values: Sequence[int], count: int) -> tuple[int, ...]:
    """`count` whole numbers below 2^31, or an `OptionError`."""
    try:
        found = tuple(values)
    except TypeError:
        found = ()
    if isinstance(values, (str, bytes)) or len(found) != count:
        raise OptionError(f"{name} must be {count} whole numbers, got {values!r}")
    return tuple(checks.whole(name, value, 1 - (1 << 31), (1 << 31) - 1) for value in found)
