"""The compiled kernels of networks, convolutions and upsampling on numpy arrays.

Arrays are float32, C-contiguous. Work is cut into bands of rows, one a thread, each with gradients
of its own where bands overlap; a thread of the pool holds no interpreter lock while it computes.
`THREADS` says how many there are. Torch should have one at the same time: its idle threads spin,
and two of them beside two of ours make a step as slow as one alone. What each function computes
stands where it is written in torch: models/context.py, kernels.py and upsampling.py.
"""

from __future__ import annotations

import ctypes
import math
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inrcodec.codec import native

Array = NDArray[np.float32]

MARGIN, LANES, MOST_LAYERS, MOST_WIDTH = 3, 16, 5, 64
"""As in kernels.c: rows and columns around a grid, most lanes of a vector, limits."""

SMALLEST_BAND = 8192
"""Positions below which another thread costs more than it does."""


class _Threads(threading.local):
    count = 1


THREADS = _Threads()
"""How many compute for a thread that calls, itself included: see `using`."""


@contextmanager
def using(count: int) -> Iterator[None]:
    """Compute with so many threads for a while."""
    before, THREADS.count = THREADS.count, count
    try:
        yield
    finally:
        THREADS.count = before


def takes(widths: Sequence[int]) -> bool:
    """Whether there are kernels and they take a network of these widths, from inputs to outputs."""
    return (
        native.library() is not None
        and len(widths) <= MOST_LAYERS + 1
        and max(widths) <= MOST_WIDTH
    )


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
    offsets: Sequence[tuple[int, int]],
    network: Network,
    coarser: Array | None,
    companions: Sequence[Array | None],
    needed: bool,
) -> tuple[float, list[Array | None]]:
    """Nats of a grid as `context.context_bits`, and if `needed` their gradients: of the padded
    grid, the coarser one, the companions and the parameters."""
    height, width = padded.shape[0] - MARGIN, padded.shape[1] - 2 * MARGIN
    flat = _integers([n for offset in offsets for n in offset])
    bands = _bands(height, width, even=True)
    room = network.room(len(bands)) if needed else None
    beside = [None if c is None or not needed else np.empty_like(c) for c in companions]
    slabs = [_slabs(padded, coarser, band) for band in bands] if needed else []
    pointers = ctypes.c_void_p * max(1, len(companions))
    grids, by_grids = pointers(*map(_at, companions)), pointers(*map(_at, beside))
    nats = [0.0] * len(bands)

    def work(k: int) -> None:
        counts = (len(offsets), int(coarser is not None), len(companions))
        sizes = _integers([width, *bands[k], *counts, *network.shape])
        mine = slabs[k] if needed else (None, None)
        share = None if room is None else room[k]
        nats[k] = _kernel("context_bits")(
            sizes, flat, _at(padded), _at(coarser), grids, _at(network.parameters),
            _at(mine[0]), _at(mine[1]), by_grids, _at(share),
        )  # fmt: skip

    _run(work, len(bands))
    if min(nats) == -1:
        raise MemoryError("no memory for a context network")
    if room is None:
        return sum(nats), []
    by_padded, by_coarser = _joined(padded, coarser, bands, slabs)
    return sum(nats), [by_padded, by_coarser, *beside, *network.gradients(room)]


