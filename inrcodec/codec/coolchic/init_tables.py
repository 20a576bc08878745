"""Trained starts of the networks: files store what differs from them.

A table for each tier of `coolchic` holds one set of networks per slope, `STARTS` of them, sixteen a
decade from `LARGEST_SLOPE` down. A header names the table by its identity (the CRC-32 of its
numbers) and the set by its index, so a decoder that lacks a table says so instead of showing a
wrong picture.
Numbers are multiples of 2^-8 in the ARM and of 2^-12 elsewhere, in 16 bits. Trained by
training/train_start.py on CID22 (Sneyers et al. 2023, CC BY-SA 4.0), together with analysis.py.
"""

from __future__ import annotations

import math
import zlib
from functools import cache
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from inrcodec.codec.coolchic.model import CoolChic
from inrcodec.codec.options import LARGEST_SLOPE
from inrcodec.errors import FormatError

STARTS = 49
PER_DECADE = 16
TABLE = "coolchic_start.npz"

ARM_FRACTION = 8
PIXEL_FRACTION = 12


def start_index(slope: float) -> int:
    """The start trained nearest to a slope."""
    index = round(PER_DECADE * math.log10(LARGEST_SLOPE / slope))
    return min(STARTS - 1, max(0, index))


def start_slope(index: int) -> float:
    """The slope a start was trained for, which is that of the latents that suit its networks."""
    return float(LARGEST_SLOPE * 10 ** (-index / PER_DECADE))


@cache
def tables() -> dict[str, NDArray[np.int16]]:
    """The shipped tables by tier: numbers (STARTS, parameters)."""
    source = resources.files("inrcodec.codec") / "data" / TABLE
    with source.open("rb") as file, np.load(file) as arrays:
        return {tier: arrays[tier] for tier in arrays.files}


def identity_of(numbers: NDArray[np.int16]) -> int:
    """CRC-32 of a table, as little-endian 16-bit integers."""
    return zlib.crc32(numbers.astype("<i2").tobytes())


@cache
def identity(tier: str) -> int:
    """The identity of the table that new files of a tier refer to."""
    return identity_of(tables()[tier])


def has_start(model: CoolChic) -> bool:
    """Whether there is a table for models of these dimensions."""
    return model.complexity is not None


def start_parameters(wanted: int, index: int, model: CoolChic) -> dict[str, NDArray[np.float32]]:
    """The networks of an index in the table of an identity; raises `FormatError` if they are
    unknown."""
    tier = model.complexity
    if tier is None:
        raise FormatError("there is no trained start of these dimensions")
    if wanted != identity(tier):
        raise FormatError(
            f"the file needs the trained start {wanted:08x}; this version has {identity(tier):08x}"
        )
    if not 0 <= index < STARTS:
        raise FormatError(f"the trained start has no networks {index}")
    return unpack(model, tables()[tier][index])


def unpack(model: CoolChic, numbers: NDArray[np.int16]) -> dict[str, NDArray[np.float32]]:
    """One row of a table as parameters by name."""
    values, at = {}, 0
    for name, shape in model.shapes.items():
        size = math.prod(shape)
        fraction = ARM_FRACTION if name.startswith("arm") else PIXEL_FRACTION
        scaled = numbers[at : at + size].astype(np.float32) * np.float32(2.0**-fraction)
        values[name] = scaled.reshape(shape)
        at += size
    return values


def pack(model: CoolChic, values: dict[str, NDArray[np.float32]]) -> NDArray[np.int16]:
    """The inverse of `unpack`, rounding."""
    flat = []
    for name in model.shapes:
        fraction = ARM_FRACTION if name.startswith("arm") else PIXEL_FRACTION
        flat.append(np.rint(values[name].ravel().astype(np.float64) * 2.0**fraction))
    row = np.concatenate(flat)
    if np.abs(row).max() > np.iinfo(np.int16).max:
        raise ValueError("a parameter of the start does not fit 16 bits")
    return row.astype(np.int16)
