"""What the compiled decoder core (native/core.py) holds of an image, of any family."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from inrcodec.codec.entropy.prior import Symbols
from inrcodec.codec.entropy.quantized import Change
from inrcodec.codec.format.header import Header
from inrcodec.codec.native import core
from inrcodec.codec.native.core import Core
from inrcodec.codec.view import View
from inrcodec.pixels import Samples

Shapes = dict[str, tuple[int, ...]]


@dataclass(frozen=True, slots=True, eq=False)
class CompiledImage:
    """What the core holds of an image; see `families.Stored`.

    `planes` are the shapes of the tensors of every plane by name, in the order of their symbols;
    `arrays` those of all arrays of symbols, each with whether it stays as it is whatever changes;
    `opened` makes another core with the same networks.
    """

    header: Header
    opened: Callable[[], Core]
    core: Core
    planes: Sequence[Shapes]
    arrays: Sequence[tuple[tuple[int, ...], bool]]
    units: dict[str, float] = field(default_factory=dict)
    missing: str = ""

    @property
    def symbols(self) -> list[Symbols]:
        """Every array of integers in file order: tensors or groups of networks, then grids."""
        return [array for array, _ in self._arrays(self.core.symbols())]

    def changed(self, change: Callable[[Symbols], Symbols]) -> CompiledImage:
        """A copy with other symbols; the context model stays as it is."""
        symbols = self.core.symbols()
        for array, stays in self._arrays(symbols):
            if not stays:
                array[:] = change(array)
        other = self.opened()
        other.put_symbols(symbols)
        return CompiledImage(
            self.header, self.opened, other, self.planes, self.arrays, self.units, self.missing
        )

    def render(
        self,
        view: View,
        bit_depth: int,
        *,
        threads: int | None = None,
        change: Change | None = None,
    ) -> Samples:
        """Samples (rows, columns, channels) of a view, uint8 or uint16."""
        size = view.width, view.height
        if change is None:
            return self.core.render(size, view.crop, bit_depth, threads)
        before = [self.core.values(plane) for plane in range(len(self.planes))]
        try:
            for plane, shapes in enumerate(self.planes):
                values = change(dict(_split(before[plane].copy(), shapes)), self.units)
                flat = [values[name].ravel() for name in shapes]
                self.core.put_values(plane, np.concatenate(flat))
            return self.core.render(size, view.crop, bit_depth, threads)
        finally:
            for plane, kept in enumerate(before):
                self.core.put_values(plane, kept)

    def _arrays(self, symbols: Symbols) -> Iterator[tuple[Symbols, bool]]:
        """Each array, which shares the memory of all symbols, and whether it stays as it is."""
        at = 0
        for shape, stays in self.arrays:
            yield symbols[at : at + math.prod(shape)].reshape(shape), stays
            at += math.prod(shape)


def _split(
    values: NDArray[np.float32], shapes: Shapes
) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Tensors by name of parameters in their order."""
    at = 0
    for name, shape in shapes.items():
        yield name, values[at : at + math.prod(shape)].reshape(shape)
        at += math.prod(shape)


def open_core(header: Header, numbers: NDArray[np.int16] | None) -> Core:
    """A core for files with this header, whose parameters add to these numbers."""
    initial = core.ZEROS if header.init is None else core.TABLE
    if header.init is not None and numbers is None:
        initial = core.PHASES
    size = header.width, header.height, header.channels, header.bit_depth
    opened = Core(
        core.Header(*size, header.family, header.slice_side or 0, initial, header.dimensions)
    )
    if numbers is not None:
        opened.initial(numbers)
    return opened
