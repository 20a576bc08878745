"""Multiplicative filter networks, Fourier and Gabor (Fathony et al., ICLR 2021, eqs. 5, 9 and 10).

    z_1 = g_1(x),   z_(i+1) = (W_i z_i + b_i) g_(i+1)(x),   colour = W_out z_n + b_out

    Fourier:  g(x) = sin(w x + p)
    Gabor:    g(x) = sin(w x + p) exp(-(gamma / 2) |x - mu|^2)

gamma is stored as the square root of its half, so that any number will do.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from inrcodec.codec.format.header import Family
from inrcodec.codec.networks.base import (
    LARGE_SIDE,
    Arrays,
    CoordinateModel,
    Coordinates,
    LearningRate,
    Parameters,
    Precision,
    Shapes,
    check_layers,
)

if TYPE_CHECKING:
    import torch

MOST_SCALE = 400.0
"""The input scale is the longer side in pixels, or this: beyond what pixels show, frequencies only
disturb. The paper has 256 for images. Gabor, 700 steps, 256 / 400 / 600: 28.0 / 28.6 / 25.9 dB
(comic of Set14, 250 x 361), 31.2 / 31.4 / 29.9 (lenna, 512 x 512), 21.5 / 22.0 / 21.7 (baboon,
500 x 480). Files of 2 bits a pixel, 128 / 256 / 400: 29.2 / 23.7 / 22.4 dB (128 x 96), 31.4 / 33.1
/ 32.6 (256 x 256)."""

GAMMA_SHAPE = 6.0

RATES = {
    "frequency": LearningRate(0.1),
    "phase": LearningRate(0.02),
    "centre": LearningRate(0.005),
    "sharpness": LearningRate(0.02),
    "weight": LearningRate(0.05, muon=True),
    "bias": LearningRate(0.005),
}

"""Muon on the weights: 27.2 dB after 500 steps, by Adam at 0.01 27.0 (comic of Set14)."""

HEAD_RATE = LearningRate(0.005)


@dataclass(frozen=True, slots=True)
class Mfn(CoordinateModel):
    """Sizes of one network: `layers` filters of `width`, with or without a Gaussian window. `side`
    is the longer one of the image that `initial` is for, in pixels; a file does not have it."""

    width: int
    layers: int
    gabor: bool
    channels: int
    side: int = LARGE_SIDE

    def __post_init__(self) -> None:
        check_layers(self.width, self.layers)

    @property
    def family(self) -> Family:
        """The family, whose number the header stores."""
        return Family.MFN_GABOR if self.gabor else Family.MFN_FOURIER

    @property
    def dimensions(self) -> tuple[int, ...]:
        """The integers that the header stores: width and layers."""
        return (self.width, self.layers)

    @property
    def shapes(self) -> Shapes:
        """Parameter shapes in file order."""
        shapes: Shapes = {}
        for layer in range(self.layers):
            shapes[f"frequency.{layer}"] = (self.width, 2)
            shapes[f"phase.{layer}"] = (self.width,)
            if self.gabor:
                shapes[f"centre.{layer}"] = (self.width, 2)
                shapes[f"sharpness.{layer}"] = (self.width,)
            if layer:
                shapes[f"weight.{layer}"] = (self.width, self.width)
                shapes[f"bias.{layer}"] = (self.width,)
        shapes["weight.out"] = (self.channels, self.width)
        shapes["bias.out"] = (self.channels,)
        return shapes

    @property
    def phases(self) -> tuple[str, ...]:
        """The phases of the filters."""
        return tuple(f"phase.{layer}" for layer in range(self.layers))

    @property
    def learning_rates(self) -> dict[str, LearningRate]:
        """The peak learning rate of every parameter, by name."""
        rates = {name: RATES[name.split(".")[0]] for name in self.shapes}
        return rates | {"weight.out": HEAD_RATE}

    @property
    def macs_per_pixel(self) -> int:
        """Multiply-accumulates a pixel; filters are made of what rows and columns share."""
        return (self.layers - 1) * self.width**2 + self.channels * self.width

    @property
    def neurons(self) -> int:
        """Number of neurons of all layers, outputs included."""
        return self.layers * self.width + self.channels

    @property
    def widest_layer(self) -> int:
        """Most numbers that one layer gives for a sample."""
        return max(self.width, self.channels)

    def initial(self, random: np.random.Generator, mean: NDArray[np.float64]) -> Arrays:
        """Random initial values as in the paper's code: filters share the range of frequencies, and
        those of narrow windows have the high ones."""
        values: dict[str, NDArray[np.float64]] = {}
        for name, shape in self.shapes.items():
            kind, _, layer = name.partition(".")
            bounds = {
                "phase": math.pi,
                "centre": 1.0,
                "frequency": min(MOST_SCALE, self.side) / math.sqrt(2 * self.layers),
            }
            bound = bounds.get(kind, math.sqrt(1 / self.width))
            drawn = random.uniform(-bound, bound, shape)
            if kind == "sharpness":
                drawn = np.sqrt(random.gamma(GAMMA_SHAPE / self.layers, 1.0, shape) / 2)
                values[f"frequency.{layer}"] *= np.float32(math.sqrt(2)) * drawn[:, None]
            values[name] = drawn
        values["bias.out"] = mean
        return {name: value.astype(np.float32) for name, value in values.items()}

    def render(
        self,
        parameters: Parameters,
        ys: Coordinates,
        xs: Coordinates,
        precision: Precision = None,
    ) -> torch.Tensor:
        """Colours (len(ys), len(xs), C); see `CoordinateModel.render`."""
        hidden = self._filter(parameters, 0, ys, xs, precision)
        for layer in range(1, self.layers):
            gate = self._filter(parameters, layer, ys, xs, precision)
            weight, bias = (parameters[f"{k}.{layer}"].to(gate.dtype) for k in ("weight", "bias"))
            hidden = bias[:, None].addmm(weight, hidden) * gate
        weight = parameters["weight.out"]
        colours = parameters["bias.out"][:, None].addmm(weight, hidden.to(weight.dtype))
        return colours.T.reshape(len(ys), len(xs), self.channels)

    def _filter(
        self,
        parameters: Parameters,
        layer: int,
        ys: Coordinates,
        xs: Coordinates,
        precision: Precision,
    ) -> torch.Tensor:
        """g over a grid, (width, pixels): sines of sums are products of sines of rows and of
        columns, and a window is one of rows times one of columns, so that every neuron's filter is
        a matrix of rank two."""
        frequency = parameters[f"frequency.{layer}"]
        factors = []
        for axis, c in enumerate((ys, xs)):
            at = frequency.new_tensor(c)
            phase = frequency[:, axis, None] * at
            if axis == 0:
                phase = phase + parameters[f"phase.{layer}"][:, None]
            quarters = frequency.new_tensor([[axis], [1 - axis]]) * (math.pi / 2)
            wave = (phase[:, None] + quarters).sin()
            if self.gabor:
                from_centre = at - parameters[f"centre.{layer}"][:, axis, None]
                scaled = from_centre * parameters[f"sharpness.{layer}"][:, None]
                wave = wave * scaled.square().neg().exp()[:, None]
            factors.append(wave.to(precision or wave.dtype))
        down, across = factors
        return down.mT.bmm(across).flatten(1)