def _slabs(
    padded: Array, coarser: Array | None, band: tuple[int, int]
) -> tuple[Array, Array | None]:
    """Zeros for the gradients of a band of rows: of the padded grid and of the coarser one."""
    first, last = band
    above = None
    if coarser is not None:
        above = np.zeros(((last + 1) // 2 - first // 2 + 2, coarser.shape[1]), np.float32)
    return np.zeros((last - first + MARGIN, padded.shape[1]), np.float32), above


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


def pixel_network(x: Array, network: Network) -> Array:
    """(C, n) -> (outputs, n)."""
    shape = _integers(network.shape)
    out = np.empty((network.widths[-1], x.shape[1]), np.float32)
    bands = _bands(x.shape[1], 1)

    def work(k: int) -> None:
        _check(
            _kernel("pixel_network")(
                shape, _at(network.parameters), x.shape[1], *bands[k], _at(x), _at(out)
            )
        )

    _run(work, len(bands))
    return out


def pixel_network_back(x: Array, network: Network, gradient: Array) -> list[Array]:
    """Gradients of `x` and of every parameter, from that of the outputs."""
    shape = _integers(network.shape)
    by_x = np.empty_like(x)
    bands = _bands(x.shape[1], 1)
    room = network.room(len(bands))

    def work(k: int) -> None:
        _check(
            _kernel("pixel_network_back")(
                shape, _at(network.parameters), x.shape[1], *bands[k], _at(x), _at(gradient),
                _at(by_x), _at(room[k]),
            )
        )  # fmt: skip

    _run(work, len(bands))
    return [by_x, *network.gradients(room)]


def residual_convolution(x: Array, weight: Array, bias: Array) -> Array:
    """x (3, H, W) + its convolution by `weight` (3, 3, 3, 3), borders replicated."""
    _, height, width = x.shape
    out = np.empty_like(x)
    bands = _bands(height, width)
    lines = np.empty((len(bands), 9 * (width + 2 + LANES)), np.float32)

    def work(k: int) -> None:
        _kernel("residual_convolution")(
            height, width, *bands[k], _at(x), _at(weight), _at(bias), _at(out), _at(lines[k])
        )

    _run(work, len(bands))
    return out


def residual_convolution_back(
    x: Array, weight: Array, gradient: Array
) -> tuple[Array, Array, Array]:
    """Gradients of `x`, `weight` and bias."""
    _, height, width = x.shape
    by_x = np.empty_like(x)
    bands = _bands(height, width)
    lines = np.empty((len(bands), 18 * (width + 4 + 2 * LANES)), np.float32)
    by_weight = np.zeros((len(bands), *weight.shape), np.float32)
    by_bias = np.zeros((len(bands), len(weight)), np.float32)

    def work(k: int) -> None:
        _kernel("residual_convolution_back")(
            height, width, *bands[k], _at(x), _at(weight), _at(gradient), _at(by_x),
            _at(by_weight[k]), _at(by_bias[k]), _at(lines[k]),
        )  # fmt: skip

    _run(work, len(bands))
    return by_x, by_weight.sum(0), by_bias.sum(0)


def upsample(coarser: Array, taps: Array, corner: tuple[int, int], out: Array) -> None:
    """Fill `out` (C, H, W) with `coarser` (C, h, w) doubled, from the corner on."""
    channels, height, width = coarser.shape
    rows = np.empty((channels, height * 2 * width), np.float32)
    lines = np.empty((channels, width + 4), np.float32)

    def work(k: int) -> None:
        _kernel("upsample")(
            height, width, _at(coarser[k]), _at(taps), *corner, *out.shape[1:], _at(out[k]),
            _at(rows[k]), _at(lines[k]),
        )  # fmt: skip

    _run(work, channels, out[0].size)


def upsample_back(
    coarser: Array, taps: Array, corner: tuple[int, int], gradient: Array
) -> tuple[Array, Array]:
    """Gradients of `coarser` and of the taps."""
    channels, height, width = coarser.shape
    by_coarser, by_taps = np.empty_like(coarser), np.zeros((channels, 4), np.float32)
    size = 2 * height * 2 * width + 4 * width + 16
    rooms = [np.empty(size, np.float32) for _ in range(min(channels, THREADS.count))]

    def work(k: int) -> None:
        room = rooms.pop()
        _kernel("upsample_back")(
            height, width, _at(coarser[k]), _at(taps), *corner, *gradient.shape[1:],
            _at(gradient[k]), _at(by_coarser[k]), _at(by_taps[k]), _at(room),
        )  # fmt: skip
        rooms.append(room)

    _run(work, channels, gradient[0].size)
    return by_coarser, by_taps.sum(0)


def upsample_shared(x: Array, kernel: Array) -> Array:
    """As `kernels.upsample_shared`: (C, h, w) and (8, 8) -> (C, 2 h, 2 w)."""
    channels, height, width = x.shape
    out = np.empty((channels, 2 * height, 2 * width), np.float32)

    def work(k: int) -> None:
        room = np.empty((height + 4) * (width + 4) + 2 * width, np.float32)
        _kernel("upsample_shared")(height, width, _at(x[k]), _at(kernel), _at(out[k]), _at(room))

    _run(work, channels, out[0].size)
    return out


def upsample_shared_back(x: Array, kernel: Array, gradient: Array) -> tuple[Array, Array]:
    """Gradients of `x` and of the kernel."""
    channels, height, width = x.shape
    by_x, by_kernel = np.empty_like(x), np.zeros((channels, 8, 8), np.float32)

    def work(k: int) -> None:
        room = np.empty(2 * (height + 4) * (width + 4) + 2 * width, np.float32)
        _kernel("upsample_shared_back")(
            height, width, _at(x[k]), _at(kernel), _at(gradient[k]), _at(by_x[k]),
            _at(by_kernel[k]), _at(room),
        )  # fmt: skip

    _run(work, channels, gradient[0].size)
    return by_x, by_kernel.sum(0)


def soften(latent: Array, temperature: float, deviation: float, seed: int) -> tuple[Array, Array]:
    """As `kernels.noisy_soft_round`, with noise that a 32-bit seed stands for; and its slope."""
    soft, slope = np.empty_like(latent), np.empty_like(latent)
    bands = _bands(latent.size, 1)

    def work(k: int) -> None:
        _kernel("soften")(
            *bands[k], _at(latent), temperature, deviation, seed, _at(soft), _at(slope)
        )

    _run(work, len(bands))
    return soft, slope


def rms_step(
    gradient: Array,
    squares: Array,
    latents: Array,
    *,
    decay: float,
    rate: float,
    damping: float,
) -> None:
    """RMSprop as `latent_fit.rms_step`, in place: `squares`, `latents` (rows, columns) may be areas
    of larger arrays."""
    rows, columns = gradient.shape
    pitch = latents.strides[0] // latents.itemsize
    sizes = rows, columns, pitch, _at(gradient)
    roots = _kernel("squares_update")(*sizes, decay, _at(squares))
    weight = 1 / (1 + damping)
    extra = damping * weight * roots / max(1, gradient.size) + 1e-15
    _kernel("squares_step")(*sizes, _at(squares), weight, extra, rate, _at(latents))


def _kernel(name: str) -> Callable[..., Any]:
    function: Callable[..., Any] = getattr(native.library(), name)
    return function


def _check(failed: int) -> None:
    if failed:
        raise MemoryError("no memory for a network")


def _at(array: Array | None) -> int | None:
    return None if array is None else array.ctypes.data


def _integers(values: Sequence[int]) -> ctypes.Array[ctypes.c_int32]:
    return (ctypes.c_int32 * len(values))(*values)


def _bands(rows: int, width: int, even: bool = False) -> list[tuple[int, int]]:
    """(first, last) of about equal shares of rows, one for each thread worth having."""
    count = max(1, min(THREADS.count, rows * width // SMALLEST_BAND, rows // 2 or 1))
    edges = [rows * k // count for k in range(count + 1)]
    if even:
        edges = [edge - edge % 2 for edge in edges[:-1]] + [rows]
    return list(pairwise(edges))


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="inrcodec")


if hasattr(
    os, "register_at_fork"
):  # a forked process has the pool's memory, but none of its threads
    os.register_at_fork(after_in_child=_pool.cache_clear)


def _run(work: Callable[[int], None], count: int, positions: int = SMALLEST_BAND) -> None:
    """work(0), work(1), ... on as many threads as may be, this one included."""
    helpers = min(THREADS.count, count) - 1 if positions * count >= 2 * SMALLEST_BAND else 0
    if helpers < 1:
        for k in range(count):
            work(k)
        return
    left = iter(range(count))

    def several() -> None:
        for k in left:  # one iterator for all: a range iterator's next is atomic
            work(k)

    waiting = [_pool().submit(several) for _ in range(helpers)]
    several()
    for future in waiting:
        future.result()
