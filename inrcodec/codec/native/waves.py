"""The compiled context network and range decoder on the grids of wavefront.py.

The same integers as arm.py and constriction give, symbol by symbol instead of a wave at a time: on
one thread three times faster (benchmarks/speed/latent_decode.py).
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from inrcodec.codec import native
from inrcodec.codec.entropy.arm import IntegerArm
from inrcodec.codec.entropy.laplace import ENTRIES, frequencies
from inrcodec.codec.native import at, kernel

if TYPE_CHECKING:
    from inrcodec.codec.entropy.waves import Grid

Integers = NDArray[np.int32]


def serves(arm: IntegerArm) -> bool:
    """Whether there are kernels, and they take this network."""
    return native.takes([arm.inputs, *(len(bias) for bias in arm.biases)])


def distributions(grid: Grid, arm: IntegerArm, level: int) -> tuple[Integers, Integers]:
    """Of every symbol in order of waves: its rounded mean and its row of the tables."""
    shape, parameters = _network(arm, level)
    centres, rows = np.empty((2, int(grid.counts.sum())), np.int32)
    failed = kernel("distributions")(
        at(shape), at(parameters), *_waves(grid), at(centres),
        at(rows),
    )  # fmt: skip
    if failed:
        raise MemoryError("no memory for a context network")
    return centres, rows


def decode(
    words: NDArray[np.uint32], grid: Grid, arm: IntegerArm, level: int, *, prefix: bool
) -> tuple[int, bool]:
    """Decode into the grid; returns how many symbols were decoded and whether the stream is valid.

    With `prefix`, a wave that words beyond the end could change, or an invalid one, ends it.
    """
    shape, parameters = _network(arm, level)
    words = np.ascontiguousarray(words)
    decoded = kernel("decode_waves")(
        at(shape), at(parameters), *_waves(grid), at(words), len(words),
        at(_boundaries()), prefix,
    )  # fmt: skip
    if decoded == -(1 << 63):
        raise MemoryError("no memory for a context network")
    return (decoded, True) if decoded >= 0 else (-1 - decoded, False)


def _network(arm: IntegerArm, level: int) -> tuple[Integers, Integers]:
    """Shape and parameters as the kernels read them, the level bias added."""
    biases = arm.biases_of(level)
    flat = [part.ravel() for pair in zip(arm.weights, biases, strict=True) for part in pair]
    linear = [] if arm.linear is None else [arm.linear.ravel()]
    shape = [len(arm.weights), len(linear), arm.inputs, *map(len, biases)]
    return np.array(shape, np.int32), np.concatenate([*flat, *linear]).astype(np.int32)


def _waves(grid: Grid) -> tuple[int | None, ...]:
    """Symbols, offsets, and where the waves lie; the arrays stay the grid's."""
    return (
        at(grid.flat),
        at(grid.offsets),
        len(grid.starts),
        at(grid.starts),
        at(grid.counts),
        grid.step,
    )


@cache
def _boundaries() -> Integers:
    """Cumulated `laplace.frequencies`, (rows, entries + 1)."""
    table = np.zeros((len(frequencies()), ENTRIES + 1), np.int32)
    np.cumsum(frequencies(), axis=1, out=table[:, 1:])
    return table
