"""FourierNet: random Fourier features before a network of rectified layers (Tancik et al. 2020).

    f = [sin(2 pi B (y, x)), cos(2 pi B (y, x))],   h_1 = relu(W_1 f + b_1),   ...,
    colour = W_out h_n + b_out

B is drawn from a normal distribution of standard deviation sigma, stored like any parameter, and
learned too.
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
    MAX_WIDTH,
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

MOST_SIGMA, SIGMA_PER_PIXEL = 10.0, 0.02
"""The paper's for photographs of 512 x 512, and what it is for each pixel of the longer side in
smaller ones. Files of 2 bits a pixel, sigma 2.5 / 5 / 10: 31.4 / 30.3 / 23.5 dB (128 x 96), 30.6 /
30.5 / 28.6 (256 x 256)."""

RATES = {
    "features": LearningRate(0.1),
    "weight": LearningRate(0.1, muon=True),
    "bias": LearningRate(0.03),
    "weight.out": LearningRate(0.005),
}
"""With a fifth of Muon's rate 26.1 and not 27.5 dB after 500 steps (comic of Set14)."""


@dataclass(frozen=True, slots=True)
class FourierNet(CoordinateModel):
    """Sizes of one network: `frequencies` rows of B, `layers` rectified layers of `width`. `side`
    is the longer one of the image that `initial` is for, in pixels; a file does not have it."""

    width: int
    layers: int
    frequencies: int
    channels: int
    side: int = LARGE_SIDE

    def __post_init__(self) -> None:
        check_layers(self.width, self.layers, ("frequencies", self.frequencies, 1, MAX_WIDTH))

    @property
    def family(self) -> Family:
        """The family, whose number the header stores."""
        return Family.FOURIER

    @property
    def dimensions(self) -> tuple[int, ...]:
        """The integers that the header stores: width, layers, frequencies."""
        return (self.width, self.layers, self.frequencies)

    @property
    def shapes(self) -> Shapes:
        """Parameter shapes in file order."""
        features: Shapes = {"features": (self.frequencies, 2)}
        widths = (self.width,) * self.layers
        return features | layer_shapes(widths, 2 * self.frequencies, self.channels)

    @property
    def learning_rates(self) -> dict[str, LearningRate]:
        """The peak learning rate of every parameter, by name."""
        return {
            name: RATES.get(name, RATES["weight" if "weight" in name else "bias"])
            for name in self.shapes
        }

    @property
    def macs_per_pixel(self) -> int:
        """Multiply-accumulates a pixel."""
        return sum(math.prod(shape) for shape in self.shapes.values() if len(shape) == 2)

    @property
    def widest_layer(self) -> int:
        """Most numbers that one layer gives for a sample; there are two features a frequency."""
        return max(self.width, 2 * self.frequencies)

    def initial(self, random: np.random.Generator, mean: NDArray[np.float64]) -> Arrays:
        """Random initial values; layers as He et al. (2015) for rectifiers."""
        sigma = min(MOST_SIGMA, SIGMA_PER_PIXEL * self.side)
        values = {}
        for name, shape in self.shapes.items():
            if name == "features":
                values[name] = random.normal(0, sigma, shape).astype(np.float32)
                continue
            gain = 1 if name == "weight.out" else 2
            spread = math.sqrt(gain / shape[-1]) if "weight" in name else 0.0
            values[name] = random.normal(0, spread, shape).astype(np.float32)
        values["weight.out"] *= np.float32(0.3)
        values["bias.out"] = mean.astype(np.float32)
        return values

    def render(
        self,
        parameters: Parameters,
        ys: Coordinates,
        xs: Coordinates,
        precision: Precision = None,
    ) -> torch.Tensor:
        """Colours (len(ys), len(xs), C); see `CoordinateModel.render`. Sines of sums are products
        of sines of rows and of columns, so features cost no sine a pixel."""
        features = parameters["features"]
        dtype = precision or features.dtype
        down, across = (
            2 * math.pi * features.new_tensor(c)[:, None] * features[:, axis]
            for axis, c in enumerate((ys, xs))
        )
        sin_y, cos_y = (t.to(dtype)[:, None] for t in (down.sin(), down.cos()))
        sin_x, cos_x = (t.to(dtype) for t in (across.sin(), across.cos()))
        waves = sin_y * cos_x + cos_y * sin_x, cos_y * cos_x - sin_y * sin_x
        sines, cosines = (wave.flatten(0, 1) for wave in waves)
        weight, bias = parameters["weight.0"].to(dtype), parameters["bias.0"].to(dtype)
        hidden = bias.addmm(sines, weight[:, : self.frequencies].T)
        hidden = hidden.addmm(cosines, weight[:, self.frequencies :].T).relu()
        for layer in range(1, self.layers):
            weight, bias = parameters[f"weight.{layer}"].to(dtype), parameters[f"bias.{layer}"]
            hidden = bias.to(dtype).addmm(hidden, weight.T).relu()
        weight = parameters["weight.out"]
        colours = parameters["bias.out"].addmm(hidden.to(weight.dtype), weight.T)
        return colours.view(len(ys), len(xs), self.channels)
