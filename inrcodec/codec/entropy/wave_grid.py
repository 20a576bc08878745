"""A grid of latent symbols in order of waves: where each lies, and how it is distributed."""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inrcodec.codec import native
from inrcodec.codec.entropy.arm import MAX_INPUT, MEAN_FRACTION, IntegerArm
from inrcodec.codec.entropy.laplace import FRACTIONS
from inrcodec.codec.entropy.prior import MAX_MAGNITUDE
from inrcodec.codec.native import waves
from inrcodec.errors import LimitError

Symbols = NDArray[np.int32]
Sides = NDArray[np.signedinteger[Any]]

PORTION = 1 << 20
"""Usual size of a portion of a grid, in symbols."""

CHUNK = 8192


class Grid:
    """A grid within zeros, its sides behind it, in one flat array of 16-bit symbols.

    Every input of a symbol then lies at a fixed distance (`offsets`) from it, and the symbols of a
    wave `step` apart: wave i has `counts[i]` of them from `starts[i]` on.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        sides: Sides | None,
        arm: IntegerArm,
        symbols: Symbols | None = None,
    ) -> None:
        height, width = shape
        slope = max([1, *(column // -row + 1 for row, column in arm.neighbours if row)])
        top = max([0, *(-row for row, _ in arm.neighbours)])
        left = max([0, *(-column for _, column in arm.neighbours)])
        right = max([0, *(column for _, column in arm.neighbours)])
        pitch = left + width + right
        plane = (top + height) * pitch
        planes = np.zeros((1 + arm.sides, top + height, pitch), np.int16)
        inside = slice(top, None), slice(left, left + width)
        self._grid = planes[0][inside]
        if symbols is not None:
            peak = max(-int(symbols.min(initial=0)), int(symbols.max(initial=0)))
            if peak > MAX_MAGNITUDE:
                raise LimitError(f"a symbol of magnitude {peak}; the limit is {MAX_MAGNITUDE}")
            self._grid[:] = symbols
        if arm.sides and sides is not None:
            np.clip(sides, -MAX_INPUT, MAX_INPUT, out=planes[(slice(1, None), *inside)])
        self.flat = planes.reshape(-1)
        offsets = [row * pitch + column for row, column in arm.neighbours]
        offsets += [plane * (1 + i) for i in range(arm.sides)]
        self.offsets = np.array(offsets, np.int64)
        self.step = max(1, pitch - slope)
        times = np.arange(width + slope * (height - 1) if height else 0, dtype=np.int64)
        first = np.maximum(0, (times - width + slope) // slope)
        counts = np.minimum(height - 1, times // slope) - first + 1
        starts = (first + top) * pitch + left + times - slope * first
        self.starts, self.counts = starts[counts > 0], counts[counts > 0]

    def symbols(self) -> Symbols:
        """The grid as it stands, (h, w)."""
        symbols: Symbols = self._grid.astype(np.int32)
        return symbols

    def waves(self) -> waves.Waves:
        """Its arrays, as the compiled kernels take them."""
        return waves.Waves(self.flat, self.offsets, self.starts, self.counts, self.step)

    def portions(self, size: int) -> Iterator[Grid]:
        """The grid in portions of consecutive waves, of about `size` symbols, which share its
        array: what is computed of one takes little memory, however large the grid is."""
        number = (np.cumsum(self.counts) - 1) // size
        edges = [0, *(np.flatnonzero(np.diff(number)) + 1).tolist(), len(number)]
        for first, last in pairwise(edges):
            part = copy(self)
            part.starts, part.counts = self.starts[first:last], self.counts[first:last]
            yield part

    def distributions(self, arm: IntegerArm, level: int) -> tuple[Symbols, Symbols, Symbols]:
        """Of every symbol in order of waves: itself, its rounded mean and its row of the tables."""
        total = int(self.counts.sum())
        if compiled(arm):
            centre, rows = waves.distributions(self.waves(), kernel_network(arm, level))
            return self.flat[self._positions()].astype(np.int32), centre, rows
        positions = self._positions()
        centre, rows = np.empty((2, total), np.int32)
        for start in range(0, total, CHUNK):
            part = slice(start, start + CHUNK)
            inputs = self.flat[positions[part, None] + self.offsets]
            mean, scale = arm.distribution(inputs, level)
            mean += FRACTIONS // 2
            centre[part] = mean >> MEAN_FRACTION
            rows[part] = scale * FRACTIONS + (mean & FRACTIONS - 1)
        return self.flat[positions].astype(np.int32), centre, rows

    def _positions(self) -> NDArray[np.intp]:
        """Where every symbol lies, in order of waves."""
        before = np.cumsum(self.counts) - self.counts
        positions = np.repeat(self.starts - self.step * before, self.counts)
        positions += self.step * np.arange(len(positions))
        return positions


def compiled(arm: IntegerArm) -> bool:
    """Whether there are kernels, and they take this network."""
    return native.takes([arm.inputs, *(len(bias) for bias in arm.biases)])


def kernel_network(arm: IntegerArm, level: int) -> waves.Network:
    """The network of a level, as the compiled kernels take it."""
    return waves.network_of(arm.weights, arm.biases_of(level), arm.linear)
