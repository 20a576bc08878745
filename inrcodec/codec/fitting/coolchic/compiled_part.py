"""The part of an image that a compiled step (compiled_step.py) sees: all of it, or a window."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from inrcodec.codec.coolchic import windows
from inrcodec.codec.coolchic.model import CoolChic
from inrcodec.codec.coolchic.neighbours import MARGIN
from inrcodec.codec.coolchic.windows import REACH, Window
from inrcodec.codec.native.networks import Array


class Around(NamedTuple):
    """Symbols around those of a window that its colours depend on, within the image."""

    above: int
    below: int
    before: int
    behind: int


@dataclass(frozen=True)
class Part:
    """A window of an image, whose corner is a multiple of the coarsest symbol, as a model of its
    own: `around` says of every level what colours see beyond it."""

    model: CoolChic
    around: tuple[Around, ...]

    @classmethod
    def of(cls, model: CoolChic, window: Window) -> Part:
        """The part of an image that is a window of it."""
        around = []
        for level, area in enumerate(windows.needed(model, window)):
            own = windows.owned(model, window, level)
            reach = (own[0] - area[0], area[1] - own[1], own[2] - area[2], area[3] - own[3])
            around.append(Around(*reach))
        top, bottom, left, right = window
        return cls(replace(model, width=right - left, height=bottom - top), tuple(around))

    @property
    def is_whole(self) -> bool:
        """Whether there is nothing around it."""
        return not any(map(any, self.around))

    @property
    def margin(self) -> int:
        """Symbols around those of a grid that are kept above and on both sides."""
        return MARGIN if self.is_whole else max(MARGIN, REACH)

    @property
    def below(self) -> int:
        """Symbols that are kept below: finer grids see one beyond the last."""
        return 1 if self.is_whole else REACH

    def seen(self, grid: int) -> Around:
        """What colours see around the symbols of a grid."""
        return self.around[self.model.grid_levels[grid]]

    def shape(self, level: int) -> tuple[int, int]:
        """Rows and columns of the main grid of a level that colours see."""
        (rows, columns), seen = self.model.grids[level], self.around[level]
        return rows + seen.above + seen.below, columns + seen.before + seen.behind

    def inner(self, level: int) -> tuple[slice, slice]:
        """Where those of the part itself lie among them."""
        (rows, columns), seen = self.model.grids[level], self.around[level]
        return slice(seen.above, seen.above + rows), slice(seen.before, seen.before + columns)


class Rooms:
    """Memory of steps, made once and used again for parts of other shapes: what lies in an array is
    left from before, at first zeros."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str | int, ...], Array] = {}

    def __call__(self, shape: tuple[int, ...], *key: str | int) -> Array:
        """The array of a key, in this shape."""
        size = math.prod(shape)
        if key not in self._kept or self._kept[key].size < size:
            self._kept[key] = np.zeros(size, np.float32)
        return self._kept[key][:size].reshape(shape)
