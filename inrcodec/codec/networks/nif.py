"""NIF: sine layers whose frequency a second, tiny network modulates (Catania and Allegra 2023).

    h_1 = sin(s (W_1 f(y, x) + b_1)),   h_(i+1) = sin(s (W h_i + b)),   colour = W_out h_n + b_out
    s = 1 + V_out g_k + c,              g_1 = sin(V_1 e(y, x) + c_1),   g_(i+1) = sin(V g_i + c_i)

f and e are positional encodings (encoding.py) of many and few frequencies. Widths usually shrink
from layer to layer. The paper writes sin((w + m) (W h + b)), w = 30, with m ten times what its
modulator says; 30 is multiplied into W and b here, and a third into V_out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from inrcodec.codec.format.header import Family
from inrcodec.codec.networks.base import (
    MAX_WIDTH,
    Arrays,
    Coordinates,
    Parameters,
    Precision,
    Shapes,
    check_sizes,
)
from inrcodec.codec.networks.encoding import MAX_FREQUENCIES, feature_count
from inrcodec.codec.networks.layers import (
    SineGrid,
    first_layer,
    layer_shapes,
    sine_init,
    sine_units,
)

if TYPE_CHECKING:
    import torch

MOST_LAYERS = 6
"""Most layers of each of the two networks: dimensions of a header are 16 at most."""

MODULATOR = "modulator."
"""Prefix of the names of its parameters."""

MODULATION = 1 / 3
"""What a unit of the papers' modulator is here."""


@dataclass(frozen=True, slots=True)
class Nif(SineGrid):
    """Sizes of one network: `widths` of its sine layers, those of the modulator (none: s = 1), and
    the frequencies of both encodings."""

    widths: tuple[int, ...]
    modulator: tuple[int, ...]
    frequencies: int
    modulator_frequencies: int
    channels: int
    axes: int = 2

    def __post_init__(self) -> None:
        check_sizes(
            ("layers", len(self.widths), 1, MOST_LAYERS),
            ("modulator layers", len(self.modulator), 0, MOST_LAYERS),
            ("frequencies", self.frequencies, 1, MAX_FREQUENCIES),
            ("modulator frequencies", self.modulator_frequencies, 1, MAX_FREQUENCIES),
            *(("width", width, 1, MAX_WIDTH) for width in self.widths + self.modulator),
        )

    @property
    def family(self) -> Family:
        """The family, whose number the header stores."""
        return Family.NIF

    @property
    def dimensions(self) -> tuple[int, ...]:
        """The integers that the header stores: frequencies, those of the modulator, the number of
        its layers, all widths."""
        return (
            self.frequencies,
            self.modulator_frequencies,
            len(self.modulator),
            *self.modulator,
            *self.widths,
        )

    @classmethod
    def of_dimensions(cls, dimensions: Sequence[int], channels: int, axes: int) -> Nif:
        """The inverse of `dimensions`, of which there are at least three."""
        frequencies, few, count, *widths = dimensions
        return cls(tuple(widths[count:]), tuple(widths[:count]), frequencies, few, channels, axes)

    @property
    def shapes(self) -> Shapes:
        """Parameter shapes in file order."""
        shapes: Shapes = {}
        if self.modulator:
            few = self.axes * feature_count(self.modulator_frequencies)
            shapes = layer_shapes(self.modulator, few, 1, MODULATOR)
        inputs = self.axes * feature_count(self.frequencies)
        return shapes | layer_shapes(self.widths, inputs, self.channels)

    @property
    def units(self) -> dict[str, float]:
        """What a unit of each parameter in the papers is here: w0 in sine layers, and a third in
        the output of the modulator."""
        outputs = (f"{MODULATOR}weight.out", f"{MODULATOR}bias.out")
        units = sine_units(self.shapes)
        return units | {name: MODULATION for name in outputs if name in units}

    @property
    def macs_per_pixel(self) -> int:
        """Multiply-accumulates a pixel; the separable first layers cost nothing on a grid."""
        matrices = [
            math.prod(shape)
            for name, shape in self.shapes.items()
            if len(shape) == 2 and not name.endswith("weight.0")
        ]
        return sum(matrices)

    def initial(self, random: np.random.Generator, mean: NDArray[np.float64]) -> Arrays:
        """Random initial values as of a SIREN; the modulator gives about s = 1."""
        values = sine_init(self.shapes, random, True)
        return values | {"bias.out": mean.astype(np.float32)}

    def prepared(
        self, parameters: Parameters, ys: Coordinates, xs: Coordinates, precision: Precision
    ) -> tuple[torch.Tensor, torch.Tensor, list[torch.Tensor], torch.Tensor | None]:
        """See `SineGrid.prepared`; the modulator gives the scale."""
        from inrcodec.codec.networks.sines import sine_layers

        own = [parameters[n] for n in self.shapes if n.startswith(MODULATOR)]
        rest = [parameters[n] for n in self.shapes if not n.startswith(MODULATOR)]
        scale = None
        if own:
            layers = first_layer(own, self.modulator_frequencies, ys, xs)
            scale = 1 + sine_layers(*layers, None, precision)[..., 0]
        return *first_layer(rest, self.frequencies, ys, xs), scale
