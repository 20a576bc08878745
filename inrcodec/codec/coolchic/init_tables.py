"""Trained initialisations of the networks: a file stores the residual to one of them.

A table for each tier of `coolchic` holds `SETS` sets of networks, each for one lambda. A header
names the table by its identity (the CRC-32 of its numbers) and the set by its index, so a decoder
that lacks a table says so instead of showing a wrong image. Numbers are multiples of 2^-8 in the
ARM and of 2^-12 elsewhere, in 16 bits. Trained by training/train_initialisation.py on CID22
(Sneyers et al. 2023, CC BY-SA 4.0), together with the analysis network of the encoder.
"""

from __future__ import annotations

import math
import zlib
from functools import cache
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from inrcodec.codec.coolchic.model import CoolChic
from inrcodec.errors import FormatError

SETS = 49
TABLE = "coolchic_start.npz"

ARM_FRACTION = 8
PIXEL_FRACTION = 12


@cache
def tables() -> dict[str, NDArray[np.int16]]:
    """The shipped tables by tier: numbers (SETS, parameters)."""
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


def has_table(model: CoolChic) -> bool:
    """Whether there is a table for models of these dimensions."""
    return model.complexity is not None


def initial_parameters(wanted: int, index: int, model: CoolChic) -> dict[str, NDArray[np.float32]]:
    """The networks of an index in the table of an identity; raises `FormatError` if they are
    unknown."""
    return unpack(model, initial_numbers(wanted, index, model))


def initial_numbers(wanted: int, index: int, model: CoolChic) -> NDArray[np.int16]:
    """The same as a row of the table, (parameters,)."""
    tier = model.complexity
    if tier is None:
        raise FormatError("there is no trained initialisation of these dimensions")
    if wanted != identity(tier):
        raise FormatError(
            f"the file needs the trained initialisation {wanted:08x}; this version has "
            f"{identity(tier):08x}"
        )
    if not 0 <= index < SETS:
        raise FormatError(f"the trained initialisation has no networks {index}")
    row: NDArray[np.int16] = tables()[tier][index]
    return row


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
        raise ValueError("a parameter of the initialisation does not fit 16 bits")
    return row.astype(np.int16)
