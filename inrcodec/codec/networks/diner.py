"""DINER: two learned numbers at every pixel, and a small network of them (Xie et al., CVPR 2023).

    h_1 = sin(W_1 t(y, x) + b_1),   h_(i+1) = sin(W h_i + b),   colour = W_out h_n + b_out

The table t has a row for every pixel of the image, so a file holds more numbers than the image
has pixels. What lies between pixels is the bilinear mean of the colours of the four around, since
neighbours in the table have nothing to do with each other.
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
    LearningRate,
    Parameters,
    Precision,
    Shapes,
    check_layers,
)
from inrcodec.codec.networks.layers import (
    SineNetwork,
    layer_shapes,
    sine_init,
    sine_rates,
    sine_units,
)

if TYPE_CHECKING:
    import torch

ENTRY = 2
"""Numbers of an entry of the table."""

TABLE_BOUND = 0.1
TABLE_RATE = LearningRate(0.02)
FIRST_GAIN, HEAD_GAIN = 0.3, 6.0
"""First and output layer beside those of a SIREN: entries move farther than coordinates."""


@dataclass(frozen=True, slots=True)
class Diner(SineNetwork):
    """Sizes of one network: `layers` sine layers of `width`, for an image of this size."""

    width: int
    layers: int
    picture_width: int
    picture_height: int
    channels: int

    def __post_init__(self) -> None:
        check_layers(self.width, self.layers)

    @property
    def family(self) -> Family:
        """The family, whose number the header stores."""
        return Family.DINER

    @property
    def dimensions(self) -> tuple[int, ...]:
        """The integers that the header stores: width and layers."""
        return (self.width, self.layers)

    @property
    def shapes(self) -> Shapes:
        """Parameter shapes in file order."""
        table: Shapes = {"table": (self.picture_height, self.picture_width, ENTRY)}
        return table | self._layers

    @property
    def _layers(self) -> Shapes:
        """Shapes of the network behind the table."""
        return layer_shapes((self.width,) * self.layers, ENTRY, self.channels)

    @property
    def units(self) -> dict[str, float]:
        """What a unit of each parameter in the papers is here: w0 in sine layers."""
        return sine_units(self.shapes) | {"table": 1.0}

    @property
    def learning_rates(self) -> dict[str, LearningRate]:
        """The peak learning rate of every parameter, by name."""
        return sine_rates(self.shapes) | {"table": TABLE_RATE}

    @property
    def macs_per_pixel(self) -> int:
        """Multiply-accumulates a pixel."""
        return (ENTRY + self.channels) * self.width + (self.layers - 1) * self.width**2

    def initial(self, random: np.random.Generator, mean: NDArray[np.float64]) -> Arrays:
        """Random initial values: a table of small numbers, layers as of a SIREN."""
        shape = self.shapes["table"]
        table = random.uniform(-TABLE_BOUND, TABLE_BOUND, shape).astype(np.float32)
        values = {"table": table} | sine_init(self._layers, random, False)
        values["weight.0"] *= np.float32(FIRST_GAIN)
        values["weight.out"] *= np.float32(HEAD_GAIN)
        return values | {"bias.out": mean.astype(np.float32)}

    def render(
        self,
        parameters: Parameters,
        ys: Coordinates,
        xs: Coordinates,
        precision: Precision = None,
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
        parameters: Parameters,
        entries: torch.Tensor,
        precision: Precision,
    ) -> torch.Tensor:
        """Colours (n, C) of entries (n, 2): a grid of one column."""
        from inrcodec.codec.networks.sines import sine_layers

        weight, bias, *rest = (parameters[name] for name in self._layers)
        down = bias.addmm(entries, weight.T)
        return sine_layers(down, weight.new_zeros(1, self.width), rest, precision=precision)[:, 0]


def _neighbours(
    c: NDArray[np.float64], size: int
) -> tuple[tuple[NDArray[np.int64], ...], tuple[NDArray[np.float64], ...]]:
    """The pixels before and behind each coordinate, and the share of each; the first and the last
    pixel extend to the border."""
    at = ((c + 1) * size - 1) / 2
    nearest = np.rint(at)
    at = np.where(np.abs(at - nearest) < 1e-6, nearest, at)
    before = np.floor(at)
    behind = at - before
    pixels = tuple(np.clip(p, 0, size - 1).astype(np.int64) for p in (before, before + 1))
    return pixels, (1 - behind, behind)
