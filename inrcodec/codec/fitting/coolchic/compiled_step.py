"""Bits, colours and all their gradients of a whole image, in compiled kernels without torch.

One `CompiledStep` belongs to one fit. All arrays are made once: a step allocates next to nothing,
and between two kernels stand a few lines of numpy. `forward.py` computes the same in torch, for
windows of large images, GPUs and machines without the kernels; tests hold the two together.

The order of a step: `soften` or `rounded`, `bits`, `colours`, `back`; then `by_latents` and
`by_parameters` have the gradients of  bits_worth * bits  and of what gave `back` its gradient.
"""

from __future__ import annotations

import ctypes
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from inrcodec.codec import native
from inrcodec.codec.coolchic.features import CHROMA_LEVEL, COLOURS
from inrcodec.codec.coolchic.model import CoolChic
from inrcodec.codec.coolchic.neighbours import MARGIN
from inrcodec.codec.native import at, integers, kernel, pictures
from inrcodec.codec.native.networks import Array, Network, pixel_network, pixel_network_back
from inrcodec.codec.native.pool import bands_of, run

ARM_TENSORS = ("weight.0", "bias.0", "weight.1", "bias.1", "weight.out", "bias.out", "linear")
SYNTHESIS_TENSORS = ("weight.0", "bias.0", "weight.out", "bias.out", "linear")

BELOW = 1
"""Rows of zeros below a padded grid: finer grids see one beyond its last."""


def serves(model: CoolChic) -> bool:
    """Whether there are kernels and they take the networks of a model with chroma and linear
    branches, those of `coolchic`."""
    features = model.features
    arm = (model.arm_inputs, *model.arm_widths, 2)
    synthesis = (model.synthesis_inputs, *model.synthesis_widths, COLOURS)
    alike = features.linear_branches and features.chroma and features.upsampling == "separable"
    return alike and model.levels > CHROMA_LEVEL and all(map(native.takes, (arm, synthesis)))


Pointers = ctypes.Array[ctypes.c_void_p]


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


