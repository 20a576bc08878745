"""What every coordinate network is: parameters and coordinates in, colours out.

One file beside this holds each family. Nothing here imports torch: tensors come in, tensors go out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from inrcodec.codec.format.header import Family
from inrcodec.errors import LimitError

if TYPE_CHECKING:
    import torch

Parameters: TypeAlias = "Mapping[str, torch.Tensor]"
Precision: TypeAlias = "torch.dtype | None"
Coordinates = NDArray[np.float64]
MAX_WIDTH, MAX_LAYERS = 1024, 16
LARGE_SIDE = 512
"""Pixels of the longer side from which on the initialisation has the highest frequencies."""

Shapes = dict[str, tuple[int, ...]]
Arrays = dict[str, NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class LearningRate:
    """How fast a parameter learns at the peak: by Adam or, a matrix, by Muon (`optimizer.py`), for
    which it is the spectral norm of one update."""

    rate: float
    muon: bool = False


class CoordinateModel(Protocol):
    """Sizes of one network. An image spans [-1, 1] along both axes, colours nominally too."""

    @property
    def channels(self) -> int:
        """Number of channels of the colours."""

    @property
    def axes(self) -> int:
        """How many coordinates a sample has: 1 of sound, 2 of an image, 3 of a clip
        (positions.py)."""
        return 2

    @property
    def family(self) -> Family:
        """The family, whose number the header stores."""

    @property
    def dimensions(self) -> tuple[int, ...]:
        """The integers that the header stores of it."""

    @property
    def shapes(self) -> Shapes:
        """Parameter shapes in file order."""

    @property
    def parts(self) -> tuple[Shapes, ...]:
        """Parameter shapes by section of the file: all in one, but where every prefix is an
        image."""
        return (self.shapes,)

    def prefix(self, parts: int) -> CoordinateModel:
        """The network of the first so many of its `parts`."""
        return self

    @property
    def parameter_count(self) -> int:
        """Number of parameters."""
        return sum(math.prod(shape) for shape in self.shapes.values())

    @property
    def units(self) -> dict[str, float]:
        """What a unit of each parameter in the papers is in this codec, by name."""
        return dict.fromkeys(self.shapes, 1.0)

    @property
    def in_kernels(self) -> bool:
        """Whether its layers are those of `sines.py`, which compiled kernels compute."""
        return False

    @property
    def phases(self) -> tuple[str, ...]:
        """Parameters that are angles, whose initial values are evenly spread (init_tables.py)."""
        return ()

    @property
    def learning_rates(self) -> dict[str, LearningRate]:
        """The peak learning rate of every parameter, by name."""

    @property
    def macs_per_pixel(self) -> int:
        """Multiply-accumulates a pixel, what a row or a column shares not counted."""

    @property
    def neurons(self) -> int:
        """Number of neurons of all layers, outputs included: one for each bias."""
        return sum(shape[-1] for name, shape in self.shapes.items() if "bias" in name)

    @property
    def widest_layer(self) -> int:
        """Most numbers that one layer gives for a sample."""
        return max(shape[-1] for name, shape in self.shapes.items() if "bias" in name)

    def initial(self, random: np.random.Generator, mean: NDArray[np.float64]) -> Arrays:
        """Random initial values; `mean` (C,) is the image's mean colour in [-1, 1]."""

    def render(
        self,
        parameters: Parameters,
        ys: Coordinates,
        xs: Coordinates,
        precision: Precision = None,
    ) -> torch.Tensor:
        """Colours (len(ys), len(xs), C), float32, on the grid ys x xs of any coordinates, those of
        rows as in `positions.rows_of`; hidden layers that torch computes are in `precision`
        (default: that of the parameters)."""

    def squared_error(
        self,
        parameters: Parameters,
        ys: Coordinates,
        xs: Coordinates,
        target: torch.Tensor,
        precision: Precision = None,
    ) -> torch.Tensor:
        """Mean squared distance of those colours from a target of their shape, (); its gradient may
        not be differentiable."""
        return (self.render(parameters, ys, xs, precision) - target).square().mean()


def check_layers(width: int, layers: int, *more: tuple[str, int, int, int]) -> None:
    """Check `layers` layers of `width` neurons, and more sizes, as `check_sizes` does."""
    check_sizes(("width", width, 1, MAX_WIDTH), ("layers", layers, 1, MAX_LAYERS), *more)


def check_sizes(*sizes: tuple[str, int, int, int]) -> None:
    """Raise `LimitError` unless every (name, value, lowest, highest) holds."""
    for name, value, low, high in sizes:
        if not low <= value <= high:
            raise LimitError(f"network {name} {value} is outside [{low}, {high}]")
