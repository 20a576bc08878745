"""The compiled kernels on torch tensors: the same results as the functions beside it, faster.

Serves contiguous float32 tensors on a CPU. Work is cut into bands of rows, one a thread, each with
gradients of its own where bands overlap; a thread of the pool holds no interpreter lock while it
computes. `THREADS` says how many there are. Torch should have one at the same time: its idle
threads spin, and two of them beside two of ours make a step as slow as one alone.
"""

from __future__ import annotations

import ctypes
import math
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from inrcodec.codec import native

MARGIN, LANES, MOST_LAYERS, MOST_WIDTH = 3, 16, 5, 64
"""As in native/kernels.c: rows and columns around a grid, most lanes of a vector, limits."""


class _Threads(threading.local):
    count = 1


THREADS = _Threads()
"""How many compute for a thread that calls, itself included: see `runtime.kernel_threads`."""

SMALLEST_BAND = 8192
"""Positions below which another thread costs more than it does."""


def serves(*tensors: Tensor) -> bool:
    """Whether the kernels take these tensors."""
    return native.library() is not None and all(
        t.device.type == "cpu" and t.dtype == torch.float32 for t in tensors
    )


def takes_network(tensors: Sequence[Tensor]) -> bool:
    """Whether the kernels take the network of these tensors (those of a `TiledNetwork`)."""
    widths = [t.shape[-1] for t in tensors[: len(tensors) // 2 * 2 : 2]] + [len(tensors[0])]
    return serves(*tensors) and len(tensors) // 2 <= MOST_LAYERS and max(widths) <= MOST_WIDTH


class _Network:
    """A network as the kernels read it, and room for one gradient of it per band."""

    def __init__(self, tensors: Sequence[Tensor]) -> None:
        self._tensors = tensors
        weights = tensors[: len(tensors) // 2 * 2 : 2]
        linear = len(tensors) % 2
        widths = [weights[0].shape[1], *(len(weight) for weight in weights)]
        self.shape = (len(weights), linear, *widths)
        self.parameters = torch.cat([t.detach().reshape(-1) for t in tensors])

    def room(self, bands: int) -> Tensor:
        """Gradients to be, (bands, parameters)."""
        return torch.empty(bands, len(self.parameters))

    def gradients(self, room: Tensor) -> list[Tensor]:
        """Those of every tensor, summed over bands."""
        parts = torch.split(room.sum(0), [t.numel() for t in self._tensors])
        return [part.view(t.shape) for part, t in zip(parts, self._tensors, strict=True)]


def context_bits(
    padded: Tensor,
    offsets: Sequence[tuple[int, int]],
    tensors: Sequence[Tensor],
    coarser: Tensor | None,
    companions: Sequence[Tensor | None],
    needed: bool,
) -> tuple[float, list[Tensor | None]]:
    """Nats as `context.context_bits`, and if `needed` their gradients: of the padded grid, the
    coarser one, the companions and the tensors."""
    padded = padded.contiguous()
    coarser = None if coarser is None else coarser.contiguous()
    companions = [None if c is None else c.contiguous() for c in companions]
    height, width = padded.shape[0] - MARGIN, padded.shape[1] - 2 * MARGIN
    network = _Network(tensors)
    flat = _integers([n for offset in offsets for n in offset])
    bands = _bands(height, width, even=True)
    room = network.room(len(bands)) if needed else None
    beside = [None if c is None or not needed else torch.empty_like(c) for c in companions]
    slabs = [_slabs(padded, coarser, band) for band in bands] if needed else []
    pointers = ctypes.c_void_p * max(1, len(companions))
    grids = pointers(*map(_at, companions))
    by_grids = pointers(*map(_at, beside))
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
    if min(nats) < 0 and not math.isnan(min(nats)):
        raise MemoryError("no memory for a context network")
    if room is None:
        return sum(nats), []
    by_padded, by_coarser = _joined(padded, coarser, bands, slabs)
    return sum(nats), [by_padded, by_coarser, *beside, *network.gradients(room)]


def _slabs(
    padded: Tensor, coarser: Tensor | None, band: tuple[int, int]
) -> tuple[Tensor, Tensor | None]:
    """Zeros for the gradients of a band of rows: of the padded grid and of the coarser one."""
    first, last = band
    above = None
    if coarser is not None:
        above = coarser.new_zeros((last + 1) // 2 - first // 2 + 2, coarser.shape[1])
    return padded.new_zeros(last - first + MARGIN, padded.shape[1]), above


def _joined(
    padded: Tensor,
    coarser: Tensor | None,
    bands: Sequence[tuple[int, int]],
    slabs: Sequence[tuple[Tensor, Tensor | None]],
) -> tuple[Tensor, Tensor | None]:
    """The slabs of all bands added up."""
    if len(bands) == 1:
        return slabs[0]
    by_padded = torch.zeros_like(padded)
    by_coarser = None if coarser is None else torch.zeros_like(coarser)
    for (first, _), (slab, above) in zip(bands, slabs, strict=True):
        by_padded[first : first + len(slab)] += slab
        if by_coarser is not None and above is not None:
            by_coarser[first // 2 : first // 2 + len(above)] += above
    return by_padded, by_coarser


def pixel_network(x: Tensor, tensors: Sequence[Tensor]) -> Tensor:
    """As `kernels.PixelNetwork`: (C, n) -> (outputs, n)."""
    network, x = _Network(tensors), x.contiguous()
    shape = _integers(network.shape)
    out = x.new_empty(network.shape[-1], x.shape[1])
    bands = _bands(x.shape[1], 1)

    def work(k: int) -> None:
        _kernel("pixel_network")(
            shape, _at(network.parameters), x.shape[1], *bands[k], _at(x), _at(out)
        )

    _run(work, len(bands))
    return out


def pixel_network_back(x: Tensor, tensors: Sequence[Tensor], gradient: Tensor) -> list[Tensor]:
    """Gradients of `x` and of every tensor."""
    network, x, gradient = _Network(tensors), x.contiguous(), gradient.contiguous()
    shape = _integers(network.shape)
    by_x = torch.empty_like(x)
    bands = _bands(x.shape[1], 1)
    room = network.room(len(bands))

    def work(k: int) -> None:
        _kernel("pixel_network_back")(
            shape, _at(network.parameters), x.shape[1], *bands[k], _at(x), _at(gradient),
            _at(by_x), _at(room[k]),
        )  # fmt: skip

    _run(work, len(bands))
    return [by_x, *network.gradients(room)]


def residual_convolution(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """As `kernels.residual_convolution`, of three channels and 3x3 taps."""
    x, weight, bias = x.contiguous(), weight.detach().contiguous(), bias.detach().contiguous()
    _, height, width = x.shape
    out = torch.empty_like(x)
    bands = _bands(height, width)
    lines = x.new_empty(len(bands), 9 * (width + 2 + LANES))

    def work(k: int) -> None:
        _kernel("residual_convolution")(
            height, width, *bands[k], _at(x), _at(weight), _at(bias), _at(out), _at(lines[k])
        )

    _run(work, len(bands))
    return out


def residual_convolution_back(
    x: Tensor, weight: Tensor, gradient: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of `x`, `weight` and bias."""
    x, weight, gradient = x.contiguous(), weight.detach().contiguous(), gradient.contiguous()
    _, height, width = x.shape
    by_x = torch.empty_like(x)
    bands = _bands(height, width)
    lines = x.new_empty(len(bands), 18 * (width + 4 + 2 * LANES))
    by_weight, by_bias = x.new_zeros(len(bands), 81), x.new_zeros(len(bands), 3)

    def work(k: int) -> None:
        _kernel("residual_convolution_back")(
            height, width, *bands[k], _at(x), _at(weight), _at(gradient), _at(by_x),
            _at(by_weight[k]), _at(by_bias[k]), _at(lines[k]),
        )  # fmt: skip

    _run(work, len(bands))
    return by_x, by_weight.sum(0).view(weight.shape), by_bias.sum(0)


def upsample(coarser: Tensor, taps: Tensor, corner: tuple[int, int], out: Tensor) -> None:
    """Fill `out` (C, H, W) with `coarser` (C, h, w) doubled, as `upsampling.upsample_below`."""
    coarser, taps = coarser.contiguous(), taps.detach().contiguous()
    channels, height, width = coarser.shape
    work_rows = coarser.new_empty(channels, height * 2 * width)
    line = coarser.new_empty(channels, width + 4)

    def work(k: int) -> None:
        _kernel("upsample")(
            height, width, _at(coarser[k]), _at(taps), *corner, *out.shape[1:], _at(out[k]),
            _at(work_rows[k]), _at(line[k]),
        )  # fmt: skip

    _run(work, channels, out[0].numel())


def upsample_back(
    coarser: Tensor, taps: Tensor, corner: tuple[int, int], gradient: Tensor
) -> tuple[Tensor, Tensor]:
    """Gradients of `coarser` and of the taps."""
    coarser, taps, gradient = coarser.contiguous(), taps.detach(), gradient.contiguous()
    channels, height, width = coarser.shape
    by_coarser, by_taps = torch.empty_like(coarser), taps.new_zeros(channels, 4)
    rooms = [
        coarser.new_empty(2 * height * 2 * width + 4 * width + 16)
        for _ in range(min(channels, THREADS.count))
    ]

    def work(k: int) -> None:
        room = rooms.pop()
        _kernel("upsample_back")(
            height, width, _at(coarser[k]), _at(taps), *corner, *gradient.shape[1:],
            _at(gradient[k]), _at(by_coarser[k]), _at(by_taps[k]), _at(room),
        )  # fmt: skip
        rooms.append(room)

    _run(work, channels, gradient[0].numel())
    return by_coarser, by_taps.sum(0)


def soften(latent: Tensor, temperature: float, deviation: float, noise: Tensor) -> Tensor:
    """As `kernels.noisy_soft_round`; `noise`, contiguous, becomes the slope of the result."""
    latent = latent.contiguous()
    soft = torch.empty_like(latent)
    count, bands = latent.numel(), _bands(latent.numel(), 1)
    flat, beside, result = latent.view(count), noise.view(count), soft.view(count)

    def work(k: int) -> None:
        first, last = bands[k]
        _kernel("soften")(
            last - first, _at(flat[first:]), temperature, deviation, _at(beside[first:]),
            _at(result[first:]),
        )  # fmt: skip

    _run(work, len(bands))
    return soft


def _kernel(name: str) -> Callable[..., Any]:
    function: Callable[..., Any] = getattr(native.library(), name)
    return function


def _at(tensor: Tensor | None) -> int | None:
    return None if tensor is None else tensor.data_ptr()


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
