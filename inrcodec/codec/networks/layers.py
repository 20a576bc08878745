"""What families of coordinate networks share: dense layers, and how layers of
sines are initialised and learn.

A network of layers has tensors weight.0, bias.0, weight.1, ..., weight.out, bias.out, in this
order; those of a network within another have a prefix. head.0, head.1, ... are output matrices that
read one layer each (spinr.py). Nothing here imports torch.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Protocol

import numpy as np

from inrcodec.codec.networks.base import (
    Arrays,
    CoordinateModel,
    Coordinates,
    LearningRate,
    Parameters,
    Precision,
    Shapes,
)
from inrcodec.codec.networks.encoding import encoded, feature_count

if TYPE_CHECKING:
    import torch

W0 = 30.0
"""w0 of the papers, by which they multiply what every layer says. Here weights contain it."""

BIAS_BOUND = math.pi  # phases are uniform over the circle
ENCODED_BOUND = 3.7  # phases of the first layer vary as W0 / 66 gives them on 66 features

HIDDEN, FIRST = LearningRate(0.05, muon=True), LearningRate(0.025, muon=True)
BIAS, HEAD = LearningRate(0.015), LearningRate(0.0005)
"""Learning rates of layers of sines. Measured on Kodak; 0.1 for hidden matrices diverges on
textures."""


def layer_shapes(widths: Sequence[int], inputs: int, outputs: int, prefix: str = "") -> Shapes:
    """Shapes of hidden layers of these widths and an output layer, by name."""
    shapes: Shapes = {}
    for layer, (fan_in, width) in enumerate(pairwise((inputs, *widths))):
        shapes[f"{prefix}weight.{layer}"] = (width, fan_in)
        shapes[f"{prefix}bias.{layer}"] = (width,)
    shapes[f"{prefix}weight.out"] = (outputs, widths[-1])
    shapes[f"{prefix}bias.out"] = (outputs,)
    return shapes


def is_output(name: str) -> bool:
    """Whether a parameter makes colours of a layer, not a layer of the one before."""
    return name.endswith("out") or name.startswith("head.")


def _sine_rate(name: str, shape: tuple[int, ...]) -> LearningRate:
    """The learning rate of one parameter."""
    if is_output(name):
        return HEAD
    if "bias" in name:
        return BIAS
    chosen = FIRST if name.endswith(".0") else HIDDEN
    return LearningRate(chosen.rate, muon=min(shape) > 1)


def sine_init(shapes: Shapes, random: np.random.Generator, encoded_input: bool) -> Arrays:
    """Random initial values of layers of sines (Sitzmann et al. 2020, section 3.2), behind an
    encoding or bare coordinates; output biases are 0."""
    return {
        name: random.uniform(-bound, bound, shape).astype(np.float32)
        for name, shape in shapes.items()
        for bound in (_sine_bound(name, shape[-1], encoded_input),)
    }


def _sine_bound(name: str, fan_in: int, encoded_input: bool) -> float:
    """The bound of the uniform distribution of one tensor."""
    if name.endswith("bias.out"):
        return 0.0
    if "bias" in name:
        return BIAS_BOUND
    if name.endswith("weight.0"):
        return ENCODED_BOUND / math.sqrt(fan_in) if encoded_input else W0 / fan_in
    return math.sqrt(6 / fan_in) / (W0 if is_output(name) else 1)


def sine_units(shapes: Shapes) -> dict[str, float]:
    """What a unit of each parameter in the papers is here: w0 in layers of sines."""
    return {name: 1.0 if is_output(name) else W0 for name in shapes}


def sine_rates(shapes: Shapes) -> dict[str, LearningRate]:
    """The learning rate of every parameter; a vector in matrix form takes Adam."""
    return {name: _sine_rate(name, shape) for name, shape in shapes.items()}


class SineNetwork(CoordinateModel, Protocol):
    """A network whose layers are those of `sines.py`, which compiled kernels compute."""

    @property
    def units(self) -> dict[str, float]:
        """What a unit of each parameter in the papers is here: w0 in layers of sines."""
        return sine_units(self.shapes)

    @property
    def in_kernels(self) -> bool:
        """True: the kernels compute the whole network."""
        return True

    @property
    def phases(self) -> tuple[str, ...]:
        """The biases of layers of sines."""
        return tuple(n for n in self.shapes if "bias" in n and not n.endswith("out"))

    @property
    def learning_rates(self) -> dict[str, LearningRate]:
        """The peak learning rate of every parameter, by name."""
        return sine_rates(self.shapes)


class SineGrid(SineNetwork, Protocol):
    """A network whose first layer adds rows and columns: `prepared` makes what `sines.py` takes."""

    def prepared(
        self, parameters: Parameters, ys: Coordinates, xs: Coordinates, precision: Precision
    ) -> tuple[torch.Tensor, torch.Tensor, list[torch.Tensor], torch.Tensor | None]:
        """Phases of rows and of columns, tensors of later layers, and a scale of every phase."""

    def render(
        self,
        parameters: Parameters,
        ys: Coordinates,
        xs: Coordinates,
        precision: Precision = None,
    ) -> torch.Tensor:
        """See `CoordinateModel.render`."""
        from inrcodec.codec.networks.sines import sine_layers

        return sine_layers(*self.prepared(parameters, ys, xs, precision), precision)

    def squared_error(
        self,
        parameters: Parameters,
        ys: Coordinates,
        xs: Coordinates,
        target: torch.Tensor,
        precision: Precision = None,
    ) -> torch.Tensor:
        """See `CoordinateModel.squared_error`."""
        from inrcodec.codec.networks.sines import squared_error

        return squared_error(*self.prepared(parameters, ys, xs, precision), target, precision)


def first_layer(
    tensors: Sequence[torch.Tensor], frequencies: int, ys: Coordinates, xs: Coordinates
) -> tuple[torch.Tensor, torch.Tensor, list[torch.Tensor]]:
    """Evaluate the first layer on encoded coordinates: phases of rows and of columns, (n, width)
    each, and the tensors of later layers. The first layer is linear in the features of rows plus
    those of columns, so over a grid it costs what a row and a column do."""
    weight, bias, *rest = tensors
    of_rows = weight.shape[1] - feature_count(frequencies)
    of_each = [encoded(c, frequencies) for c in ys.reshape(len(ys), -1).T]
    features = np.concatenate([np.zeros((len(ys), 0)), *of_each], 1)
    down = weight.new_tensor(features) @ weight[:, :of_rows].T + bias
    across = weight.new_tensor(encoded(xs, frequencies)) @ weight[:, of_rows:].T
    return down, across, rest
