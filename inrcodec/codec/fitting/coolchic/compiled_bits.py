"""Bits of all grids of a part of an image and their gradients, in compiled kernels: a part of
`compiled_step`.

A grid is cut into bands of rows, one call of a kernel each. Bands of one grid reach into each
other, and a fine grid reaches into a coarse one, so every band has gradients of its own, which are
added up afterwards in a fixed order: which thread was first changes no result.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from inrcodec.codec.coolchic.model import CoolChic
from inrcodec.codec.coolchic.windows import Window, owned
from inrcodec.codec.fitting.coolchic.compiled_part import Part, Rooms
from inrcodec.codec.native import at, integers, kernel
from inrcodec.codec.native.networks import Array, Network
from inrcodec.codec.native.pool import bands_of, run

ARM_TENSORS = ("weight.0", "bias.0", "weight.1", "bias.1", "weight.out", "bias.out", "linear")

NATS_A_BIT = float(np.log(2))

Pointers = ctypes.Array[ctypes.c_void_p]


class Symbols:
    """The softly or fully rounded latents of a step. `padded` grids have the margins that contexts
    and colours reach into: zeros beyond the image; grids that are not `taken` are zeros too."""

    def __init__(self, part: Part, taken: Sequence[int], rooms: Rooms) -> None:
        self.taken, self.margin, self._part = taken, part.margin, part
        self.padded = [
            rooms((rows + part.margin + part.below, columns + 2 * part.margin), "padded", grid)
            for grid, (rows, columns) in enumerate(part.model.grids)
        ]

    def __getitem__(self, grid: int) -> Array:
        """The symbols of a grid, (rows, columns), within its padded array."""
        return self._within(grid, (0, 0, 0, 0))

    def seen(self, grid: int) -> Array:
        """The same and what colours see around them."""
        return self._within(grid, self._part.seen(grid))

    def _within(self, grid: int, around: tuple[int, int, int, int]) -> Array:
        above, below, before, behind = around
        rows, columns = self._part.model.grids[grid]
        return self.padded[grid][
            self.margin - above : self.margin + rows + below,
            self.margin - before : self.margin + columns + behind,
        ]

    def surround(self, model: CoolChic, latents: Sequence[Array], window: Window) -> None:
        """Take the latents of an image in a window and around it, rounded for good."""
        for grid, (padded, y) in enumerate(zip(self.padded, latents, strict=True)):
            padded.fill(0)
            top, _, left, _ = owned(model, window, grid)
            row, column = top - self.margin, left - self.margin
            inside = y[max(0, row) : row + len(padded), max(0, column) : column + padded.shape[1]]
            here = padded[max(0, -row) :, max(0, -column) :][: len(inside), : inside.shape[1]]
            np.rint(inside, out=here)


@dataclass(frozen=True, slots=True)
class _Band:
    """Rows of a grid whose bits one call counts, and the gradients it gives: of the padded grid
    from the first row on, of the coarser grid, and of the parameters."""

    grid: int
    first: int
    last: int
    sizes: ctypes.Array[ctypes.c_int32]
    by_padded: Array
    by_coarser: Array | None
    by_parameters: Array


class _Beside(NamedTuple):
    """Where the symbols of the companions of a grid lie, where their gradients go, and these by
    companion."""

    symbols: Pointers
    gradients: Pointers
    by_companions: dict[int, Array]


class CompiledBits:
    """The rate of the symbols of a part of an image."""

    def __init__(self, model: CoolChic, symbols: Symbols, rooms: Rooms) -> None:
        self._model, self._symbols, self._rooms = model, symbols, rooms
        self._offsets = integers([n for offset in model.offsets for n in offset])
        self._beside = self._companions()
        self._bands = self._cut()

    def __call__(self, parameters: Mapping[str, Array]) -> float:
        """Bits of all symbols; gradients are kept for `back`."""
        tensors = [parameters[f"arm.{name}"] for name in ARM_TENSORS]
        self._arm = Network(tensors)
        flat = np.tile(self._arm.parameters, (len(self._model.grids), 1))
        start = tensors[0].size
        flat[:, start : start + tensors[1].size] += parameters["arm.level"]
        padded, nats = self._symbols.padded, [0.0] * len(self._bands)

        def work(k: int) -> None:
            band = self._bands[k]
            band.by_padded.fill(0)
            if band.by_coarser is not None:
                band.by_coarser.fill(0)
            beside = self._beside[band.grid]
            nats[k] = kernel("context_bits")(
                band.sizes, self._offsets, at(padded[band.grid]), self._coarser(band.grid),
                beside.symbols, at(flat[band.grid]), at(band.by_padded), at(band.by_coarser),
                beside.gradients, at(band.by_parameters),
            )  # fmt: skip

        run(work, len(self._bands))
        if min(nats) == -1:
            raise MemoryError("no memory for a context network")
        return sum(nats) / NATS_A_BIT

    def back(self, worth: float, by_symbols: Sequence[Array], by: dict[str, Array]) -> None:
        """Write the gradients by the symbols of every grid, and into `by` those by the ARM, of
        `worth` times the bits."""
        taken, scale = self._symbols.taken, np.float32(worth / NATS_A_BIT)
        margin = self._symbols.margin
        rooms = np.zeros((len(self._model.grids), len(self._arm.parameters)), np.float32)
        for grid in taken:
            by_symbols[grid].fill(0)
        for band in self._bands:
            rooms[band.grid] += band.by_parameters
            above = min(margin, band.first)
            rows = by_symbols[band.grid][band.first - above : band.last]
            rows += band.by_padded[margin - above :, margin:-margin]
            parent = self._model.parent(band.grid)
            if band.by_coarser is not None and parent is not None and parent in taken:
                first = band.first // 2 - 1
                coarser = by_symbols[parent][max(0, first) :]
                part = band.by_coarser[first < 0 :, 1:-1][: len(coarser)]
                coarser[: len(part)] += part
        for beside in self._beside:
            for other, gradient in beside.by_companions.items():
                by_symbols[other] += gradient
        for grid in taken:
            by_symbols[grid] *= scale
        rooms *= scale
        for name, value in zip(ARM_TENSORS, self._arm.gradients(rooms), strict=True):
            by[f"arm.{name}"] = value
        start = self._model.arm_width * self._model.arm_inputs
        by["arm.level"] = rooms[:, start : start + self._model.arm_width].copy()

    def _coarser(self, grid: int) -> int | None:
        """Where the next coarser grid begins, one symbol before its first."""
        parent, first = self._model.parent(grid), self._symbols.margin - 1
        return None if parent is None else at(self._symbols.padded[parent][first:, first:])

    def _companions(self) -> list[_Beside]:
        """What stands beside every grid."""
        results = []
        pointers = ctypes.c_void_p * 2
        for grid, shape in enumerate(self._model.grids):
            others = self._model.companions(grid)
            taken = [
                other for other in others if other is not None and other in self._symbols.taken
            ]
            rooms = {other: self._rooms(shape, "beside", grid, other) for other in taken}
            at_symbols = {other: at(self._symbols[other]) for other in taken}
            at_rooms = {other: at(room) for other, room in rooms.items()}
            symbols, gradients = (
                pointers(*(None if other is None else where.get(other) for other in others))
                for where in (at_symbols, at_rooms)
            )
            results.append(_Beside(symbols, gradients, rooms))
        return results

    def _cut(self) -> list[_Band]:
        """All grids in bands of rows, the largest first."""
        model, margin = self._model, self._symbols.margin
        network = (len(model.arm_widths) + 1, 1, model.arm_inputs, *model.arm_widths, 2)
        count = sum(int(np.prod(model.shapes[f"arm.{name}"])) for name in ARM_TENSORS)
        bands = []
        for grid in self._symbols.taken:
            rows, columns = model.grids[grid]
            parent = model.parent(grid)
            coarse = 0 if parent is None else self._symbols.padded[parent].shape[1]
            pitches = coarse, columns + 2 * margin
            counts = len(model.offsets), int(parent is not None), 2, margin
            for k, (first, last) in enumerate(bands_of(rows, columns, even=True)):
                above = None
                if parent is not None:
                    height = (last + 1) // 2 - first // 2 + 2
                    above = self._rooms((height, (columns + 1) // 2 + 2), "coarser", grid, k)
                sizes = integers([columns, first, last, *counts, *pitches, *network])
                high, wide = last - first + margin, columns + 2 * margin
                padded = self._rooms((high, wide), "by padded", grid, k)
                room = self._rooms((count,), "by parameters", grid, k)
                bands.append(_Band(grid, first, last, sizes, padded, above, room))
        return sorted(bands, key=lambda band: -band.by_padded.size)
