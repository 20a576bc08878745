"""How long it takes to evaluate a coordinate network on a view, in seconds of one core.

Costs were measured (benchmarks/speed/decode_work.py) with weights that make them largest: sines in
torch take three times as long of angles beyond some thousands.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from inrcodec.codec.format.header import Family
from inrcodec.codec.limits import MAC, NANOSECOND, PIXEL
from inrcodec.codec.networks.base import CoordinateModel
from inrcodec.codec.networks.tiles import Tiles
from inrcodec.codec.view import View, view_of

SAMPLE = 10 * NANOSECOND
TILE, TENSOR = 1e-4, 1.5e-5
"""A tile beside its samples, and what that grows by with each tensor of the network."""

KERNEL_MAC = 0.013 * NANOSECOND
"""A multiply-accumulate in the compiled kernels of sine layers."""

TORCH_SINE = 5.0
MOST_IN_KERNELS = 1 << 18
"""Weights of a network of sines beyond which torch computes it (sines.MOST_OF_ALL)."""


class Cost(NamedTuple):
    """Nanoseconds of a neuron of every sample, of one of every row and column of samples, and of an
    input of a row or column that is encoded."""

    neuron: float
    shared: float
    encoded: float = 0.0


COSTS = {
    Family.SIREN: Cost(0.6, 1.0, 12.0),
    Family.PE_SIREN: Cost(0.6, 1.0, 12.0),
    Family.NIF: Cost(0.7, 1.0, 12.0),
    Family.SPINR: Cost(TORCH_SINE, 1.0, 12.0),
    Family.FOURIER: Cost(1.0, 0.0),
    Family.MFN_FOURIER: Cost(1.2, 8.0),
    Family.MFN_GABOR: Cost(1.6, 12.0),
    Family.WIRE: Cost(5.0, 1.0),
    Family.DINER: Cost(1.6, 0.0),
}

FOURIER_FREQUENCY = Cost(3.0, 20.0)
"""A row of features of FOURIER."""

DINER_NEIGHBOURS = 4
"""Entries of the table of DINER that a sample between pixels depends on."""


def work_s(model: CoordinateModel, view: View) -> float:
    """Seconds of one core that rendering a view takes."""
    tiles = Tiles.of(model, view)
    of_samples = tiles.samples * (SAMPLE + _sample(model))
    if model.family == Family.DINER and (view.width, view.height) != view.native:
        of_samples *= DINER_NEIGHBOURS
    _, _, wide, high = view.crop
    return view.frames * (
        of_samples
        + wide * high * PIXEL
        + tiles.coordinates * _coordinate(model)
        + len(tiles) * (TILE + TENSOR * len(model.shapes))
    )


def own_size_s(model: CoordinateModel, width: int, height: int, frames: int = 1) -> float:
    """Seconds of one core that rendering an image of this size as it is takes, or a clip of so many
    frames."""
    return work_s(model, view_of(width, height, None, None, None, frames))


def _sample(model: CoordinateModel) -> float:
    """Seconds of a sample."""
    weights = sum(math.prod(shape) for name, shape in model.shapes.items() if "weight" in name)
    neuron, mac = COSTS[model.family].neuron, MAC
    if model.in_kernels and weights <= MOST_IN_KERNELS:
        mac = KERNEL_MAC
    elif model.in_kernels:
        neuron = TORCH_SINE
    total = model.macs_per_pixel * mac + model.neurons * neuron * NANOSECOND
    return total + _frequencies(model) * FOURIER_FREQUENCY.neuron * NANOSECOND


def _coordinate(model: CoordinateModel) -> float:
    """Seconds of a coordinate of a row or column of a tile."""
    cost = COSTS[model.family]
    inputs = sum(shape[-1] for name, shape in model.shapes.items() if name.endswith("weight.0"))
    first = sum(math.prod(s) for name, s in model.shapes.items() if name.endswith("weight.0"))
    shared = model.neurons * cost.shared + _frequencies(model) * FOURIER_FREQUENCY.shared
    encoded = inputs * cost.encoded * NANOSECOND + (first * MAC if cost.encoded else 0.0)
    return encoded / min(model.axes, 2) + shared * NANOSECOND


def _frequencies(model: CoordinateModel) -> int:
    """Rows of features of FOURIER; 0 for another family."""
    return model.shapes.get("features", (0,))[0]
