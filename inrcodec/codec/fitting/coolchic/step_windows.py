"""Which window of a picture each step of a fit of latent grids sees.

A picture of up to `WINDOW_PIXELS` is one window; a larger one is cut at offsets drawn anew for each
round, and a round visits every latent once.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from inrcodec.codec.coolchic.model import CoolChic
from inrcodec.codec.coolchic.windows import Window

WINDOW_PIXELS = 1 << 21
WINDOW_SIDE, LEAST_SIDE = 1024, 192
"""A window has about the first; none is smaller than the second, which every loss takes."""


class Visits:
    """Windows to visit, for ever; `round` counts the rounds begun."""

    def __init__(self, model: CoolChic, random: np.random.Generator) -> None:
        self._model, self._random = model, random
        self._windows = self._all()
        self.round = 0

    def __next__(self) -> Window:
        """The window of the next step."""
        return next(self._windows)

    def _all(self) -> Iterator[Window]:
        while True:
            self.round += 1
            if not in_windows(self._model):
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
        offset = int(self._random.integers(WINDOW_SIDE // unit)) * unit
        inner = range(offset, size, WINDOW_SIDE)
        return sorted({0, *(e for e in inner if LEAST_SIDE <= e <= size - LEAST_SIDE), size})


def in_windows(model: CoolChic) -> bool:
    """Whether a picture is too large to be seen as a whole."""
    return model.height * model.width > WINDOW_PIXELS


def windows_a_round(model: CoolChic) -> float:
    """Steps after which each latent has been seen once, on average."""
    return model.width * model.height / WINDOW_SIDE**2 if in_windows(model) else 1.0
