"""Small networks in compiled kernels: bits of a grid, and a network on every pixel.

Arrays are float32, C-contiguous. What each function computes stands where it is written in torch:
fitting/coolchic/rate.py and synthesis.py. Bands have gradients of their own where they overlap.
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from inrcodec.codec.native import at, integers, kernel
from inrcodec.codec.native.pool import bands_of, run

Array = NDArray[np.float32]


class Network:
    """Parameters [W_0, b_0, ..., W_out, b_out] or the same and a linear matrix behind, as the
    kernels read them."""

    def __init__(self, parameters: Sequence[Array]) -> None:
        self._shapes = [p.shape for p in parameters]
        weights = parameters[: len(parameters) // 2 * 2 : 2]
        self.widths = (weights[0].shape[1], *map(len, weights))
        self.shape = (len(weights), len(parameters) % 2, *self.widths)
        self.parameters = np.concatenate([p.ravel() for p in parameters])

    def room(self, bands: int) -> Array:
        """Gradients to be, (bands, parameters)."""
        return np.empty((bands, len(self.parameters)), np.float32)

    def gradients(self, room: Array) -> list[Array]:
        """Those of every parameter, summed over bands."""
        edges = np.cumsum([math.prod(shape) for shape in self._shapes])[:-1]
        parts = np.split(room.sum(0), edges)
        return [part.reshape(shape) for part, shape in zip(parts, self._shapes, strict=True)]


def context_bits(
    padded: Array,
    margin: int,
    offsets: Sequence[tuple[int, int]],
    network: Network,
    coarser: Array | None,
    companions: Sequence[Array | None],
    needed: bool,
) -> tuple[float, list[Array | None]]:
    """Nats of a grid as `rate.context_bits`, and if `needed` their gradients: of the padded
    grid, the coarser one, the companions and the parameters. The grid has `margin` rows above and
    as many columns on each side."""
    height, width = padded.shape[0] - margin, padded.shape[1] - 2 * margin
    flat = integers([n for offset in offsets for n in offset])
    bands = bands_of(height, width, even=True)
    room = network.room(len(bands)) if needed else None
    beside = [None if c is None or not needed else np.empty_like(c) for c in companions]
    slabs = [_slabs(padded, margin, coarser, band) for band in bands] if needed else []
    pointers = ctypes.c_void_p * max(1, len(companions))
    grids, by_grids = pointers(*map(at, companions)), pointers(*map(at, beside))
    nats = [0.0] * len(bands)

    def work(k: int) -> None:
        counts = (len(offsets), int(coarser is not None), len(companions))
        pitches = (width + 1) // 2 + 2, width
        sizes = integers([width, *bands[k], *counts, margin, *pitches, *network.shape])
        mine = slabs[k] if needed else (None, None)
        share = None if room is None else room[k]
        nats[k] = kernel("context_bits")(
            sizes, flat, at(padded), at(coarser), grids, at(network.parameters),
            at(mine[0]), at(mine[1]), by_grids, at(share),
        )  # fmt: skip

    run(work, len(bands))
    if min(nats) == -1:
        raise MemoryError("no memory for a context network")
    if room is None:
        return sum(nats), []
    by_padded, by_coarser = _joined(padded, coarser, bands, slabs)
    return sum(nats), [by_padded, by_coarser, *beside, *network.gradients(room)]


def _slabs(
    padded: Array, margin: int, coarser: Array | None, band: tuple[int, int]
) -> tuple[Array, Array | None]:
    """Zeros for the gradients of a band of rows: of the padded grid and of the coarser one."""
    first, last = band
    above = None
    if coarser is not None:
        above = np.zeros(((last + 1) // 2 - first // 2 + 2, coarser.shape[1]), np.float32)
    return np.zeros((last - first + margin, padded.shape[1]), np.float32), above


def _joined(
    padded: Array,
    coarser: Array | None,
    bands: Sequence[tuple[int, int]],
    slabs: Sequence[tuple[Array, Array | None]],
) -> tuple[Array, Array | None]:
    """The slabs of all bands added up."""
    if len(bands) == 1:
        return slabs[0]
    by_padded = np.zeros_like(padded)
    by_coarser = None if coarser is None else np.zeros_like(coarser)
    for (first, _), (slab, above) in zip(bands, slabs, strict=True):
        by_padded[first : first + len(slab)] += slab
        if by_coarser is not None and above is not None:
            by_coarser[first // 2 : first // 2 + len(above)] += above
    return by_padded, by_coarser


def pixel_network(x: Array, network: Network, out: Array | None = None) -> Array:
    """(C, n) -> (outputs, n), into `out`, if given."""
    shape = integers(network.shape)
    out = np.empty((network.widths[-1], x.shape[1]), np.float32) if out is None else out
    bands = bands_of(x.shape[1], 1)

    def work(k: int) -> None:
        _check(
            kernel("pixel_network")(
                shape, at(network.parameters), x.shape[1], *bands[k], at(x), at(out)
            )
        )

    run(work, len(bands))
    return out


def pixel_network_back(
    x: Array, network: Network, gradient: Array, by_x: Array | None = None
) -> list[Array]:
    """Gradients of `x`, into `by_x` if given, and of every parameter, from that of the outputs."""
    shape = integers(network.shape)
    by_x = np.empty_like(x) if by_x is None else by_x
    bands = bands_of(x.shape[1], 1)
    room = network.room(len(bands))

    def work(k: int) -> None:
        _check(
            kernel("pixel_network_back")(
                shape, at(network.parameters), x.shape[1], *bands[k], at(x), at(gradient),
                at(by_x), at(room[k]),
            )
        )  # fmt: skip

    run(work, len(bands))
    return [by_x, *network.gradients(room)]


def _check(failed: int) -> None:
    if failed:
        raise MemoryError("no memory for a network")
