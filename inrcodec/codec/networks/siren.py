"""SIREN, plain (COIN) and with positional encoding (Struempler et al. 2022).

    h_1 = sin(W_1 f(y, x) + b_1),   h_(i+1) = sin(W h_i + b),   colour = W_out h_n + b_out

f(c) = [c, sin(1.4^i pi c), cos(1.4^i pi c)] for i < `frequencies`, once for y and once for x, with
c in [-1, 1]; no frequencies: f(c) = c. The w0 = 30 of the papers is multiplied into W and b, so the
network is what the formula says and nothing more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from inrcodec.codec.format.header import Family
from inrcodec.codec.networks.base import (
    Arrays,
    Coordinates,
    Parameters,
    Precision,
    Shapes,
    check_layers,
)
from inrcodec.codec.networks.encoding import MAX_FREQUENCIES, encoded, feature_count
from inrcodec.codec.networks.layers import SineGrid, first_layer, layer_shapes, sine_init

if TYPE_CHECKING:
    import torch


OF_SOUND = 100.0
"""How many times higher first frequencies of sound are than those of images: Sitzmann et al. 2020
begin with w0 = 3000 in the first layer for sound, and 30 elsewhere."""


@dataclass(frozen=True, slots=True)
class Siren(SineGrid):
    """Sizes of one network: `layers` sine layers of `width` neurons, `channels` colours out."""

    width: int
    layers: int
    frequencies: int
    channels: int
    axes: int = 2

    def __post_init__(self) -> None:
        check_layers(self.width, self.layers, ("frequencies", self.frequencies, 0, MAX_FREQUENCIES))

    @property
    def family(self) -> Family:
        """The family: PE_SIREN with positional encoding, SIREN without."""
        return Family.PE_SIREN if self.frequencies else Family.SIREN

    @property
    def dimensions(self) -> tuple[int, ...]:
        """The integers that the header stores: width, layers and, for PE_SIREN, frequencies."""
        return (self.width, self.layers, self.frequencies)[: 3 if self.frequencies else 2]

    @property
    def shapes(self) -> Shapes:
        """Parameter shapes in file order."""
        inputs = self.axes * feature_count(self.frequencies)
        return layer_shapes((self.width,) * self.layers, inputs, self.channels)

    @property
    def macs_per_pixel(self) -> int:
        """Multiply-accumulates a pixel; the separable first layer costs nothing on a grid."""
        return (self.layers - 1) * self.width**2 + self.channels * self.width

    def initial(self, random: np.random.Generator, mean: NDArray[np.float64]) -> Arrays:
        """Random initial values; `mean` (C,) is the output bias."""
        values = sine_init(self.shapes, random, self.frequencies > 0)
        if self.axes == 1 and not self.frequencies:
            values["weight.0"] *= np.float32(OF_SOUND)
        return values | {"bias.out": mean.astype(np.float32)}

    def prepared(
        self, parameters: Parameters, ys: Coordinates, xs: Coordinates, precision: Precision
    ) -> tuple[torch.Tensor, torch.Tensor, list[torch.Tensor], None]:
        """See `SineGrid.prepared`."""
        tensors = [parameters[name] for name in self.shapes]
        return *first_layer(tensors, self.frequencies, ys, xs), None

    def features(self, c: Coordinates) -> NDArray[np.float64]:
        """The positional encoding f(c), shape (len(c), 1 + 2 frequencies)."""
        return encoded(c, self.frequencies)
