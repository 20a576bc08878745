"""Sine layers on a grid of positions in compiled kernels; models/sines.py says what they compute.

Arrays are float32, C-contiguous. Bands of rows are shared among threads.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from inrcodec.codec.native import at, integers, kernel
from inrcodec.codec.native.networks import Array, Network
from inrcodec.codec.native.pool import bands_of, run

SMALLEST_BAND = 1024
"""Positions of a thread: each takes some thousand multiply-accumulates."""


@dataclass(frozen=True, slots=True)
class Layers:
    """Phases `down` (rows, w) and `across` (w, columns) of the first layer, a scale (rows, columns)
    of all phases if there is one, and [W_1, b_1, ..., W_out, b_out]."""

    down: Array
    across: Array
    scale: Array | None
    parameters: Sequence[Array]


@dataclass(frozen=True, slots=True)
class Gradients:
    """By all of `Layers`; `error` is the squared distance they are those of, if so."""

    down: Array
    across: Array
    scale: Array | None
    parameters: list[Array]
    error: float


def sine_layers(layers: Layers) -> Array:
    """Outputs (outputs, rows, columns)."""
    network = Network(layers.parameters)
    rows, columns = len(layers.down), layers.across.shape[1]
    out = np.empty((network.widths[-1], rows, columns), np.float32)
    bands = bands_of(rows, columns, smallest=SMALLEST_BAND)

    def work(k: int) -> None:
        failed = kernel("sine_layers")(
            _shape(network), at(network.parameters), rows, columns, *bands[k],
            at(layers.down), at(layers.across), at(layers.scale), at(out),
        )  # fmt: skip
        if failed:
            raise MemoryError("no memory for a network")

    run(work, len(bands))
    return out


def sine_layers_back(layers: Layers, gradient: Array) -> Gradients:
    """From the gradient by the outputs."""
    return _back(layers, gradient, False)


def squared_error(layers: Layers, target: Array) -> Gradients:
    """Of the sum over all outputs of their squared distance from a target of their shape."""
    return _back(layers, target, True)


def _back(layers: Layers, planes: Array, to_target: bool) -> Gradients:
    """Both of them."""
    network, scale = Network(layers.parameters), layers.scale
    rows, columns = len(layers.down), layers.across.shape[1]
    bands = bands_of(rows, columns, smallest=SMALLEST_BAND)
    by_down = np.zeros_like(layers.down)
    by_scale = None if scale is None else np.empty_like(scale)
    by_across = np.zeros((len(bands), *layers.across.shape), np.float32)
    errors, room = np.zeros(len(bands)), network.room(len(bands))

    def work(k: int) -> None:
        failed = kernel("sine_layers_back")(
            _shape(network), at(network.parameters), rows, columns, *bands[k],
            at(layers.down), at(layers.across), at(scale), at(planes),
            at(by_down), at(by_across[k]), at(by_scale), at(room[k]),
            at(errors[k : k + 1]) if to_target else None,
        )  # fmt: skip
        if failed:
            raise MemoryError("no memory for a network")

    run(work, len(bands))
    parts = network.gradients(room)
    return Gradients(by_down, by_across.sum(0), by_scale, parts, float(errors.sum()))


def _shape(network: Network) -> ctypes.Array[ctypes.c_int32]:
    """Layers and widths, as the kernels read them."""
    return integers((len(network.widths) - 1, *network.widths))
