"""Convolutions of many channels and what stands between them, on arrays (channels, rows, columns):
what the analysis network is made of, by the compiled kernels or, without them, by numpy."""

from __future__ import annotations

import numpy as np

from inrcodec.codec import native
from inrcodec.codec.native import pictures
from inrcodec.codec.native.networks import Array


def convolution(
    x: Array, weight: Array, bias: Array, added: Array | None = None, *, rectified: bool = False
) -> Array:
    """The convolution of x (C, h, w) by `weight` (D, C, k, k), k odd and zeros beyond the borders,
    plus `bias` (D,) and `added` (D, h, w): (D, h, w), if `rectified` 0 where that is below."""
    if native.library() is not None:
        x, weight, bias = map(np.ascontiguousarray, (x, weight, bias))
        added = None if added is None else np.ascontiguousarray(added)
        return pictures.convolution(x, weight, bias, added, rectified=rectified)
    channels, height, width = x.shape
    reach = weight.shape[-1] // 2
    padded = np.pad(x, ((0, 0), (reach, reach), (reach, reach)))
    out = np.repeat(bias[:, None], height * width, axis=1)
    for i, j in np.ndindex(weight.shape[2:]):
        out += weight[:, :, i, j] @ padded[:, i : i + height, j : j + width].reshape(channels, -1)
    result: Array = out.reshape(-1, height, width)
    if added is not None:
        result += added
    return np.maximum(result, np.float32(0)) if rectified else result


def unshuffled(x: Array) -> Array:
    """Blocks of 2 x 2 positions as four channels each, (C, 2 h, 2 w) -> (4 C, h, w)."""
    channels, height, width = x.shape
    blocks = x.reshape(channels, height // 2, 2, width // 2, 2).transpose(0, 2, 4, 1, 3)
    return np.ascontiguousarray(blocks).reshape(4 * channels, height // 2, width // 2)


def doubled(x: Array) -> Array:
    """Every position as a block of 2 x 2 like it, (C, h, w) -> (C, 2 h, 2 w)."""
    return x.repeat(2, axis=1).repeat(2, axis=2)
