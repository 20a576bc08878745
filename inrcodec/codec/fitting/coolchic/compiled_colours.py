"""Symbols of all grids to colours, and the gradients, in compiled kernels: a part of
`compiled_step`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from inrcodec.codec.coolchic.features import CHROMA_LEVEL, COLOURS
from inrcodec.codec.fitting.coolchic.compiled_bits import Symbols
from inrcodec.codec.fitting.coolchic.compiled_part import Part, Rooms
from inrcodec.codec.native import pictures
from inrcodec.codec.native.networks import Array, Network, pixel_network, pixel_network_back

SYNTHESIS_TENSORS = ("weight.0", "bias.0", "weight.out", "bias.out", "linear")


class CompiledColours:
    """The part of an image that its symbols make."""

    def __init__(self, part: Part, symbols: Symbols, rooms: Rooms) -> None:
        self._part, self._symbols, self._rooms = part, symbols, rooms
        self._model = model = part.model
        stacks = [(model.levels - k + 2, *part.shape(k)) for k in range(model.levels)]
        self._stacks = [rooms(shape, "stack", k) for k, shape in enumerate(stacks)]
        self._by_stacks = [rooms(shape, "by stack", k) for k, shape in enumerate(stacks)]
        self._size = COLOURS, *part.shape(0)
        count = 1 + model.features.convolutions
        self._pictures = [rooms(self._size, "picture", k) for k in range(count)]
        self._by_picture = rooms(self._size, "by picture")

    def __call__(self, parameters: Mapping[str, Array]) -> Array:
        """Colours (3, H, W), nominally in [0, 1], which may be overwritten and which `back`
        overwrites; what that needs is kept."""
        model = self._model
        for level in reversed(range(model.levels)):
            stack = self._stacks[level]
            np.multiply(self._symbols.seen(level), model.unit(level), out=stack[0])
            if level + 1 < model.levels:
                taps = parameters["up.kernel"][level]
                pictures.upsample(self._stacks[level + 1], taps, self._corner(level), stack[1:])
            for channel, grid, gain in self._chroma(level, parameters):
                if level + 1 == model.levels:
                    np.multiply(self._symbols.seen(grid), gain, out=stack[channel])
                elif grid in self._symbols.taken:
                    stack[channel] += self._symbols.seen(grid) * gain
        self._synthesis = Network([parameters[f"synthesis.{name}"] for name in SYNTHESIS_TENSORS])
        pixel_network(self._inputs, self._synthesis, self._pictures[0].reshape(COLOURS, -1))
        count = model.features.convolutions
        for i in range(count):
            weight, bias = parameters[f"conv.weight.{i}"], parameters[f"conv.bias.{i}"]
            if i == count - 1:  # colours are around 0.5
                bias = bias + np.float32(0.5)
            pictures.residual_convolution(self._pictures[i], weight, bias, self._pictures[i + 1])
        return np.ascontiguousarray(self._pictures[-1][(slice(None), *self._part.inner(0))])

    def back(
        self,
        parameters: Mapping[str, Array],
        by_colours: Array,
        by_symbols: Sequence[Array],
        by: dict[str, Array],
    ) -> None:
        """Add the gradients by the symbols of every grid, and write into `by` those by the
        parameters, given that by the colours (3, H, W)."""
        gradient: Array = by_colours
        if not self._part.is_whole:
            gradient = self._rooms(self._size, "by colours")
            gradient.fill(0)
            gradient[(slice(None), *self._part.inner(0))] = by_colours
        room, other = self._by_picture, self._pictures[-1]
        for i in reversed(range(self._model.features.convolutions)):
            gradient, by[f"conv.weight.{i}"], by[f"conv.bias.{i}"] = (
                pictures.residual_convolution_back(
                    self._pictures[i], parameters[f"conv.weight.{i}"], gradient, room
                )
            )
            room, other = other, room
        by_stack, *of_synthesis = pixel_network_back(
            self._inputs,
            self._synthesis,
            gradient.reshape(COLOURS, -1),
            self._by_stacks[0].reshape(self._model.synthesis_inputs, -1),
        )
        for name, value in zip(SYNTHESIS_TENSORS, of_synthesis, strict=True):
            by[f"synthesis.{name}"] = value
        self._pyramid_back(parameters, by_stack.reshape(self._stacks[0].shape), by_symbols, by)

    def _pyramid_back(
        self,
        parameters: Mapping[str, Array],
        by_stack: Array,
        by_symbols: Sequence[Array],
        by: dict[str, Array],
    ) -> None:
        """The same from the gradient by the upsampled stack, level by level."""
        model = self._model
        by["up.kernel"] = np.zeros(model.shapes["up.kernel"], np.float32)
        by["up.gain"] = np.zeros(model.shapes["up.gain"], np.float32)
        for level in range(model.levels):
            own = self._part.inner(level)
            by_symbols[level] += by_stack[0][own] * np.float32(model.unit(level))
            for channel, grid, gain in self._chroma(level, parameters):
                if grid in self._symbols.taken:
                    by_symbols[grid] += by_stack[channel][own] * gain
                    moved = np.vdot(by_stack[channel], self._symbols.seen(grid))
                    by["up.gain"][channel, level - CHROMA_LEVEL] = moved * model.unit(grid)
            if level + 1 < model.levels:
                taps = parameters["up.kernel"][level]
                given = self._stacks[level + 1], taps, self._corner(level), by_stack[1:]
                by_stack, by["up.kernel"][level] = pictures.upsample_back(
                    *given, self._by_stacks[level + 1]
                )

    def _corner(self, level: int) -> tuple[int, int]:
        """Where the stack of a level begins in the next coarser one, doubled."""
        here, coarser = self._part.around[level], self._part.around[level + 1]
        return 2 * coarser.above - here.above, 2 * coarser.before - here.before

    @property
    def _inputs(self) -> Array:
        """The upsampled stack as pixels, (inputs, H W)."""
        return self._stacks[0].reshape(self._model.synthesis_inputs, -1)

    def _chroma(
        self, level: int, parameters: Mapping[str, Array]
    ) -> Iterator[tuple[int, int, np.float32]]:
        """The channel of the stack (-2 or -1), the number and the gain of the chroma grids of a
        level, if it has any."""
        if level < CHROMA_LEVEL:
            return
        for channel, grid in zip((-2, -1), self._model.chroma_grids(level), strict=True):
            gain = parameters["up.gain"][channel, level - CHROMA_LEVEL]
            yield channel, grid, gain * np.float32(self._model.unit(grid))
