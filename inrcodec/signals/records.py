"""Sound and clips, and what the codec sees of them.

The codec sees a *sheet*, samples (rows, columns, channels) like those of an image: of sound one row
of moments, of a clip its frames one below the other.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from inrcodec.errors import ImageError, OptionError
from inrcodec.pixels import CHANNEL_NAMES, MAX_PIXELS, MAX_SIDE, Picture, Samples

MAX_RATE = 1 << 24
"""Largest numerator and denominator of a rate."""

SOUND_NAMES = {1: "mono", 2: "stereo"}

ZERO = 1 << 15
"""What silence is in a sheet."""


@dataclass(frozen=True, slots=True)
class Timing:
    """When the samples of a signal are: `rate` frames a second of a clip of so many `frames`, or
    samples a second of sound, which has no frames."""

    rate: Fraction
    frames: int | None = None

    @property
    def axes(self) -> int:
        """How many coordinates a sample has: 1 of sound, 3 of a clip."""
        return 1 if self.frames is None else 3

    @property
    def named(self) -> str:
        """The same for a sentence: "sound" or "a clip"."""
        return "sound" if self.frames is None else "a clip"

    @property
    def kind(self) -> str:
        """What has it, for people: "sound" or "clip"."""
        return "sound" if self.frames is None else "clip"


@dataclass(frozen=True, slots=True, eq=False)
class Sound:
    """Samples (N, C) int16 of C = 1 or 2 channels (left, right), `rate` of them a second.

    Raises `ImageError` for what is no such sound, or longer than 2^20 samples a channel.
    """

    samples: NDArray[np.int16]
    rate: int

    def __post_init__(self) -> None:
        shape = self.samples.shape
        if self.samples.dtype != np.int16 or len(shape) != 2 or shape[1] not in SOUND_NAMES:
            raise ImageError(f"expected (N, 1..2) int16 samples of sound, got {shape}")
        check_sound(shape[0], self.rate)

    @property
    def timing(self) -> Timing:
        """When its samples are."""
        return Timing(Fraction(self.rate))

    @property
    def sheet(self) -> Samples:
        """What the codec sees: (1, N, C) uint16, silence 32768."""
        return (self.samples.astype(np.int32) + ZERO).astype(np.uint16)[None]

    @property
    def picture(self) -> Picture:
        """The sheet as an encoder takes it."""
        return Picture(self.sheet)

    @classmethod
    def of_sheet(cls, sheet: Samples, rate: int) -> Sound:
        """The inverse of `sheet`."""
        return cls((sheet[0].astype(np.int32) - ZERO).astype(np.int16), rate)


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """Frames (T, H, W, C) uint8 or uint16, channels as in `Picture`, `rate` of them a second, and
    the ICC profile of their colours, if there is one.

    Raises `ImageError` for what is no such clip or beyond 2^27 pixels in all frames together.
    """

    frames: Samples
    rate: Fraction
    icc: bytes | None = None

    def __post_init__(self) -> None:
        shape = self.frames.shape
        if len(shape) != 4 or shape[3] not in CHANNEL_NAMES:
            raise ImageError(f"expected frames (T, H, W, 1..4), got shape {shape}")
        if self.frames.dtype not in (np.uint8, np.uint16):
            raise ImageError(f"expected uint8 or uint16 samples, got {self.frames.dtype}")
        count, height, width, _ = shape
        check_clip(count, width, height)
        object.__setattr__(self, "rate", rate_of(self.rate))

    @property
    def timing(self) -> Timing:
        """When its frames are."""
        return Timing(self.rate, len(self.frames))

    @property
    def sheet(self) -> Samples:
        """What the codec sees: (T H, W, C), its frames one below the other."""
        return self.frames.reshape(-1, *self.frames.shape[2:])

    @property
    def picture(self) -> Picture:
        """The sheet as an encoder takes it, with the profile."""
        return Picture(self.sheet, icc=self.icc)

    @classmethod
    def of_sheet(cls, sheet: Samples, timing: Timing, icc: bytes | None = None) -> Clip:
        """The inverse of `sheet`."""
        count = timing.frames or 1
        frames = sheet.reshape(count, len(sheet) // count, *sheet.shape[1:])
        return cls(frames, timing.rate, icc)


def check_sound(count: int, rate: int) -> None:
    """Raise `ImageError` unless so many samples a channel, at this rate, are a sound."""
    if count < 1:
        raise ImageError("the sound is empty: 0 samples")
    if count > MAX_SIDE:
        raise ImageError(f"the sound has {count} samples a channel; the limit is {MAX_SIDE}")
    if not 1 <= rate <= MAX_RATE:
        raise ImageError(f"{rate} samples a second are outside [1, {MAX_RATE}]")


def check_clip(count: int, width: int, height: int) -> None:
    """Raise `ImageError` unless so many frames of this size are a clip."""
    if min(count, width, height) < 1:
        raise ImageError(f"the clip is empty: {count} frames of {width} x {height} pixels")
    rows = count * height
    if width > MAX_SIDE or rows > MAX_SIDE or rows * width > MAX_PIXELS:
        raise ImageError(
            f"the clip has {count} frames of {width} x {height} pixels; the limit is {MAX_PIXELS} "
            f"pixels, and {MAX_SIDE} rows and columns, of all frames together"
        )


def rate_of(value: int | float | str | Fraction) -> Fraction:
    """A number of frames a second, "30000/1001" too, as a fraction; raises `OptionError`."""
    try:
        found = Fraction(value)
    except (ValueError, ZeroDivisionError, TypeError, OverflowError):
        raise OptionError(f"a rate looks like 25 or 30000/1001, got {value!r}") from None
    if isinstance(value, (float, str)):
        found = found.limit_denominator(1 << 16)
    if not (1 <= found.numerator <= MAX_RATE and found.denominator <= MAX_RATE):
        raise OptionError(f"a rate is above 0 and at most {MAX_RATE}, got {value}")
    return found


def nearest_rate(rate: Fraction) -> Fraction:
    """The nearest rate that a file can have to any above 0."""
    found = rate if rate.denominator <= MAX_RATE else rate.limit_denominator(1 << 16)
    if found.numerator > MAX_RATE:
        found = Fraction(min(MAX_RATE, round(found)))
    return found or Fraction(1, MAX_RATE)


def channels_as_rows(sheet: Samples) -> Samples:
    """The sheet of a sound with its channels one below the other, (C, N, 1), since images take a
    second channel for alpha."""
    return sheet.transpose(2, 1, 0)


def snr(reference: NDArray[np.int16], decoded: NDArray[np.int16]) -> float:
    """Signal-to-noise ratio in dB of samples of one shape: power of the reference by power of the
    error; `inf` for equal sounds. Raises `ImageError` for other shapes."""
    if reference.shape != decoded.shape:
        raise ImageError(
            f"the sounds differ in samples and channels: {reference.shape} and {decoded.shape}"
        )
    wanted = reference.astype(np.float64)
    error = float(np.square(wanted - decoded).sum())
    power = float(np.square(wanted).sum())
    if error == 0:
        return math.inf
    return -math.inf if power == 0 else 10 * math.log10(power / error)
