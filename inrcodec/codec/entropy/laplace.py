"""Integer tables of the Laplace distributions that latent symbols follow.

A scale index i stands for b = 2^(-4 + i / 8). A symbol y with a mean of m sixteenths is coded as
its distance k = y - ((m + 8) >> 4) from the rounded mean. Narrow distributions (b <= 4) code k in
one piece; wider ones code k >> e by a table and the e low bits as they are, where e is the
smallest with b <= 4 x 2^e. Every table comes by integer arithmetic alone from 384
exponentials that are shipped, so it is the same on every machine. docs/format.md states what they
are and the arithmetic; a test computes them anew.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inrcodec.codec.entropy.arm import MEAN_FRACTION, SCALE_OFFSET, SCALES, SCALES_PER_OCTAVE
from inrcodec.codec.entropy.prior import PRECISION, check_sample

FRACTIONS = 1 << MEAN_FRACTION
"""Tables per scale: one for each sixteenth of the mean."""

MIN_ENTRY = -32
"""The entries of a table are k >> e = -32 .. 31, then the escape."""

ESCAPE = 64
"""Index of the escape entry: the symbol itself follows as 16 bits."""

ENTRIES = ESCAPE + 1

ESCAPE_BITS = 16

LAST_UNSHIFTED = SCALE_OFFSET + 2 * SCALES_PER_OCTAVE
"""Largest scale index without low bits (b = 4)."""

SHIFTS = np.maximum(0, -((LAST_UNSHIFTED - np.arange(SCALES)) // SCALES_PER_OCTAVE)).astype(
    np.int32
)
"""Low bits e of each scale index, shape (128,): 0 .. 10."""

SAMPLE_ROWS = 15, 520, 771, 1417, 2047
SAMPLE_CRC = 0xE3889205
"""CRC-32 of the words of all entries of these tables, one after another."""

Integers = NDArray[np.int64]

EXPONENTIALS = Path(__file__).parents[1] / "data" / "laplace_exponentials.csv"
"""Three integers of 32 bits a scale, which the decoder core is compiled with, too: see
`_constants`."""

_BITS = 31


@cache
def frequencies() -> NDArray[np.int32]:
    """Probabilities in units of 2^-24, shape (2048, 65): row 16 i + g for scale index i.

    g = (m + 8) & 15 says where in its bin the mean lies. Entry j < 64 holds the Laplace mass of
    [q 2^e - g/16, (q + 1) 2^e - g/16) around 0, q = j - 32; the escape holds the rest. Every entry
    is at least 1 and every row sums to 2^24. The array is read-only.
    """
    sixteenth, whole, first = _constants()
    near = _powers(sixteenth, FRACTIONS)
    far = _powers(whole, -MIN_ENTRY)[:, None, :]
    below = near[:, :FRACTIONS, None]
    above = first[:, None, None] * near[:, FRACTIONS:0:-1, None] >> _BITS
    tails = np.concatenate([below * far[..., ::-1], above * far[..., :-1]], axis=2) >> _BITS + 1
    # tails[..., j] is now the mass beyond the boundary q = j - 32: left of it up to 0, then right.
    tails[..., 1 - MIN_ENTRY :] = (1 << _BITS) - tails[..., 1 - MIN_ENTRY :]
    free = (1 << PRECISION) - ENTRIES
    cumulated = (tails * free >> _BITS).reshape(SCALES * FRACTIONS, ENTRIES)
    table = np.empty(cumulated.shape, np.int32)
    table[:, :ESCAPE] = np.diff(cumulated) + 1
    table[:, ESCAPE] = free - cumulated[:, ESCAPE] + cumulated[:, 0] + 1
    table.flags.writeable = False
    return table


@cache
def boundaries() -> NDArray[np.int32]:
    """Cumulated `frequencies`, from 0 to 2^24, shape (2048, 66), read-only."""
    table = np.zeros((SCALES * FRACTIONS, ENTRIES + 1), np.int32)
    np.cumsum(frequencies(), axis=1, out=table[:, 1:])
    table.flags.writeable = False
    return table


@cache
def weights() -> NDArray[np.float32]:
    """`frequencies` as constriction's categorical model wants them, shape (2048, 65), read-only.

    Its quantiser turns weights p into floor(cumulated p * s) + index with s = (2^24 - n) / sum p.
    With p = frequency - 1 every partial sum is an integer below 2^24, which 32-bit floats hold
    exactly, and s = 1.
    """
    table = (frequencies() - 1).astype(np.float32)
    table.flags.writeable = False
    return table


@cache
def family() -> Any:
    """constriction's model of the tables in `weights`.

    Raises `InrCodecError` if it does not code a sample as it should; see `prior.check_sample`.
    """
    import constriction  # not to read what a file is

    model = constriction.stream.model.Categorical(perfect=False)
    rows = np.repeat(SAMPLE_ROWS, ENTRIES)
    entries = np.tile(np.arange(ENTRIES, dtype=np.int32), len(SAMPLE_ROWS))
    coder = constriction.stream.queue.RangeEncoder()
    coder.encode(entries, model, weights()[rows])
    check_sample(coder.get_compressed(), SAMPLE_CRC)
    return model


def _constants() -> tuple[Integers, Integers, Integers]:
    """exp(-1 / 16 b), exp(-2^e / b) and exp((1 - 2^e) / b) of every scale, units of 2^-31."""
    rows = [line.split(",")[:3] for line in EXPONENTIALS.read_text().split()]
    sixteenth, whole, first = np.array(rows, np.int64).T
    return sixteenth, whole, first


def _powers(base: Integers, count: int) -> Integers:
    """base^0 .. base^count, each the floor of the last times base; shape (scales, count + 1)."""
    powers = np.empty((len(base), count + 1), np.int64)
    powers[:, 0] = 1 << _BITS
    for n in range(count):
        powers[:, n + 1] = powers[:, n] * base >> _BITS
    return powers