class CompiledStep:
    """The steps of a fit of `model`, which must be one that `serves`. `left_out` grids are of
    zeros. `by_latents` (one array a grid) and `by_parameters` (by name) are overwritten by each."""

    def __init__(self, model: CoolChic, left_out: Collection[int]) -> None:
        self.model = model
        self.taken = [grid for grid in range(len(model.grids)) if grid not in left_out]
        shapes = model.grids
        self._padded = [
            np.zeros((rows + MARGIN + BELOW, columns + 2 * MARGIN), np.float32)
            for rows, columns in shapes
        ]
        self._slopes = [np.ones(shape, np.float32) for shape in shapes]
        self.by_latents = [np.zeros(shape, np.float32) for shape in shapes]
        self.by_parameters: dict[str, Array] = {}
        self._offsets = integers([n for offset in model.offsets for n in offset])
        self._beside = self._companions()
        self._bands = self._cut()
        self._stacks = [
            np.empty((model.levels - level + 2, *shapes[level]), np.float32)
            for level in range(model.levels)
        ]
        self._pictures = [
            np.empty((COLOURS, *shapes[0]), np.float32)
            for _ in range(1 + model.features.convolutions)
        ]

    # ---- latents --------------------------------------------------------------------------------

    def soften(
        self, latents: Sequence[Array], temperature: float, deviation: float, seeds: Sequence[int]
    ) -> None:
        """Take the latents softly rounded (synthesis.noisy_soft_round), each with its own noise."""
        bands = [(g, band) for g in self.taken for band in bands_of(*self.model.grids[g])]

        def work(k: int) -> None:
            grid, band = bands[k]
            columns, pitch = self.model.grids[grid][1], self._padded[grid].shape[1]
            kernel("soften")(
                *band, columns, pitch, at(latents[grid]), temperature, deviation, seeds[grid],
                at(self._symbols(grid)), at(self._slopes[grid]),
            )  # fmt: skip

        run(work, len(bands))

    def rounded(self, latents: Sequence[Array]) -> None:
        """Take the latents rounded for good; `by_latents` are then those of the symbols."""
        for grid in self.taken:
            np.rint(latents[grid], out=self._symbols(grid))
            self._slopes[grid].fill(1)

    def _symbols(self, grid: int) -> Array:
        """The symbols of a grid within its padded array."""
        rows, columns = self.model.grids[grid]
        return self._padded[grid][MARGIN : MARGIN + rows, MARGIN : MARGIN + columns]

    # ---- bits -----------------------------------------------------------------------------------

    def bits(self, parameters: Mapping[str, Array]) -> float:
        """Bits of all symbols, and their gradients by symbols and by the ARM for `back`."""
        tensors = [parameters[f"arm.{name}"] for name in ARM_TENSORS]
        self._arm = Network(tensors)
        flat = np.tile(self._arm.parameters, (len(self.model.grids), 1))
        start = tensors[0].size
        flat[:, start : start + tensors[1].size] += parameters["arm.level"]
        nats = [0.0] * len(self._bands)

        def work(k: int) -> None:
            band = self._bands[k]
            band.by_padded.fill(0)
            if band.by_coarser is not None:
                band.by_coarser.fill(0)
            beside = self._beside[band.grid]
            nats[k] = kernel("context_bits")(
                band.sizes, self._offsets, at(self._padded[band.grid]), self._coarser(band.grid),
                beside.symbols, at(flat[band.grid]), at(band.by_padded), at(band.by_coarser),
                beside.gradients, at(band.by_parameters),
            )  # fmt: skip

        run(work, len(self._bands))
        if min(nats) == -1:
            raise MemoryError("no memory for a context network")
        return sum(nats) / float(np.log(2))

    def _coarser(self, grid: int) -> int | None:
        """Where the next coarser grid begins, one symbol before its first."""
        parent = self.model.parent(grid)
        if parent is None:
            return None
        return self._padded[parent][MARGIN - 1 :, MARGIN - 1 :].ctypes.data

    def _companions(self) -> list[_Beside]:
        """What stands beside every grid."""
        results = []
        pointers = ctypes.c_void_p * 2
        for grid, shape in enumerate(self.model.grids):
            others = self.model.companions(grid)
            taken = [other for other in others if other is not None and other in self.taken]
            rooms = {other: np.zeros(shape, np.float32) for other in taken}
            at_symbols = {other: at(self._symbols(other)) for other in taken}
            at_rooms = {other: at(room) for other, room in rooms.items()}
            symbols, gradients = (
                pointers(*(None if other is None else where.get(other) for other in others))
                for where in (at_symbols, at_rooms)
            )
            results.append(_Beside(symbols, gradients, rooms))
        return results

    def _cut(self) -> list[_Band]:
        """All grids in bands of rows, the largest first."""
        model = self.model
        shape = integers_of(model)
        count = sum(int(np.prod(model.shapes[f"arm.{name}"])) for name in ARM_TENSORS)
        bands = []
        for grid in self.taken:
            rows, columns = model.grids[grid]
            parent = model.parent(grid)
            coarse = 0 if parent is None else self._padded[parent].shape[1]
            pitches = coarse, columns + 2 * MARGIN
            counts = len(model.offsets), int(parent is not None), 2, MARGIN
            for first, last in bands_of(rows, columns, even=True):
                above = None
                if parent is not None:
                    height = (last + 1) // 2 - first // 2 + 2
                    above = np.zeros((height, (columns + 1) // 2 + 2), np.float32)
                sizes = integers([columns, first, last, *counts, *pitches, *shape])
                padded = np.zeros((last - first + MARGIN, columns + 2 * MARGIN), np.float32)
                room = np.zeros(count, np.float32)
                bands.append(_Band(grid, first, last, sizes, padded, above, room))
        return sorted(bands, key=lambda band: -band.by_padded.size)

    # ---- colours --------------------------------------------------------------------------------

    def colours(self, parameters: Mapping[str, Array]) -> Array:
        """Colours (3, H, W), nominally in [0, 1]; overwritten by the next step."""
        model = self.model
        for level in reversed(range(model.levels)):
            stack = self._stacks[level]
            np.multiply(self._symbols(level), model.unit(level), out=stack[0])
            if level + 1 < model.levels:
                taps = parameters["up.kernel"][level]
                pictures.upsample(self._stacks[level + 1], taps, (0, 0), stack[1:])
            if level >= CHROMA_LEVEL:
                for channel, grid, gain in self._chroma(level, parameters):
                    if level + 1 == model.levels:
                        np.multiply(self._symbols(grid), gain, out=stack[channel])
                    elif grid in self.taken:
                        stack[channel] += self._symbols(grid) * gain
        pixels = self._stacks[0].reshape(model.synthesis_inputs, -1)
        self._synthesis = Network([parameters[f"synthesis.{name}"] for name in SYNTHESIS_TENSORS])
        pixel_network(pixels, self._synthesis, self._pictures[0].reshape(COLOURS, -1))
        for i in range(model.features.convolutions):
            given = parameters[f"conv.weight.{i}"], parameters[f"conv.bias.{i}"]
            pictures.residual_convolution(self._pictures[i], *given, self._pictures[i + 1])
        return self._pictures[-1] + np.float32(0.5)

    def _chroma(
        self, level: int, parameters: Mapping[str, Array]
    ) -> list[tuple[int, int, np.float32]]:
        """The channel of the stack, the number and the gain of the two chroma grids of a level."""
        pair = self.model.chroma_grids(level)
        column = pair[0] - self.model.levels
        return [
            (
                which - 2,
                grid,
                parameters["up.gain"][which, column] * np.float32(self.model.unit(grid)),
            )
            for which, grid in enumerate(pair)
        ]

    # ---- gradients ------------------------------------------------------------------------------

    def back(self, parameters: Mapping[str, Array], by_colours: Array, bits_worth: float) -> None:
        """Fill `by_latents` and `by_parameters`, given the gradient by the colours (3, H, W) and
        what a bit is worth."""
        model, by = self.model, self.by_parameters
        gradient: Array = by_colours
        for i in reversed(range(model.features.convolutions)):
            gradient, by[f"conv.weight.{i}"], by[f"conv.bias.{i}"] = (
                pictures.residual_convolution_back(
                    self._pictures[i], parameters[f"conv.weight.{i}"], gradient
                )
            )
        pixels = self._stacks[0].reshape(model.synthesis_inputs, -1)
        by_stack, *of_synthesis = pixel_network_back(
            pixels, self._synthesis, gradient.reshape(COLOURS, -1)
        )
        for name, value in zip(SYNTHESIS_TENSORS, of_synthesis, strict=True):
            by[f"synthesis.{name}"] = value
        self._bits_back(bits_worth)
        self._pyramid_back(parameters, by_stack.reshape(self._stacks[0].shape))

        def work(k: int) -> None:
            self.by_latents[self.taken[k]] *= self._slopes[self.taken[k]]

        run(work, len(self.taken))

    def _bits_back(self, worth: float) -> None:
        """The gradients of bits: by the ARM, and by symbols in `by_latents`."""
        by, worth = self.by_parameters, worth / float(np.log(2))
        rooms = np.zeros((len(self.model.grids), len(self._arm.parameters)), np.float32)
        for grid in self.taken:
            self.by_latents[grid].fill(0)
        for band in self._bands:
            rooms[band.grid] += band.by_parameters
            rows = self.by_latents[band.grid]
            above = min(MARGIN, band.first)
            rows[band.first - above : band.last] += band.by_padded[MARGIN - above :, MARGIN:-MARGIN]
            parent = self.model.parent(band.grid)
            if band.by_coarser is not None and parent in self.taken:
                coarser, first = self.by_latents[parent], band.first // 2 - 1
                part = band.by_coarser[first < 0 :, 1:-1]
                first = max(0, first)
                part = part[: len(coarser) - first]
                coarser[first : first + len(part)] += part
        for beside in self._beside:
            for other, gradient in beside.by_companions.items():
                self.by_latents[other] += gradient
        for grid in self.taken:
            self.by_latents[grid] *= np.float32(worth)
        rooms *= np.float32(worth)
        for name, value in zip(ARM_TENSORS, self._arm.gradients(rooms), strict=True):
            by[f"arm.{name}"] = value
        start = self.model.arm_width * self.model.arm_inputs
        by["arm.level"] = rooms[:, start : start + self.model.arm_width].copy()

    def _pyramid_back(self, parameters: Mapping[str, Array], by_stack: Array) -> None:
        """Add the gradients of the upsampled stack, level by level, to those of the symbols."""
        model, by = self.model, self.by_parameters
        by["up.kernel"] = np.zeros(model.shapes["up.kernel"], np.float32)
        by["up.gain"] = np.zeros(model.shapes["up.gain"], np.float32)
        for level in range(model.levels):
            self.by_latents[level] += by_stack[0] * np.float32(model.unit(level))
            if level >= CHROMA_LEVEL:
                for channel, grid, gain in self._chroma(level, parameters):
                    if grid not in self.taken:
                        continue
                    self.by_latents[grid] += by_stack[channel] * gain
                    moved = np.vdot(by_stack[channel], self._symbols(grid)) * model.unit(grid)
                    by["up.gain"][channel + 2, level - CHROMA_LEVEL] = moved
            if level + 1 < model.levels:
                taps = parameters["up.kernel"][level]
                by_stack, by["up.kernel"][level] = pictures.upsample_back(
                    self._stacks[level + 1], taps, (0, 0), by_stack[1:]
                )


def integers_of(model: CoolChic) -> tuple[int, ...]:
    """The shape of the ARM as kernels take it: layers, a linear branch, widths."""
    return (len(model.arm_widths) + 1, 1, model.arm_inputs, *model.arm_widths, 2)


def squared_error(made: Array, target: Array, scale: float) -> tuple[float, Array]:
    """The mean squared error of colours (3, H, W), and the gradient of `scale` times it."""
    gradient = np.empty_like(made)
    flat, ours, wanted = gradient.reshape(-1), made.reshape(-1), target.reshape(-1)
    bands = bands_of(made.size, 1)
    squares = [0.0] * len(bands)

    def work(k: int) -> None:
        here = slice(*bands[k])
        part = flat[here]
        np.subtract(ours[here], wanted[here], out=part)
        squares[k] = float(np.vdot(part, part))
        part *= np.float32(2 * scale / made.size)

    run(work, len(bands))
    return sum(squares) / made.size, gradient
