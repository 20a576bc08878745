"""Which window of an image each step of a fit of latent grids sees.

A small image is one window; a larger one is cut at offsets drawn anew for each round, and a round
visits every latent once.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from inrcodec.codec.coolchic.model import CoolChic
from inrcodec.codec.coolchic.windows import Window
from inrcodec.codec.fitting.coolchic.schedule import Schedule


class StepWindows:
    """An endless iterator of windows; `round` counts the rounds so far."""

    def __init__(self, model: CoolChic, random: np.random.Generator, schedule: Schedule) -> None:
        self._model, self._random, self._schedule = model, random, schedule
        self._windows = self._all()
        self.round = 0

    def __next__(self) -> Window:
        """The window of the next step."""
        return next(self._windows)

    def _all(self) -> Iterator[Window]:
        while True:
            self.round += 1
            if not self._schedule.in_windows(self._model):
                yield (0, self._model.height, 0, self._model.width)
                continue
            rows, columns = (self._cuts(n) for n in (self._model.height, self._model.width))
            cells = list(itertools.product(itertools.pairwise(rows), itertools.pairwise(columns)))
            for index in self._random.permutation(len(cells)):
                (top, bottom), (left, right) = cells[index]
                yield top, bottom, left, right

    def _cuts(self, size: int) -> list[int]:
        """Where one axis is cut, ends included: at multiples of the coarsest symbol."""
        unit = 1 << (self._model.levels - 1)
        side, least = self._schedule.window_side, self._schedule.least_side
        offset = int(self._random.integers(side // unit)) * unit
        inner = range(offset, size, side)
        return sorted({0, *(e for e in inner if least <= e <= size - least), size})
