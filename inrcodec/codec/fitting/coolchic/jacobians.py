"""How outputs of the networks move with each of their parameters, sample by sample.

A sample is a symbol, of which the context network says two numbers, or a pixel, whose three colours
depend on the networks at all positions that its convolutions reach. A Jacobian has a row for each
sample and direction of its outputs, and is given by parameter name, (samples, directions,
parameters of the tensor).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from inrcodec.codec.coolchic.model import CoolChic
from inrcodec.codec.native.networks import Array

Jacobian = dict[str, Array]


class Layers(NamedTuple):
    """A perceptron with ReLU between its layers: matrices (outputs, inputs) and biases from first
    to last, and the matrix that leads straight from the inputs to the outputs, if there is one."""

    part: str
    names: Sequence[str]
    weights: Sequence[Array]
    biases: Sequence[Array]
    linear: Array | None

    @classmethod
    def of(cls, model: CoolChic, values: Mapping[str, Array], part: str) -> Layers:
        """The context network ("arm") or the synthesis ("synthesis") of a model."""
        hidden = model.arm_widths if part == "arm" else model.synthesis_widths
        names = [*map(str, range(len(hidden))), "out"]
        weights = [
            model.effective(f"{part}.weight.{n}", values[f"{part}.weight.{n}"]) for n in names
        ]
        biases = [values[f"{part}.bias.{n}"] for n in names]
        return cls(part, names, weights, biases, values.get(f"{part}.linear"))

    def with_first_bias(self, more: Array) -> Layers:
        """The same with a bias more (outputs,) for the first layer."""
        first, *others = self.biases
        return self._replace(biases=[first + more, *others])

    def activations(self, x: Array) -> list[Array]:
        """The inputs of every layer, then the outputs, (..., width), for inputs `x`."""
        found = [x]
        for weight, bias in zip(self.weights[:-1], self.biases[:-1], strict=True):
            found.append(np.maximum(found[-1] @ weight.T + bias, 0))
        outputs = found[-1] @ self.weights[-1].T + self.biases[-1]
        if self.linear is not None:
            outputs = outputs + x @ self.linear.T
        return [*found, outputs]

    def jacobian(self, activations: Sequence[Array], directions: Array) -> Jacobian:
        """Of samples that depend on several positions each.

        `activations` are those of inputs (samples, positions, inputs); `directions` (samples,
        positions, directions, outputs) say how much of each output of a position a direction takes.
        """
        found: Jacobian = {}
        if self.linear is not None:
            found[f"{self.part}.linear"] = _products(directions, activations[0])
        for layer in range(len(self.weights) - 1, -1, -1):
            name, below = self.names[layer], activations[layer]
            found[f"{self.part}.weight.{name}"] = _products(directions, below)
            found[f"{self.part}.bias.{name}"] = directions.sum(1)
            if layer:
                directions = (directions @ self.weights[layer]) * (below > 0)[:, :, None]
        return found


def _products(directions: Array, inputs: Array) -> Array:
    """Sums over positions of outer products: (n, q, s, a) and (n, q, b) -> (n, s, a b)."""
    samples, positions, count, outputs = directions.shape
    left = directions.reshape(samples, positions, -1).transpose(0, 2, 1)
    return (left @ inputs).reshape(samples, count, outputs * inputs.shape[-1])


def of_colours(model: CoolChic, values: Mapping[str, Array], patches: Array) -> Jacobian:
    """Of the three colours of pixels by the synthesis and the convolutions.

    `patches` (samples, side, side, inputs) are the upsampled latents around each pixel, as far as
    the convolutions reach.
    """
    samples, side = patches.shape[:2]
    synthesis = Layers.of(model, values, "synthesis")
    activations = synthesis.activations(patches.reshape(samples, side * side, -1))
    planes = [activations[-1].reshape(samples, side, side, -1)]
    kernels = [(f"conv.weight.{i}", f"conv.bias.{i}") for i in range(model.features.convolutions)]
    for kernel, bias in kernels:
        planes.append(_convolved(planes[-1], values[kernel], values[bias]))
    colours = planes[0].shape[-1]
    directions = np.broadcast_to(
        np.eye(colours, dtype=np.float32), (samples, 1, 1, colours, colours)
    )
    found: Jacobian = {}
    for (kernel, bias), plane in zip(kernels[::-1], planes[-2::-1], strict=True):
        weight, inner = values[kernel], directions.shape[1]
        by_kernel = np.empty((samples, colours, *weight.shape), np.float32)
        outer = np.zeros((samples, inner + 2, inner + 2, colours, colours), np.float32)
        outer[:, 1:-1, 1:-1] = directions
        for row, column in np.ndindex(3, 3):
            here = slice(row, row + inner), slice(column, column + inner)
            seen = plane[:, here[0], here[1]].reshape(samples, inner * inner, -1)
            flat = directions.reshape(samples, inner * inner, colours, colours)
            by_kernel[..., row, column] = _products(flat, seen).reshape(by_kernel.shape[:-2])
            outer[:, here[0], here[1]] += directions @ weight[:, :, row, column]
        found[kernel] = by_kernel.reshape(samples, colours, -1)
        found[bias] = directions.sum((1, 2))
        directions = outer
    flat = directions.reshape(samples, side * side, colours, colours)
    return found | synthesis.jacobian(activations, flat)


def _convolved(x: Array, weight: Array, bias: Array) -> Array:
    """`x` + its 3x3 convolution where that lies inside: (n, h, w, 3) -> (n, h - 2, w - 2, 3)."""
    rows, columns = x.shape[1] - 2, x.shape[2] - 2
    out: Array = x[:, 1:-1, 1:-1] + bias
    for row, column in np.ndindex(3, 3):
        out = out + x[:, row : row + rows, column : column + columns] @ weight[:, :, row, column].T
    return out
