"""NIF: sine layers whose frequency a second, tiny network modulates (Catania and Allegra 2023).

    h_1 = sin(s (W_1 f(y, x) + b_1)),   h_(i+1) = sin(s (W h_i + b)),   colour = W_out h_n + b_out
    s = 1 + V_out g_k + c,              g_1 = sin(V_1 e(y, x) + c_1),   g_(i+1) = sin(V g_i + c_i)

f and e are positional encodings (encoding.py) of many and few frequencies. Widths usually shrink
from layer to layer. The paper writes sin((w + m) (W h + b)), w = 30, with m ten times what its
modulator says; 30 is multiplied into W and b here, and a third into V_out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from inrcodec.codec.header import Family
from inrcodec.codec.models.coordinate import (
    MAX_WIDTH,
    Arrays,
    LearningRate,
    Shapes,
    check_sizes,
    layer_rate,
)
from inrcodec.codec.models.encoding import MAX_FREQUENCIES, encoded, feature_count
from inrcodec.codec.models.siren import BIAS_BOUND, ENCODED_BOUND, W0

if TYPE_CHECKING:
    import torch

MOST_LAYERS = 6
"""Of each of the two networks: dimensions of a header are 16 at most."""

MODULATOR = "modulator."
"""Before the names of its parameters."""

MODULATION = 1 / 3
"""What a unit of the papers' modulator is here."""


@dataclass(frozen=True, slots=True)
class Nif:
    """Sizes of one network: `widths` of its sine layers, those of the modulator (none: s = 1), and
    the frequencies of both encodings."""

    widths: tuple[int, ...]
    modulator: tuple[int, ...]
    frequencies: int
    modulator_frequencies: int
    channels: int

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
        """The wire number."""
        return Family.NIF

    @property
    def dimensions(self) -> tuple[int, ...]:
        """Frequencies, those of the modulator, the number of its layers, all widths."""
        return (
            self.frequencies,
            self.modulator_frequencies,
            len(self.modulator),
            *self.modulator,
            *self.widths,
        )

    @classmethod
    def of_dimensions(cls, dimensions: Sequence[int], channels: int) -> Nif:
        """The inverse of `dimensions`, of which there are at least three."""
        frequencies, few, count, *widths = dimensions
        return cls(tuple(widths[count:]), tuple(widths[:count]), frequencies, few, channels)

    @property
    def shapes(self) -> Shapes:
        """Parameter shapes in file order."""
        shapes: Shapes = {}
        if self.modulator:
            shapes |= _shapes(MODULATOR, self.modulator, self.modulator_frequencies, 1)
        return shapes | _shapes("", self.widths, self.frequencies, self.channels)

    @property
    def units(self) -> dict[str, float]:
        """What a unit of each parameter of the paper is here."""
        outputs = {"modulator.weight.out": MODULATION, "modulator.bias.out": MODULATION}
        return {
            name: outputs.get(name, 1.0 if name.endswith("out") else W0) for name in self.shapes
        }

    @property
    def phases(self) -> tuple[str, ...]:
        """The biases of sine layers."""
        return tuple(n for n in self.shapes if "bias" in n and not n.endswith("out"))

    @property
    def learning_rates(self) -> dict[str, LearningRate]:
        """Of every parameter."""
        return {
            name: layer_rate(name.removeprefix(MODULATOR), shape)
            for name, shape in self.shapes.items()
        }

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
        """Starting values as of a SIREN; the modulator begins near s = 1."""
        values = {}
        for name, shape in self.shapes.items():
            fan_in = shape[-1]
            if name.endswith("bias.out"):
                bound = 0.0
            elif name.endswith("weight.0"):
                bound = ENCODED_BOUND / math.sqrt(fan_in)
            elif name.endswith("weight.out"):
                bound = math.sqrt(6 / fan_in) / W0
            elif "weight" in name:
                bound = math.sqrt(6 / fan_in)
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
        """Colours (len(ys), len(xs), C); see `CoordinateModel.render`."""
        from inrcodec.codec.models.sines import sine_layers

        down, across, rest, scale = self._prepared(parameters, ys, xs, precision)
        return sine_layers(down, across, rest, scale, precision)

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

        down, across, rest, scale = self._prepared(parameters, ys, xs, precision)
        return squared_error(down, across, rest, target, scale, precision)

    def _prepared(
        self,
        parameters: Mapping[str, torch.Tensor],
        ys: NDArray[np.float64],
        xs: NDArray[np.float64],
        precision: torch.dtype | None,
    ) -> tuple[torch.Tensor, torch.Tensor, list[torch.Tensor], torch.Tensor | None]:
        """Phases of rows and of columns, the parameters of later layers, and the modulation."""
        from inrcodec.codec.models.sines import sine_layers

        scale = None
        if self.modulator:
            own = [p for name, p in parameters.items() if name.startswith(MODULATOR)]
            down, across, rest = _first_layer(own, self.modulator_frequencies, ys, xs)
            scale = 1 + sine_layers(down, across, rest, None, precision)[..., 0]
        own = [p for name, p in parameters.items() if not name.startswith(MODULATOR)]
        return *_first_layer(own, self.frequencies, ys, xs), scale


def _shapes(prefix: str, widths: Sequence[int], frequencies: int, outputs: int) -> Shapes:
    """Of one of the two networks."""
    sizes = [2 * feature_count(frequencies), *widths]
    shapes: Shapes = {}
    for layer, (fan_in, width) in enumerate(pairwise(sizes)):
        shapes[f"{prefix}weight.{layer}"] = (width, fan_in)
        shapes[f"{prefix}bias.{layer}"] = (width,)
    shapes[f"{prefix}weight.out"] = (outputs, widths[-1])
    shapes[f"{prefix}bias.out"] = (outputs,)
    return shapes


def _first_layer(
    parameters: Sequence[torch.Tensor],
    frequencies: int,
    ys: NDArray[np.float64],
    xs: NDArray[np.float64],
) -> tuple[torch.Tensor, torch.Tensor, list[torch.Tensor]]:
    """Of one of the two networks: phases of rows and of columns, and later parameters."""
    weight, bias, *rest = parameters
    half = weight.shape[1] // 2
    down = weight.new_tensor(encoded(ys, frequencies)) @ weight[:, :half].T + bias
    across = weight.new_tensor(encoded(xs, frequencies)) @ weight[:, half:].T
    return down, across, rest
