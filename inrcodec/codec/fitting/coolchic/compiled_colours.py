"""Symbols of all grids to colours, and the gradients, in compiled kernels: a part of
`compiled_step`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from inrcodec.codec.coolchic.features import CHROMA_LEVEL, COLOURS
from inrcodec.codec.coolchic.model import CoolChic
from inrcodec.codec.fitting.coolchic.compiled_bits import Symbols
from inrcodec.codec.native import pictures
from inrcodec.codec.native.networks import Array, Network, pixel_network, pixel_network_back

SYNTHESIS_TENSORS = ("weight.0", "bias.0", "weight.out", "bias.out", "linear")


class CompiledColours:
    """The image that the symbols of a model make."""

    def __init__(self, model: CoolChic, symbols: Symbols) -> None:
        self._model, self._symbols = model, symbols
        self._stacks = [
            np.empty((model.levels - level + 2, *model.grids[level]), np.float32)
            for level in range(model.levels)
        ]
        self._pictures = [
            np.empty((COLOURS, *model.grids[0]), np.float32)
            for _ in range(1 + model.features.convolutions)
        ]
        self._by_stacks = [np.empty_like(stack) for stack in self._stacks]
        self._by_picture = np.empty_like(self._pictures[0])

    def __call__(self, parameters: Mapping[str, Array]) -> Array:
        """Colours (3, H, W), nominally in [0, 1], which may be overwritten and which `back`
        overwrites; what that needs is kept."""
        model = self._model
        for level in reversed(range(model.levels)):
            stack = self._stacks[level]
            np.multiply(self._symbols[level], model.unit(level), out=stack[0])
            if level + 1 < model.levels:
                taps = parameters["up.kernel"][level]
                pictures.upsample(self._stacks[level + 1], taps, (0, 0), stack[1:])
            for channel, grid, gain in self._chroma(level, parameters):
                if level + 1 == model.levels:
                    np.multiply(self._symbols[grid], gain, out=stack[channel])
                elif grid in self._symbols.taken:
                    stack[channel] += self._symbols[grid] * gain
        self._synthesis = Network([parameters[f"synthesis.{name}"] for name in SYNTHESIS_TENSORS])
        pixel_network(self._inputs, self._synthesis, self._pictures[0].reshape(COLOURS, -1))
        count = model.features.convolutions
        for i in range(count):
            weight, bias = parameters[f"conv.weight.{i}"], parameters[f"conv.bias.{i}"]
            if i == count - 1:  # colours are around 0.5
                bias = bias + np.float32(0.5)
            pictures.residual_convolution(self._pictures[i], weight, bias, self._pictures[i + 1])
        return self._pictures[-1]

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
            by_symbols[level] += by_stack[0] * np.float32(model.unit(level))
            for channel, grid, gain in self._chroma(level, parameters):
                if grid in self._symbols.taken:
                    by_symbols[grid] += by_stack[channel] * gain
                    moved = np.vdot(by_stack[channel], self._symbols[grid]) * model.unit(grid)
                    by["up.gain"][channel, level - CHROMA_LEVEL] = moved
            if level + 1 < model.levels:
                taps = parameters["up.kernel"][level]
                by_stack, by["up.kernel"][level] = pictures.upsample_back(
                    self._stacks[level + 1], taps, (0, 0), by_stack[1:], self._by_stacks[level + 1]
                )

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
