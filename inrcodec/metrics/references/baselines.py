"""Encode with a reference codec, at a quality or to a size.

    coded = encode_at("webp", pixels, 60)
    coded = encode_to_size("avif", pixels, 12_000)    # the largest file of at most 12 000 bytes
    below, above = encode_around_size("avif", pixels, 12_000)    # to interpolate between
    coded.size_bytes, coded.bits_per_pixel, coded.pixels

Images are uint8 or uint16 (H, W, C); a codec refuses what it cannot hold. Sizes are those of the
complete file, without ICC or EXIF. The codecs and their settings are in `codecs.py`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from inrcodec.errors import OptionError, RateError
from inrcodec.images.writing import to_pil
from inrcodec.metrics.references.codecs import CODECS, Codec, available_codecs, library_versions
from inrcodec.pixels import CHANNEL_NAMES, Picture, Samples

__all__ = [
    "CODECS",
    "Attempt",
    "Codec",
    "Coded",
    "available_codecs",
    "codec_named",
    "encode_around_size",
    "encode_at",
    "encode_to_bpp",
    "encode_to_size",
    "library_versions",
    "next_level",
]

CLOSE_ENOUGH = 0.996
"""Share of a target size at which the search for a larger file stops."""

NEAR = 0.01
"""Share of a size within which two files count as equally large."""

SIZE_SPAN = 4.5
"""First guess of ln(largest size / smallest size) over the whole quality range of a codec."""


@dataclass(frozen=True, slots=True, eq=False)
class Coded:
    """What came out of a codec: the file, its decode, and the seconds they took.

    `encode_s` is the time of the encode that made `data`, `search_s` that of every encode tried.
    """

    codec: str
    settings: Mapping[str, Any]
    quality: float
    data: bytes
    pixels: Samples
    encode_s: float
    decode_s: float
    search_s: float

    @property
    def size_bytes(self) -> int:
        """Bytes of the complete file."""
        return len(self.data)

    @property
    def bits_per_pixel(self) -> float:
        """Bits of the complete file for each pixel of the image."""
        return 8 * len(self.data) / float(self.pixels.shape[0] * self.pixels.shape[1])


@dataclass(frozen=True, slots=True)
class Attempt:
    """One encode of a search: the file and the seconds it took."""

    data: bytes
    encode_s: float


def codec_named(name: str) -> Codec:
    """Return the codec of this name; `OptionError` if it is unknown or cannot be used here."""
    if name not in CODECS:
        raise OptionError(f"unknown codec {name!r}; known: {', '.join(CODECS)}")
    reason = CODECS[name].missing()
    if reason is not None:
        raise OptionError(f"{name} is not available: {reason}")
    return CODECS[name]


def encode_at(name: str | Codec, pixels: Samples, quality: float) -> Coded:
    """Encode and decode at one quality of the codec's own scale; raises `OptionError`.

    `name` is a name in `CODECS`, or a codec of your own.
    """
    codec = _codec(name)
    _check_pixels(codec, pixels)
    if not _is_number(quality):
        raise OptionError(f"the quality of {codec.name} must be a number, got {quality!r}")
    if not codec.low <= quality <= codec.high:
        raise OptionError(
            f"the quality of {codec.name} must be in [{codec.low:g}, {codec.high:g}], got {quality}"
        )
    if codec.integer and quality != int(quality):
        raise OptionError(f"the quality of {codec.name} must be a whole number, got {quality}")
    quality = int(quality) if codec.integer else float(quality)
    attempt = _attempt(codec, pixels, quality)
    return _coded(codec, pixels, quality, attempt, attempt.encode_s)


def encode_to_size(
    name: str | Codec,
    pixels: Samples,
    target_bytes: int,
    *,
    tried: dict[int, Attempt] | None = None,
) -> Coded:
    """Find the largest file of at most `target_bytes`; `RateError` if the smallest is larger.

    The target is never exceeded, also where sizes do not grow with every step of quality. One
    dictionary given as `tried` for several targets of the same image and codec saves encodes;
    `search_s` counts those of this call.
    """
    codec = _codec(name)
    tried = {} if tried is None else tried
    search_s = _search(codec, pixels, target_bytes, tried)
    best = _largest_within(codec, tried, target_bytes)
    return _coded(codec, pixels, codec.grid[best], tried[best], search_s)


def encode_around_size(
    name: str | Codec,
    pixels: Samples,
    target_bytes: int,
    *,
    tried: dict[int, Attempt] | None = None,
) -> tuple[Coded, ...]:
    """Find the file of the size wanted, or the two between which it lies: (below, above).

    A codec whose quality has steps of several percent has no file of just any size: what it would
    reach there is interpolated between the two, or a comparison favours one side. One file comes
    back alone where it is within `NEAR` of the size, or where there is none above. `RateError` if
    the smallest file is larger. `tried` as in `encode_to_size`.
    """
    codec = _codec(name)
    tried = {} if tried is None else tried
    search_s = _search(codec, pixels, target_bytes, tried)
    levels = [_largest_within(codec, tried, target_bytes)]
    sizes = _sizes(tried)
    above = [level for level, size in sizes.items() if size > target_bytes]
    if above:
        levels.append(min(above, key=lambda level: (sizes[level], level)))
    nearest = min(levels, key=lambda level: abs(math.log(sizes[level] / target_bytes)))
    if abs(sizes[nearest] - target_bytes) <= NEAR * target_bytes:
        levels = [nearest]
    return tuple(
        _coded(codec, pixels, codec.grid[level], tried[level], search_s) for level in levels
    )


def _search(codec: Codec, pixels: Samples, target_bytes: int, tried: dict[int, Attempt]) -> float:
    """Encode at one level after another until the size lies between two, or a file is close
    enough; returns the seconds that took."""
    _check_pixels(codec, pixels)
    if not _is_number(target_bytes) or target_bytes != int(target_bytes) or target_bytes < 1:
        raise OptionError(f"target_bytes must be a whole number above 0, got {target_bytes!r}")
    search_s = 0.0
    while (level := next_level(_sizes(tried), len(codec.grid) - 1, target_bytes)) is not None:
        tried[level] = _attempt(codec, pixels, codec.grid[level])
        search_s += tried[level].encode_s
    return search_s


def _largest_within(codec: Codec, tried: Mapping[int, Attempt], target_bytes: int) -> int:
    """The level of the largest file of at most so many bytes; raises `RateError`."""
    fitting = {level: size for level, size in _sizes(tried).items() if size <= target_bytes}
    if not fitting:
        raise RateError(
            f"{codec.name} needs {len(tried[0].data)} bytes for this image at its lowest "
            f"quality, more than the {target_bytes} asked for"
        )
    return max(fitting, key=lambda level: (fitting[level], level))


def encode_to_bpp(name: str | Codec, pixels: Samples, bits_per_pixel: float) -> Coded:
    """Call `encode_to_size` with this many bits for each pixel, rounded down to whole bytes."""
    if not _is_number(bits_per_pixel) or bits_per_pixel <= 0:
        raise OptionError(f"bits_per_pixel must be above 0, got {bits_per_pixel!r}")
    target_bytes = int(bits_per_pixel * Picture(pixels).width * pixels.shape[0] / 8)
    return encode_to_size(name, pixels, max(1, target_bytes))


def next_level(sizes: Mapping[int, int], levels: int, target: int) -> int | None:
    """Choose the next level 0..levels to try from the sizes so far; None ends the search.

    Brackets the target between a level that fits and a higher one that does not. The crossing is
    interpolated in the logarithm of the size, or extrapolated while all levels tried lie on one
    side of it; from the fifth on, every other level halves what is left.
    """
    if not sizes:
        return levels // 2
    below = max((level for level, size in sizes.items() if size <= target), default=-1)
    above = min((level for level in sizes if level > below), default=levels + 1)
    if above - below <= 1 or sizes.get(below, 0) >= CLOSE_ENOUGH * target:
        return None
    if len(sizes) > 4 and len(sizes) % 2:
        return (below + above) // 2
    aim = math.log(target * (1 + CLOSE_ENOUGH) / 2)
    logs = {level: math.log(size) for level, size in sizes.items()}
    if below in sizes and above in sizes:
        share = (aim - logs[below]) / (logs[above] - logs[below])
        guess = below + (above - below) * share
    else:
        near, *others = sorted(sizes, reverse=above > levels)
        slope = SIZE_SPAN / levels
        if others:
            measured = (logs[others[0]] - logs[near]) / (others[0] - near)
            slope = min(max(measured, slope / 4), slope * 4)
        guess = near + (aim - logs[near]) / slope
    return min(max(math.floor(guess), below + 1), above - 1)


def _codec(name: str | Codec) -> Codec:
    """Return the codec of this name, or the codec itself."""
    return name if isinstance(name, Codec) else codec_named(name)


def _is_number(value: object) -> bool:
    """Tell whether `value` is a finite number, and not a bool."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        return False
    return math.isfinite(float(value))


