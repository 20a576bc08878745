"""WIRE: complex Gabor wavelets for activations (Saragadam et al., CVPR 2023, eq. 3).

    h_1 = a(W_1 (y, x) + b_1),   h_(i+1) = a(W_i h_i + b_i),   colour = Re(W_out h_n + b_out)

    a(u) = exp(j w0 u - |s0 u|^2)

with h and all but W_1, b_1 complex. w0 and s0 are multiplied into W and b, as w0 is in a SIREN:
a(u) = exp(j u - |s u|^2), s = s0 / w0 = 1/2. A complex tensor is stored as its real part before its
imaginary part.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from inrcodec.codec.format.header import Family
from inrcodec.codec.networks.base import (
    Arrays,
    CoordinateModel,
    Coordinates,
    LearningRate,
    Parameters,
    Precision,
    Shapes,
    check_layers,
)
from inrcodec.codec.networks.layers import layer_shapes

if TYPE_CHECKING:
    import torch

W0, S0 = 20.0, 10.0
"""The paper has 20 and 30 for images, with which, from its initial values, nearly all wavelets are
0 nearly everywhere; and below s0 = w0 / 3 |a| can exceed exp(2) and fits diverge (a Kodak crop)."""

REAL = ("weight.0", "bias.0", "bias.out")
"""Tensors without an imaginary part."""

SHARPNESS = S0 / W0

RATES = {"0": LearningRate(0.1), "out": LearningRate(0.01), "hidden": LearningRate(0.05)}
"""Learning rates by layer. On a crop of 128 x 160 of Kodak 23, 500 steps: 32 to 33 dB; with a fifth
of them 24."""


@dataclass(frozen=True, slots=True)
class Wire(CoordinateModel):
    """Sizes of one network: `layers` wavelet layers of `width` complex neurons."""

    width: int
    layers: int
    channels: int

    def __post_init__(self) -> None:
        check_layers(self.width, self.layers)

    @property
    def family(self) -> Family:
        """The family, whose number the header stores."""
        return Family.WIRE

    @property
    def dimensions(self) -> tuple[int, ...]:
        """The integers that the header stores: width and layers."""
        return (self.width, self.layers)

    @property
    def shapes(self) -> Shapes:
        """Parameter shapes in file order."""
        shapes = layer_shapes((self.width,) * self.layers, 2, self.channels)
        return {n: s if n in REAL else (2, *s) for n, s in shapes.items()}

    @property
    def units(self) -> dict[str, float]:
        """What a unit of each parameter of the paper is here."""
        return {name: 1.0 if name.endswith("out") else W0 for name in self.shapes}

    @property
    def learning_rates(self) -> dict[str, LearningRate]:
        """The peak learning rate of every parameter, by name."""
        layers = {name: name.split(".")[1] for name in self.shapes}
        return {name: RATES.get(layer, RATES["hidden"]) for name, layer in layers.items()}

    @property
    def macs_per_pixel(self) -> int:
        """Multiply-accumulates of real numbers a pixel."""
        return 4 * (self.layers - 1) * self.width**2 + 2 * self.channels * self.width

    @property
    def widest_layer(self) -> int:
        """Most real numbers that one layer gives for a sample."""
        return 2 * self.width

    def initial(self, random: np.random.Generator, mean: NDArray[np.float64]) -> Arrays:
        """Random initial values: the first layer as in the paper's code, that of a linear layer
        times w0; later ones smaller, so that wavelets are wide at first."""
        values = {}
        for name, shape in self.shapes.items():
            bound = 1 / math.sqrt(self.width)
            if name.endswith(".0"):
                bound = W0 / math.sqrt(2)
            elif name == "weight.out":
                bound *= 0.3
            values[name] = random.uniform(-bound, bound, shape).astype(np.float32)
        values["bias.out"] = mean.astype(np.float32)
        return values

    def render(
        self,
        parameters: Parameters,
        ys: Coordinates,
        xs: Coordinates,
        precision: Precision = None,
    ) -> torch.Tensor:
        """Colours (len(ys), len(xs), C); see `CoordinateModel.render`."""
        from inrcodec.codec.networks.wavelets import linear, wavelets

        weight = parameters["weight.0"]
        down, across = (weight[:, k, None] * weight.new_tensor(c) for k, c in enumerate((ys, xs)))
        down = down + parameters["bias.0"][:, None]
        real = (down[:, :, None] + across[:, None]).flatten(1)
        # a phase without an imaginary part
        hidden = wavelets((real * real.new_tensor([1, 0])[:, None, None]).flatten(0, 1), SHARPNESS)
        for layer in range(1, self.layers):
            weight, bias = parameters[f"weight.{layer}"], parameters[f"bias.{layer}"]
            hidden = wavelets(linear(weight, bias, hidden, precision), SHARPNESS)
        a, b = parameters["weight.out"].unbind()
        real, imaginary = hidden.chunk(2)
        colours = parameters["bias.out"][:, None].addmm(a, real).addmm(b, imaginary, alpha=-1)
        return colours.T.reshape(len(ys), len(xs), self.channels)
