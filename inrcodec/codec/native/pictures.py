"""Convolution and upsampling in compiled kernels.

Arrays are float32, C-contiguous. What each function computes stands where it is written in torch:
fitting/coolchic/synthesis.py and upsampling.py, and for `convolution` training/analysis_network.py.
"""

from __future__ import annotations

import numpy as np

from inrcodec.codec.native import MOST_ACROSS, MOST_LANES, at, integers, kernel
from inrcodec.codec.native.networks import Array
from inrcodec.codec.native.pool import THREADS, bands_of, run


def residual_convolution(x: Array, weight: Array, bias: Array, out: Array | None = None) -> Array:
    """x (3, H, W) + its convolution by `weight` (3, 3, 3, 3), borders replicated; into `out`, if
    given."""
    _, height, width = x.shape
    out = np.empty_like(x) if out is None else out
    bands = bands_of(height, width)
    lines = np.empty((len(bands), 9 * (width + 2 + MOST_ACROSS * MOST_LANES)), np.float32)

    def work(k: int) -> None:
        kernel("residual_convolution")(
            height, width, *bands[k], at(x), at(weight), at(bias), at(out), at(lines[k])
        )

    run(work, len(bands))
    return out


def residual_convolution_back(
    x: Array, weight: Array, gradient: Array, by_x: Array | None = None
) -> tuple[Array, Array, Array]:
    """Gradients of `x`, into `by_x` if given, of `weight` and of the bias."""
    _, height, width = x.shape
    by_x = np.empty_like(x) if by_x is None else by_x
    bands = bands_of(height, width)
    lines = np.empty((len(bands), 18 * (width + 4 + (MOST_ACROSS + 1) * MOST_LANES)), np.float32)
    by_weight = np.zeros((len(bands), *weight.shape), np.float32)
    by_bias = np.zeros((len(bands), len(weight)), np.float32)

    def work(k: int) -> None:
        kernel("residual_convolution_back")(
            height, width, *bands[k], at(x), at(weight), at(gradient), at(by_x),
            at(by_weight[k]), at(by_bias[k]), at(lines[k]),
        )  # fmt: skip

    run(work, len(bands))
    return by_x, by_weight.sum(0), by_bias.sum(0)


def convolution(
    x: Array, weight: Array, bias: Array, added: Array | None = None, *, rectified: bool = False
) -> Array:
    """The convolution of x (C, H, W) by `weight` (D, C, k, k), zeros beyond the borders, and `bias`
    (D,) and `added` (D, H, W): (D, H, W), if `rectified` 0 where that is below."""
    channels, height, width = x.shape
    outputs, span = len(weight), weight.shape[-1]
    shape = integers([channels, outputs, span, height, width, int(rectified)])
    out = np.empty((outputs, height, width), np.float32)
    bands = bands_of(height, width)
    pitch = width + span - 1 + MOST_ACROSS * MOST_LANES
    lines = np.empty((len(bands), channels * span * pitch), np.float32)

    def work(k: int) -> None:
        kernel("convolution")(
            shape, *bands[k], at(x), at(weight), at(bias), at(added), at(out), at(lines[k])
        )

    run(work, len(bands))
    return out


def upsample(coarser: Array, taps: Array, corner: tuple[int, int], out: Array) -> None:
    """Fill `out` (C, H, W) with `coarser` (C, h, w) doubled, from the corner on."""
    channels, height, width = coarser.shape
    rows = np.empty((channels, 16 * width), np.float32)
    lines = np.empty((channels, width + 4), np.float32)

    def work(k: int) -> None:
        kernel("upsample")(
            height, width, at(coarser[k]), at(taps), *corner, *out.shape[1:], at(out[k]),
            at(rows[k]), at(lines[k]),
        )  # fmt: skip

    run(work, channels, out[0].size)


def upsample_back(
    coarser: Array,
    taps: Array,
    corner: tuple[int, int],
    gradient: Array,
    by_coarser: Array | None = None,
) -> tuple[Array, Array]:
    """Gradients of `coarser`, into `by_coarser` if given, and of the taps."""
    channels, height, width = coarser.shape
    by_coarser = np.empty_like(coarser) if by_coarser is None else by_coarser
    by_taps = np.zeros((channels, 4), np.float32)
    size = 8 * width + 24
    rooms = [np.empty(size, np.float32) for _ in range(min(channels, THREADS.count))]

    def work(k: int) -> None:
        room = rooms.pop()
        kernel("upsample_back")(
            height, width, at(coarser[k]), at(taps), *corner, *gradient.shape[1:],
            at(gradient[k]), at(by_coarser[k]), at(by_taps[k]), at(room),
        )  # fmt: skip
        rooms.append(room)

    run(work, channels, gradient[0].size)
    return by_coarser, by_taps.sum(0)


def upsample_shared(x: Array, taps: Array) -> Array:
    """As `synthesis.upsample_shared`: (C, h, w) and (8, 8) -> (C, 2 h, 2 w)."""
    channels, height, width = x.shape
    out = np.empty((channels, 2 * height, 2 * width), np.float32)

    def work(k: int) -> None:
        room = np.empty((height + 4) * (width + 4) + 2 * width, np.float32)
        kernel("upsample_shared")(height, width, at(x[k]), at(taps), at(out[k]), at(room))

    run(work, channels, out[0].size)
    return out


def upsample_shared_back(x: Array, taps: Array, gradient: Array) -> tuple[Array, Array]:
    """Gradients of `x` and of the kernel `taps`."""
    channels, height, width = x.shape
    by_x, by_taps = np.empty_like(x), np.zeros((channels, 8, 8), np.float32)

    def work(k: int) -> None:
        room = np.empty(2 * (height + 4) * (width + 4) + 2 * width, np.float32)
        kernel("upsample_shared_back")(
            height, width, at(x[k]), at(taps), at(gradient[k]), at(by_x[k]),
            at(by_taps[k]), at(room),
        )  # fmt: skip

    run(work, channels, gradient[0].size)
    return by_x, by_taps.sum(0)