def _sizes(tried: Mapping[int, Attempt]) -> dict[int, int]:
    """Return the size in bytes of each level tried."""
    return {level: len(attempt.data) for level, attempt in tried.items()}


def _check_pixels(codec: Codec, pixels: Samples) -> None:
    """Refuse what the codec cannot hold, rather than change it; raises `OptionError`."""
    if not isinstance(pixels, np.ndarray):
        raise OptionError(f"expected samples (H, W, C), got {type(pixels).__name__}")
    picture = Picture(pixels)
    held = codec.channels if picture.bit_depth == 8 else codec.channels_16_bit
    if picture.channels not in held:
        kind = f"{picture.bit_depth}-bit {CHANNEL_NAMES[picture.channels]}"
        raise OptionError(f"{codec.name} cannot hold {kind} images here")


def _attempt(codec: Codec, pixels: Samples, quality: float) -> Attempt:
    """Encode once and take the time; a failure of the encoder is an `OptionError`."""
    start = time.perf_counter()
    try:
        data = codec.encode(pixels, quality)
    except (OSError, ValueError, RuntimeError) as error:  # what Pillow and imagecodecs raise
        size = f"{pixels.shape[1]} x {pixels.shape[0]}"
        reason = str(error) or type(error).__name__
        raise OptionError(
            f"{codec.name} cannot encode this {size} image at quality {quality:g}: {reason}"
        ) from None
    return Attempt(data, time.perf_counter() - start)


def _coded(
    codec: Codec, pixels: Samples, quality: float, attempt: Attempt, search_s: float
) -> Coded:
    """Decode an attempt and put the record together, with the channels of the original.

    Formats store gray as RGB, or leave out an alpha channel that is opaque.
    """
    start = time.perf_counter()
    decoded = codec.decode(attempt.data)
    decode_s = time.perf_counter() - start
    if decoded.shape != pixels.shape:
        mode = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}[pixels.shape[2]]
        decoded = np.array(to_pil(Picture(decoded)).convert(mode)).reshape(pixels.shape)
    return Coded(
        codec=codec.name,
        settings=dict(codec.settings),
        quality=quality,
        data=attempt.data,
        pixels=decoded,
        encode_s=attempt.encode_s,
        decode_s=decode_s,
        search_s=search_s,
    )
