"""SIREN, plain (COIN) and with positional encoding (Struempler et al. 2022).

    h_1 = sin(W_1 f(y, x) + b_1),   h_(i+1) = sin(W h_i + b),   colour = W_out h_n + b_out

f(c) = [c, sin(1.4^i pi c), cos(1.4^i pi c)] for i < `frequencies`, once for y and once for x, with
c in [-1, 1]; no frequencies: f(c) = c. The w0 = 30 of the papers is multiplied into W and b, so the
network is what the formula says and nothing more.

The first layer is linear in the features of y plus those of x, so over a grid its cost is that of
one row and one column. Nothing here imports torch: tensors come in, tensors go out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from inrcodec.codec.header import Family
from inrcodec.codec.models.coordinate import (
    MAX_LAYERS,
    MAX_WIDTH,
    LearningRate,
    check_sizes,
    layer_rate,
)
from inrcodec.codec.models.encoding import MAX_FREQUENCIES, encoded, feature_count

if TYPE_CHECKING:
    import torch

W0 = 30.0
BIAS_BOUND = math.pi  # phases start uniform over the circle
ENCODED_BOUND = 3.7  # phases of the first layer vary as W0 / 66 gives them on 66 features


@dataclass(frozen=True, slots=True)
class Siren:
    """Sizes of one network: `layers` sine layers of `width` neurons, `channels` colours out."""

    width: int
    layers: int
    frequencies: int
    channels: int

    def __post_init__(self) -> None:
        check_sizes(
            ("width", self.width, 1, MAX_WIDTH),
            ("layers", self.layers, 1, MAX_LAYERS),
            ("frequencies", self.frequencies, 0, MAX_FREQUENCIES),
        )

    @property
    def family(self) -> Family:
        """The wire number: PE_SIREN with positional encoding, SIREN without."""
        return Family.PE_SIREN if self.frequencies else Family.SIREN

    @property
    def dimensions(self) -> tuple[int, ...]:
        """What the header stores: width, layers and, for PE_SIREN, frequencies."""
        return (self.width, self.layers, self.frequencies)[: 3 if self.frequencies else 2]

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Parameter shapes in file order."""
        features = 2 * feature_count(self.frequencies)
        shapes: dict[str, tuple[int, ...]] = {}
        for layer in range(self.layers):
            shapes[f"weight.{layer}"] = (self.width, self.width if layer else features)
            shapes[f"bias.{layer}"] = (self.width,)
        shapes["weight.out"] = (self.channels, self.width)
        shapes["bias.out"] = (self.channels,)
        return shapes

    @property
    def units(self) -> dict[str, float]:
        """What a unit of each parameter of the papers is here: w0 in sine layers."""
        return {name: 1.0 if name.endswith("out") else W0 for name in self.shapes}

    @property
    def phases(self) -> tuple[str, ...]:
        """The biases of sine layers."""
        return tuple(f"bias.{layer}" for layer in range(self.layers))

    @property
    def learning_rates(self) -> dict[str, LearningRate]:
        """Of every parameter."""
        return {name: layer_rate(name, shape) for name, shape in self.shapes.items()}

    @property
    def macs_per_pixel(self) -> int:
        """Multiply-accumulates a pixel; the separable first layer costs nothing on a grid."""
        return (self.layers - 1) * self.width**2 + self.channels * self.width

    def initial(
        self, random: np.random.Generator, mean: NDArray[np.float64]
    ) -> dict[str, NDArray[np.float32]]:
        """Starting values (Sitzmann et al. 2020, section 3.2); `mean` (C,) is the output bias."""
        values = {}
        for name, shape in self.shapes.items():
            fan_in = shape[-1]
            if name == "weight.0":
                bound = ENCODED_BOUND / math.sqrt(fan_in) if self.frequencies else W0 / fan_in
            elif name.startswith("weight"):
                bound = math.sqrt(6 / fan_in) / (W0 if name == "weight.out" else 1)
            else:
                bound = BIAS_BOUND
            values[name] = random.uniform(-bound, bound, shape).astype(np.float32)
        values["bias.out"] = mean.astype(np.float32)
        return values

    def render(
        self,
        parameters: Mapping[str, torch.Tensor],
        ys: NDArray[np.float64],
        xs: NDArray[np.float64],
        precision: torch.dtype | None = None,
    ) -> torch.Tensor:
        """Colours (len(ys), len(xs), C), float32, nominally in [-1, 1], on the grid ys x xs.

        `ys`, `xs` are any coordinates; the picture spans [-1, 1]. Where torch computes, sine layers
        are in `precision` (default: that of the parameters).
        """
        from inrcodec.codec.models.sines import sine_layers

        down, across, rest = self._first_layer(parameters, ys, xs)
        return sine_layers(down, across, rest, precision=precision)

    def squared_error(
        self,
        parameters: Mapping[str, torch.Tensor],
        ys: NDArray[np.float64],
        xs: NDArray[np.float64],
        target: torch.Tensor,
        precision: torch.dtype | None = None,
    ) -> torch.Tensor:
        """See `CoordinateModel.squared_error`."""
        from inrcodec.codec.models.sines import squared_error

        down, across, rest = self._first_layer(parameters, ys, xs)
        return squared_error(down, across, rest, target, precision=precision)

    def _first_layer(
        self,
        parameters: Mapping[str, torch.Tensor],
        ys: NDArray[np.float64],
        xs: NDArray[np.float64],
    ) -> tuple[torch.Tensor, torch.Tensor, list[torch.Tensor]]:
        """Phases of rows and of columns, (n, width) each, and the parameters of later layers."""
        weight, bias, *rest = (parameters[name] for name in self.shapes)
        half = weight.shape[1] // 2
        down = weight.new_tensor(self.features(ys)) @ weight[:, :half].T + bias
        across = weight.new_tensor(self.features(xs)) @ weight[:, half:].T
        return down, across, rest

    def features(self, c: NDArray[np.float64]) -> NDArray[np.float64]:
        """The positional encoding f(c), shape (len(c), 1 + 2 frequencies)."""
        return encoded(c, self.frequencies)
