"""DINER: two learned numbers at every pixel, and a small network of them (Xie et al., CVPR 2023).

    h_1 = sin(W_1 t(y, x) + b_1),   h_(i+1) = sin(W h_i + b),   colour = W_out h_n + b_out

The table t has a row for every pixel of the picture, so a file holds more numbers than the picture
has pixels. What lies between pixels is the bilinear mean of the colours of the four around, since
neighbours in the table have nothing to do with each other.
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
    Arrays,
    CoordinateModel,
    LearningRate,
    Shapes,
    check_sizes,
    layer_rate,
)
from inrcodec.codec.models.siren import BIAS_BOUND

if TYPE_CHECKING:
    import torch

ENTRY = 2
"""Numbers of an entry of the table."""

TABLE_BOUND = 0.1
TABLE_RATE = LearningRate(0.02)
FIRST_GAIN = 6.0


@dataclass(frozen=True, slots=True)
class Diner(CoordinateModel):
    """Sizes of one network: `layers` sine layers of `width`, for a picture of this size."""

    width: int
    layers: int
    picture_width: int
    picture_height: int
    channels: int

    def __post_init__(self) -> None:
        check_sizes(("width", self.width, 1, MAX_WIDTH), ("layers", self.layers, 1, MAX_LAYERS))

    @property
    def family(self) -> Family:
        """The wire number."""
        return Family.DINER

    @property
    def dimensions(self) -> tuple[int, ...]:
        """Width and layers."""
        return (self.width, self.layers)

    @property
    def shapes(self) -> Shapes:
        """Parameter shapes in file order."""
        shapes: Shapes = {"table": (self.picture_height, self.picture_width, ENTRY)}
        for layer in range(self.layers):
            shapes[f"weight.{layer}"] = (self.width, self.width if layer else ENTRY)
            shapes[f"bias.{layer}"] = (self.width,)
        shapes["weight.out"] = (self.channels, self.width)
        shapes["bias.out"] = (self.channels,)
        return shapes

    @property
    def units(self) -> dict[str, float]:
        """Those of this network, whose frequencies are in the table."""
        return dict.fromkeys(self.shapes, 1.0)

    @property
    def phases(self) -> tuple[str, ...]:
        """The biases of sine layers."""
        return tuple(f"bias.{layer}" for layer in range(self.layers))

    @property
    def learning_rates(self) -> dict[str, LearningRate]:
        """Of every parameter."""
        return {
            name: TABLE_RATE if name == "table" else layer_rate(name, shape)
            for name, shape in self.shapes.items()
        }

    @property
    def macs_per_pixel(self) -> int:
        """Multiply-accumulates a pixel."""
        return (ENTRY + self.channels) * self.width + (self.layers - 1) * self.width**2

    def initial(self, random: np.random.Generator, mean: NDArray[np.float64]) -> Arrays:
        """Starting values: a table of small numbers, layers as of a SIREN."""
        values = {}
        for name, shape in self.shapes.items():
            bounds = {"table": TABLE_BOUND, "weight.0": FIRST_GAIN, "weight.out": 0.2}
            bound = math.sqrt(6 / shape[-1]) if name.startswith("weight") else BIAS_BOUND
            bound = bounds.get(name, 1.0) * (1.0 if name == "table" else bound)
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
        rows, down = _neighbours(ys, self.picture_height)
        columns, across = _neighbours(xs, self.picture_width)
        table = parameters["table"]
        colours = table.new_zeros(len(ys), len(xs), self.channels)
        for row, share in zip(rows, down, strict=True):
            for column, part in zip(columns, across, strict=True):
                weight = share[:, None] * part
                if not weight.any():
                    continue
                made = self._colours(
                    parameters, table[row[:, None], column].flatten(0, 1), precision
                )
                colours = colours + made.view(colours.shape) * table.new_tensor(weight)[..., None]
        return colours

    def _colours(
        self,
        parameters: Mapping[str, torch.Tensor],
        entries: torch.Tensor,
        precision: torch.dtype | None,
    ) -> torch.Tensor:
        """Colours (n, C) of entries (n, 2)."""
        hidden = parameters["bias.0"].addmm(entries, parameters["weight.0"].T).sin()
        hidden = hidden.to(precision or hidden.dtype)
        for layer in range(1, self.layers):
            weight, bias = parameters[f"weight.{layer}"], parameters[f"bias.{layer}"]
            hidden = bias.to(hidden.dtype).addmm(hidden, weight.to(hidden.dtype).T).sin()
        weight = parameters["weight.out"]
        return parameters["bias.out"].addmm(hidden.to(weight.dtype), weight.T)


def _neighbours(
    c: NDArray[np.float64], size: int
) -> tuple[tuple[NDArray[np.int64], ...], tuple[NDArray[np.float64], ...]]:
    """Of each coordinate the pixels before and behind it, and the share of each; those at an end
    reach beyond it."""
    at = ((c + 1) * size - 1) / 2
    nearest = np.rint(at)
    at = np.where(np.abs(at - nearest) < 1e-6, nearest, at)
    before = np.floor(at)
    behind = at - before
    pixels = tuple(np.clip(p, 0, size - 1).astype(np.int64) for p in (before, before + 1))
    return pixels, (1 - behind, behind)
