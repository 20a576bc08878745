"""SPINR: sine layers every prefix of which is an image (Conde et al., ICIP 2024, section 4).

    h_1 = sin(W_1 f(y, x) + b_1),   h_(i+1) = sin(W_(i+1) h_i + b_(i+1))
    colour_k = b_out + V_1 h_1 + ... + V_k h_k

The paper has one output layer for all prefixes and trains layer after layer, each with those before
it frozen. Here every layer has an output matrix of its own, which adds to the image of the layers
before it, and all are trained at once, the image of every prefix counting: 2 % of the parameters,
and 0.1 to 0.2 dB of the whole image beside a PE-SIREN of that size, 0.8 dB after a long fit. What
that gives is prefixes, 0.6 to 2.6 dB better ones than one output layer gives, and 0.1 to 1.8 dB
where five neurons or fewer are lost; with ten lost PE-SIREN is level (docs/networks.md, "What lost
neurons cost").
"""

from __future__ import annotations

from dataclasses import dataclass, replace
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
from inrcodec.codec.networks.encoding import MAX_FREQUENCIES, feature_count
from inrcodec.codec.networks.layers import SineNetwork, first_layer, sine_init

if TYPE_CHECKING:
    from collections.abc import Iterator

    import torch

PREFIX_WEIGHT = 0.1
"""What the squared error of all shorter prefixes together counts beside that of the whole."""


@dataclass(frozen=True, slots=True)
class Spinr(SineNetwork):
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
        """The family, whose number the header stores."""
        return Family.SPINR

    @property
    def dimensions(self) -> tuple[int, ...]:
        """The integers that the header stores: width, layers, frequencies."""
        return self.width, self.layers, self.frequencies

    @property
    def shapes(self) -> Shapes:
        """Parameter shapes in file order: layer after layer."""
        return {name: shape for layer in self.parts for name, shape in layer.items()}

    @property
    def parts(self) -> tuple[Shapes, ...]:
        """Parameter shapes by layer: every layer is a section of its own."""
        width, channels = self.width, self.channels
        parts: list[Shapes] = []
        for layer in range(self.layers):
            inputs = width if layer else self.axes * feature_count(self.frequencies)
            part: Shapes = {
                f"weight.{layer}": (width, inputs),
                f"bias.{layer}": (width,),
                f"head.{layer}": (channels, width),
            }
            parts.append(part if layer else part | {"bias.out": (channels,)})
        return tuple(parts)

    def prefix(self, parts: int) -> Spinr:
        """The network of the first so many layers."""
        return replace(self, layers=parts)

    @property
    def in_kernels(self) -> bool:
        """False: kernels give the colours of the last layer alone, so torch computes the
        network."""
        return False

    @property
    def macs_per_pixel(self) -> int:
        """Multiply-accumulates a pixel; the separable first layer costs nothing on a grid."""
        return (self.layers - 1) * self.width**2 + self.channels * self.width * self.layers

    def initial(self, random: np.random.Generator, mean: NDArray[np.float64]) -> Arrays:
        """Random initial values as of a SIREN; `mean` (C,) is the output bias."""
        values = sine_init(self.shapes, random, self.frequencies > 0)
        return values | {"bias.out": mean.astype(np.float32)}

    def pictures(
        self, parameters: Parameters, ys: Coordinates, xs: Coordinates, precision: Precision
    ) -> Iterator[torch.Tensor]:
        """Colours (len(ys), len(xs), C) of every prefix, the shortest first."""
        down, across, _ = first_layer(
            [parameters["weight.0"], parameters["bias.0"]], self.frequencies, ys, xs
        )
        dtype = precision or down.dtype
        hidden = (down[:, None] + across).flatten(0, 1).to(dtype).sin()
        colours = parameters["bias.out"]
        for layer in range(self.layers):
            if layer:
                weight, bias = parameters[f"weight.{layer}"], parameters[f"bias.{layer}"]
                hidden = bias.to(dtype).addmm(hidden, weight.to(dtype).T).sin()
            head = parameters[f"head.{layer}"]
            colours = colours + hidden.to(head.dtype) @ head.T
            yield colours.view(len(ys), len(xs), self.channels)

    def render(
        self,
        parameters: Parameters,
        ys: Coordinates,
        xs: Coordinates,
        precision: Precision = None,
    ) -> torch.Tensor:
        """Colours of the whole network, all layers; see `CoordinateModel.render`."""
        *_, whole = self.pictures(parameters, ys, xs, precision)
        return whole

    def squared_error(
        self,
        parameters: Parameters,
        ys: Coordinates,
        xs: Coordinates,
        target: torch.Tensor,
        precision: Precision = None,
    ) -> torch.Tensor:
        """The squared error of the whole and `PREFIX_WEIGHT` times the mean of those of shorter
        prefixes, over 1 + `PREFIX_WEIGHT`."""
        errors = [
            (made - target).square().mean() for made in self.pictures(parameters, ys, xs, precision)
        ]
        *shorter, whole = errors
        if not shorter:
            return whole
        return (whole + PREFIX_WEIGHT * sum(shorter) / len(shorter)) / (1 + PREFIX_WEIGHT)
