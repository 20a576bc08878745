"""What every coordinate network is: parameters and coordinates in, colours out.

One file beside this holds each family. Nothing here imports torch: tensors come in, tensors go out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from inrcodec.codec.header import Family
from inrcodec.errors import LimitError

if TYPE_CHECKING:
    import torch

MAX_WIDTH, MAX_LAYERS = 1024, 16

Shapes = dict[str, tuple[int, ...]]
Arrays = dict[str, NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class LearningRate:
    """How fast a parameter learns at the peak: by Adam or, a matrix, by Muon (`optimizer.py`), for
    which it is the spectral norm of one update."""

    rate: float
    muon: bool = False


class CoordinateModel(Protocol):
    """Sizes of one network. The picture spans [-1, 1] along both axes, colours nominally too."""

    @property
    def channels(self) -> int:
        """Colours out."""

    @property
    def family(self) -> Family:
        """The wire number."""

    @property
    def dimensions(self) -> tuple[int, ...]:
        """What the header stores of it."""

    @property
    def shapes(self) -> Shapes:
        """Parameter shapes in file order."""

    @property
    def units(self) -> dict[str, float]:
        """What a unit of each parameter of the papers is here."""

    @property
    def phases(self) -> tuple[str, ...]:
        """Parameters that are angles, which begin evenly spread (coordinate_starts.py)."""
        return ()

    @property
    def learning_rates(self) -> dict[str, LearningRate]:
        """Of every parameter, at the peak."""

    @property
    def macs_per_pixel(self) -> int:
        """Multiply-accumulates a pixel, what a row or a column shares not counted."""

    def initial(self, random: np.random.Generator, mean: NDArray[np.float64]) -> Arrays:
        """Starting values; `mean` (C,) is the picture's mean colour in [-1, 1]."""

    def render(
        self,
        parameters: Mapping[str, torch.Tensor],
        ys: NDArray[np.float64],
        xs: NDArray[np.float64],
        precision: torch.dtype | None = None,
    ) -> torch.Tensor:
        """Colours (len(ys), len(xs), C), float32, on the grid ys x xs of any coordinates; hidden
        layers that torch computes are in `precision` (default: that of the parameters)."""

    def squared_error(
        self,
        parameters: Mapping[str, torch.Tensor],
        ys: NDArray[np.float64],
        xs: NDArray[np.float64],
        target: torch.Tensor,
        precision: torch.dtype | None = None,
    ) -> torch.Tensor:
        """Mean squared distance of those colours from a target of their shape, (); its gradient may
        not be differentiable."""
        return (self.render(parameters, ys, xs, precision) - target).square().mean()


HIDDEN, FIRST, BIAS, HEAD = (
    LearningRate(0.05, muon=True),
    LearningRate(0.025, muon=True),
    LearningRate(0.015),
    LearningRate(0.0005),
)
"""Of networks of sines. Measured on Kodak; 0.1 for hidden matrices diverges on textures."""


def layer_rate(name: str, shape: tuple[int, ...]) -> LearningRate:
    """The rate of a tensor `weight.i`, `bias.i`, `weight.out` or `bias.out` of sine layers."""
    kind, layer = name.split(".")[0], name.split(".")[-1]
    if layer == "out":
        return HEAD
    if kind == "bias":
        return BIAS
    chosen = HIDDEN if layer != "0" else FIRST
    return LearningRate(chosen.rate, muon=min(shape) > 1)


def check_sizes(*sizes: tuple[str, int, int, int]) -> None:
    """Raise `LimitError` unless every (name, value, lowest, highest) holds."""
    for name, value, low, high in sizes:
        if not low <= value <= high:
            raise LimitError(f"network {name} {value} is outside [{low}, {high}]")
