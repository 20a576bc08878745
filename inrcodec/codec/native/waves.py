"""The compiled context network on the grids of entropy/wave_grid.py: the integers of arm.py."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from inrcodec.codec.native import at, kernel
from inrcodec.codec.native.pool import bands_of, run

Integers = NDArray[np.int32]
Positions = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Waves:
    """Where symbols lie in the array `flat`: wave i has `counts[i]` of them, `step` apart, from
    `starts[i]` on, and the inputs of each lie at `offsets` from it."""

    flat: NDArray[np.int16]
    offsets: Positions
    starts: Positions
    counts: Positions
    step: int

    def addresses(self) -> tuple[int | None, ...]:
        """Them as the kernels take them; the arrays stay this object's."""
        lie = at(self.starts), at(self.counts)
        return at(self.flat), at(self.offsets), len(self.starts), *lie, self.step


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """A context network of integers for the grids of one level, as the kernels read it."""

    shape: Integers
    parameters: Integers


def network_of(
    weights: Sequence[Integers], biases: Sequence[Integers], linear: Integers | None
) -> Network:
    """Of weights (outputs, inputs) and biases, those of a level, and a linear branch."""
    flat = [part.ravel() for pair in zip(weights, biases, strict=True) for part in pair]
    beside = [] if linear is None else [linear.ravel()]
    shape = [len(weights), len(beside), weights[0].shape[1], *map(len, biases)]
    parameters = np.concatenate([*flat, *beside]).astype(np.int32)
    return Network(np.array(shape, np.int32), parameters)


def distributions(waves: Waves, network: Network) -> tuple[Integers, Integers]:
    """Of every symbol in order of waves: its rounded mean and its row of the tables."""
    ends = np.cumsum(waves.counts)
    total = int(ends[-1]) if len(ends) else 0
    centres, rows = np.empty((2, total), np.int32)
    bands = bands_of(total, 1)
    first = [0, *(int(np.searchsorted(ends, last)) + 1 for _, last in bands[:-1]), len(ends)]

    def work(k: int) -> None:
        part = slice(first[k], first[k + 1])
        band = replace(waves, starts=waves.starts[part], counts=waves.counts[part])
        start = int(ends[part.start - 1]) if part.start else 0
        given = at(network.shape), at(network.parameters), *band.addresses()
        if kernel("distributions")(*given, at(centres[start:]), at(rows[start:])):
            raise MemoryError("no memory for a context network")

    run(work, len(bands))
    return centres, rows
