"""The header of a file: image size, model family and dimensions, as a small msgpack map."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum
from fractions import Fraction
from typing import Any

import msgpack

from inrcodec.codec.format.packed import PackedReader
from inrcodec.codec.format.sections import Kind
from inrcodec.errors import FormatError, LimitError
from inrcodec.pixels import MAX_PIXELS, MAX_SIDE
from inrcodec.signals.records import MAX_RATE, Timing

MAX_HEADER_BYTES = 256

SLICE_SIDES = (8, 4096)
"""Least and greatest side of a slice of a latent grid, in symbols."""


class Family(IntEnum):
    """Model families. Never renumbered."""

    SIREN = 1
    PE_SIREN = 2
    COOLCHIC_V1 = 3
    COOLCHIC_V2 = 4
    COOLCHIC = 5
    NIF = 6
    FOURIER = 7
    MFN_FOURIER = 8
    MFN_GABOR = 9
    WIRE = 10
    DINER = 11
    SPINR = 12

    @property
    def label(self) -> str:
        """What people call it: "coolchic-v1"."""
        return self.name.lower().replace("_", "-")


_GRIDS = frozenset({Kind.LATENTS, Kind.ALPHA_PARAMETERS, Kind.ALPHA_LATENTS})

HELD_KINDS = {
    Family.COOLCHIC_V1: _GRIDS,
    Family.COOLCHIC_V2: _GRIDS,
    Family.COOLCHIC: _GRIDS,
    Family.SPINR: frozenset({Kind.LAYER}),
}
"""Kinds of sections that files of a family hold beside those that every file may hold."""


def may_hold(family: Family, kind: Kind) -> bool:
    """Whether a file of a family may hold sections of one of the kinds that not all files have."""
    return kind in HELD_KINDS.get(family, ())


class Key(IntEnum):
    """Keys of the header map. Never renumbered."""

    WIDTH = 1
    HEIGHT = 2
    CHANNELS = 3
    BIT_DEPTH = 4
    FAMILY = 5
    DIMENSIONS = 6
    INIT = 7
    SLICE = 8
    RATE = 9
    FRAMES = 10


PHASES = 1
"""Identity of the one initialisation that is not a trained table (networks/init_tables.py)."""

ARRAYS = frozenset({Key.DIMENSIONS, Key.INIT, Key.RATE})
"""Keys of arrays of integers; the others have one integer."""

MOST_DIMENSIONS = 16

OPTIONAL = frozenset({Key.INIT, Key.SLICE, Key.RATE, Key.FRAMES})
"""Keys a header need not have; only a family with LATENTS sections has a slice side, only sound and
clips have a rate, and only clips have frames."""

SIGNAL_FAMILIES = frozenset({Family.SIREN, Family.PE_SIREN, Family.NIF, Family.SPINR})
"""Families whose networks may have another number of coordinates than the two of an image."""


@dataclass(frozen=True, slots=True)
class Header:
    """What a decoder must know before the first parameter.

    `width`, `height` in pixels; `channels` 1 gray, 2 gray+alpha, 3 RGB, 4 RGB+alpha; `bit_depth` 8
    or 16; `dimensions` are the integers that fix the family's network (docs/format.md). `init` =
    (identity, index) of the initialisation the parameters add to; in latent families `slice_side`
    is the side of the slices that grids are cut into, in symbols; None without. `timing` is that of
    sound, whose samples are the columns of one row of 16 bit, or of a clip, whose size is that of a
    frame; None for an image.
    """

    width: int
    height: int
    channels: int
    bit_depth: int
    family: Family
    dimensions: tuple[int, ...]
    init: tuple[int, int] | None = None
    slice_side: int | None = None
    timing: Timing | None = None

    @property
    def axes(self) -> int:
        """How many coordinates a sample has: 1 of sound, 2 of an image, 3 of a clip."""
        return 2 if self.timing is None else self.timing.axes

    @property
    def frames(self) -> int:
        """How many frames there are: 1, but of a clip."""
        return 1 if self.timing is None else self.timing.frames or 1

    def to_bytes(self) -> bytes:
        """The header payload: a msgpack map with small integer keys, in ascending order."""
        fields: dict[int, Any] = {
            Key.WIDTH: self.width,
            Key.HEIGHT: self.height,
            Key.CHANNELS: self.channels,
            Key.BIT_DEPTH: self.bit_depth,
            Key.FAMILY: int(self.family),
            Key.DIMENSIONS: list(self.dimensions),
        }
        if self.init is not None:
            fields[Key.INIT] = list(self.init)
        if self.slice_side is not None:
            fields[Key.SLICE] = self.slice_side
        if self.timing is not None:
            fields[Key.RATE] = [self.timing.rate.numerator, self.timing.rate.denominator]
            if self.timing.frames is not None:
                fields[Key.FRAMES] = self.timing.frames
        packed: bytes = msgpack.packb({int(key): value for key, value in fields.items()})
        return packed

    @classmethod
    def from_bytes(cls, payload: bytes) -> Header:
        """Parse and check every field; raises `FormatError` or `LimitError`."""
        fields = _fields(payload)
        width = _integer(fields, Key.WIDTH, 1, MAX_SIDE)
        height = _integer(fields, Key.HEIGHT, 1, MAX_SIDE)
        if width * height > MAX_PIXELS:
            raise LimitError(f"{width} x {height} pixels are over the limit of {MAX_PIXELS}")
        bit_depth = _integer(fields, Key.BIT_DEPTH, 8, 16)
        if bit_depth not in (8, 16):
            raise FormatError(f"bit depth must be 8 or 16, got {bit_depth}")
        number = _integer(fields, Key.FAMILY, 0, 1 << 16)
        if number not in set(Family):
            raise FormatError(f"unknown model family {number}: written by a newer version?")
        family = Family(number)
        if Key.SLICE in fields and not may_hold(family, Kind.LATENTS):
            raise FormatError(f"images of family {family.name} have no slices")
        dimensions = _integers(fields, Key.DIMENSIONS, 1 << 20)
        channels = _integer(fields, Key.CHANNELS, 1, 4)
        init, side = None, None
        if Key.INIT in fields:
            init = _integers(fields, Key.INIT, (1 << 32) - 1)
            if len(init) != 2 or init[1] > 255:
                raise FormatError(f"header field init must be [identity, index], got {init}")
        if Key.SLICE in fields:
            side = _integer(fields, Key.SLICE, *SLICE_SIDES)
        pair = None if init is None else (init[0], init[1])
        timing = _timing(fields)
        header = cls(width, height, channels, bit_depth, family, dimensions, pair, side, timing)
        if timing is not None:
            header._check_signal(timing)
        return header

    def _check_signal(self, timing: Timing) -> None:
        """Raise `FormatError` or `LimitError` for what no sound and no clip has."""
        if self.family not in SIGNAL_FAMILIES:
            raise FormatError(f"family {self.family.name} is of images, not of {timing.named}")
        if timing.frames is not None:
            rows = timing.frames * self.height
            if rows > MAX_SIDE or rows * self.width > MAX_PIXELS:
                raise LimitError(
                    f"{timing.frames} frames of {self.width} x {self.height} pixels are over the "
                    f"limit of {MAX_PIXELS} pixels or of {MAX_SIDE} rows"
                )
            return
        if (self.height, self.bit_depth) != (1, 16) or self.channels > 2:
            raise FormatError("sound has one row of 16 bit and 1 or 2 channels")
        if timing.rate.denominator != 1:
            raise FormatError("sound has a whole number of samples a second")


def _timing(fields: dict[int, Any]) -> Timing | None:
    """The rate and the frames of a signal that is no image."""
    if Key.RATE not in fields:
        if Key.FRAMES in fields:
            raise FormatError("the header has frames, but no rate")
        return None
    rate = _integers(fields, Key.RATE, MAX_RATE)
    if len(rate) != 2 or 0 in rate or math.gcd(*rate) != 1:
        raise FormatError(f"header field rate must be a fraction in lowest terms, got {rate}")
    frames = _integer(fields, Key.FRAMES, 1, MAX_SIDE) if Key.FRAMES in fields else None
    return Timing(Fraction(*rate), frames)


def _fields(payload: bytes) -> dict[int, Any]:
    """The map of a header payload with every required key once and no unknown one."""
    if len(payload) > MAX_HEADER_BYTES:
        raise LimitError(f"the header has {len(payload)} bytes; the limit is {MAX_HEADER_BYTES}")
    reader = PackedReader(payload, "the header is not the msgpack map of its fields")
    fields: dict[int, Any] = {}
    for _ in range(reader.map(len(Key) + 1)):
        key = reader.item()
        if type(key) is int and 0 < key < 128 and key not in set(Key):
            raise FormatError(f"unknown header key {key}: written by a newer version?")
        if type(key) is not int or key not in set(Key) or key in fields:
            raise _wrong_keys()
        if key in ARRAYS:
            fields[key] = [reader.item() for _ in range(reader.array(MOST_DIMENSIONS))]
        else:
            fields[key] = reader.item()
    reader.end()
    if not set(Key) - OPTIONAL <= set(fields):
        raise _wrong_keys()
    return fields


def _wrong_keys() -> FormatError:
    return FormatError("the header must hold the keys 1 to 6 and may hold 7 to 10, each once")


def _integer(fields: dict[int, Any], key: Key, low: int, high: int) -> int:
    """The field as an integer in [low, high]; booleans and floats are refused."""
    value = fields[key]
    if type(value) is not int:
        raise FormatError(f"header field {key.name.lower()} must be an integer, got {value!r}")
    if not low <= value <= high:
        raise LimitError(f"header field {key.name.lower()} = {value} is outside [{low}, {high}]")
    return value


def _integers(fields: dict[int, Any], key: Key, high: int) -> tuple[int, ...]:
    """The field as integers in [0, high]."""
    values = fields[key]
    for value in values:
        if type(value) is not int or not 0 <= value <= high:
            raise FormatError(
                f"header field {key.name.lower()}: {value!r} is not an integer in [0, {high}]"
            )
    return tuple(values)
