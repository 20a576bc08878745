"""Colours that nobody sees, chosen by the encoder: those where alpha is 0.

What a cut-out hides is often black, or noise, behind a hard edge, and costs bits. Here it becomes a
smooth continuation of what is seen (Burt 1988, "Moment images, polynomial fit filters, and the
problem of surface interpolation"): averages of ever larger blocks of what is seen fill the gaps.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from inrcodec.codec.native.networks import Array
from inrcodec.pixels import Picture, from_unit, to_unit


def fill_hidden(picture: Picture) -> Picture:
    """The picture with other colours where alpha is 0; itself where nothing is hidden."""
    pixels = picture.pixels
    if picture.channels not in (2, 4) or pixels[:, :, -1].all():
        return picture
    seen = pixels[:, :, -1:] > 0
    filled = _filled(to_unit(pixels[:, :, :-1]), seen.astype(np.float32))
    chosen = np.where(seen, pixels[:, :, :-1], from_unit(filled, picture.bit_depth))
    return replace(picture, pixels=np.concatenate([chosen, pixels[:, :, -1:]], 2))


def _filled(colours: Array, weights: Array) -> Array:
    """Colours (H, W, C) with those of weight 0 of `weights` (H, W, 1) filled in: between the means
    of 2 x 2 blocks, filled likewise; mid-gray where nothing has weight."""
    if (weights > 0).all():
        return colours
    if max(weights.shape[:2]) == 1:
        return np.zeros_like(colours)
    sums, shares = _block_means(colours * weights), _block_means(weights)
    coarse = _filled(np.asarray(sums / np.maximum(shares, 1e-12), np.float32), shares)
    between = _stretched(_stretched(coarse, colours.shape[0], 0), colours.shape[1], 1)
    filled: Array = np.where(weights > 0, colours, between)
    return filled


def _block_means(x: Array) -> Array:
    """Means of 2 x 2 blocks of (H, W, C); those at the far borders may be less."""
    for axis in (0, 1):
        even = np.arange(0, x.shape[axis], 2)
        counts = np.minimum(2, x.shape[axis] - even).astype(np.float32)
        x = np.asarray(np.add.reduceat(x, even, axis) / np.expand_dims(counts, (1 - axis, 2)))
    return x


def _stretched(x: Array, size: int, axis: int) -> Array:
    """`x` (H, W, C) with `size` samples along an axis, linear between the middles of its own."""
    count = x.shape[axis]
    places = (np.arange(size, dtype=np.float32) + np.float32(0.5)) * np.float32(count / size)
    places = np.clip(places - np.float32(0.5), 0, count - 1)
    first = places.astype(np.intp)
    share = np.expand_dims(places - first, (1 - axis, 2))
    low, high = x.take(first, axis), x.take(np.minimum(first + 1, count - 1), axis)
    mixed: Array = low + (high - low) * share
    return mixed
