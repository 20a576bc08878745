"""The analysis network: an image and a lambda -> the latents that initialise a fit.

    latents of a grid = gain(lambda) x (what coarser grids leave of Y, Cb or Cr  +  a correction)

Grids follow one another from coarse to fine, each upon what the rounded ones before it show, so a
fine grid mends what rounding a coarse one lost. Without corrections that is a closed-loop Laplacian
pyramid (Burt and Adelson 1983), which decodes to the image, since the synthesis is its inverse
before it is trained; a small U-Net on 2x2 blocks of pixels learns the corrections. Every scale and
shift of its features and every gain is a quadratic in log(lambda), so one network serves all rates.
It runs in the encoder only, and its output is rounded and coded, so nothing here needs to be exact.

Without torch: what is trained is training/analysis_network.py, by
training/train_initialisation.py, which also trains the networks of coolchic/init_tables.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from importlib import resources

import numpy as np

from inrcodec.codec.ambient import independent
from inrcodec.codec.coolchic.features import CHROMA_LEVEL, LEVELS
from inrcodec.codec.coolchic.model import CoolChic
from inrcodec.codec.coolchic.windows import Window
from inrcodec.codec.fitting.coolchic.closed_loop import PaddedImage, Pyramid
from inrcodec.codec.fitting.coolchic.convolutions import convolution, doubled, unshuffled
from inrcodec.codec.fitting.coolchic.feature_tiles import (
    around,
    assembled,
    coarser,
    cut,
    finer,
    tiles,
)
from inrcodec.codec.native.networks import Array

SCALES = 6
"""The U-Net has features at 1/2, 1/4, ... 1/64 of the size of the image."""

CORRECTION = 0.05
"""Scale of the corrections: they add to colours of full range 1, so large ones diverge early."""

TILE = 768
"""Side of a tile of features. One tile takes all of an image of about two megapixels: at half its
size, features take most of the memory of an encode."""

BLOCK_REACH, UP_REACH = 2, 4
"""Positions that a block sees around each, and a block and a head behind it, made even."""

WEIGHTS = "coolchic_analysis.npz"

Read = Callable[[Window], Array]
"""The features (C, h, w) of an area."""


def position(lmbda: float) -> float:
    """The variable t: log(lambda) on a scale where the trained range is about -1 .. 1."""
    return (math.log(lmbda) + 7) / 3.5


class Analysis:
    """The U-Net from 2x2 pixel blocks to the latents of every grid of a `coolchic` model.

    `weights` by name: `inp`, `down.I`, `up.I`, `head.I` and `enc.I` or `dec.I` with `a`, `b` have
    `weight` (D, C, k, k) and `bias` (D,); `enc.I.f.w` and `dec.I.f.w` (2 C, 3) are the quadratics
    of scales and shifts, `gain` (3, LEVELS, 3) those of the logarithms of gains.
    """

    def __init__(self, weights: Mapping[str, Array]) -> None:
        self.weights = weights

    def __call__(
        self, picture: Array, lmbda: float, quantise: Callable[[Array], Array], side: int = TILE
    ) -> list[Array]:
        """(3, H, W) in [0, 1] -> latents, one (rows, columns) array per grid, as they are before
        `quantise` rounds them. Features are computed in tiles of `side` positions a side, a
        multiple of 64: the latents are those of one tile, but for rounding errors."""
        _, height, width = picture.shape
        image = PaddedImage(picture, side)
        corrections = _Corrections(self.weights, position(lmbda), image).all()
        pyramid = Pyramid(image, corrections, self.gains(lmbda)[:, :, None, None], quantise)
        levels = {level: pyramid.level(level) for level in reversed(range(LEVELS))}
        order = [(0, level) for level in range(LEVELS)]
        order += [(plane, level) for plane in (1, 2) for level in range(CHROMA_LEVEL, LEVELS)]
        return [
            levels[level][plane, : -(-height >> level), : -(-width >> level)]
            for plane, level in order
        ]

    def gains(self, lmbda: float) -> Array:
        """The gains (3, LEVELS) of Y, Cb and Cr at every level."""
        gains: Array = np.exp(self.weights["gain"] @ powers(position(lmbda)))
        return gains


def powers(t: float) -> Array:
    """1, t and t^2."""
    return np.array([1.0, t, t * t], np.float32)


class _Corrections:
    """What the U-Net makes of one image, under the lambda of a position `t`."""

    def __init__(self, weights: Mapping[str, Array], t: float, image: PaddedImage) -> None:
        self._weights, self._powers, self._image = weights, powers(t), image

    def all(self) -> list[Array]:
        """The corrections (3 or 7, h, w) at 1/2, 1/4, ... of the size."""
        image, outputs = self._image, list[Array]()
        read: Read = self._input
        skips: list[Read] = []
        for i in range(SCALES - 1):
            skips.append(self._skip(i, read))
            make = partial(self._descended, i, skips[i])
            (x,) = assembled(image.shape(i + 2), image.side // 2, make)
            read = partial(cut, x)
        skips.append(read)
        above: Array | None = None
        for i in reversed(range(SCALES)):
            ascended = partial(self._ascended, i, skips.pop(), above)
            output, *rest = assembled(image.shape(i + 1), image.side, ascended)
            outputs.append(output)
            above = rest[0] if rest else None
        return outputs[::-1]

    def _convolved(self, name: str, x: Array) -> Array:
        return convolution(x, self._weights[f"{name}.weight"], self._weights[f"{name}.bias"])

    def _block(self, name: str, x: Array) -> Array:
        """A residual block: convolution, scales and shifts of features, ReLU, convolution."""
        w, features = self._weights, len(x)
        modulation = w[f"{name}.f.w"] @ self._powers
        scale, shift = modulation[:features], modulation[features:]
        weight = w[f"{name}.a.weight"] * scale[:, None, None, None]
        bias = w[f"{name}.a.bias"] * scale + shift
        hidden = convolution(x, weight, bias, rectified=True)
        return convolution(hidden, w[f"{name}.b.weight"], w[f"{name}.b.bias"], x)

    def _input(self, tile: Window) -> Array:
        """The first features of a tile at half the size."""
        outer, inner = around(tile, self._image.shape(1), 1)
        blocks = unshuffled(self._image.colours(finer(outer)))
        return cut(self._convolved("inp", blocks * np.float32(2)), inner)

    def _skip(self, i: int, read: Read) -> Read:
        """What reads the features of a level on the way down: kept of a single tile, made anew for
        every tile of more."""
        shape = self._image.shape(i + 1)

        def made(tile: Window) -> Array:
            outer, inner = around(tile, shape, BLOCK_REACH)
            return cut(self._block(f"enc.{i}", read(outer)), inner)

        parts = tiles(shape, self._image.side)
        return made if len(parts) > 1 else partial(cut, made(parts[0]))

    def _descended(self, i: int, skip: Read, tile: Window) -> Sequence[Array]:
        """The features of a tile that the next coarser level begins with: those of blocks of 2 x 2
        behind a ReLU."""
        weight = self._weights[f"down.{i}.weight"]
        blocks = unshuffled(np.maximum(skip(finer(tile)), np.float32(0)))
        flat = np.ascontiguousarray(weight.reshape(len(weight), -1, 1, 1))
        return (convolution(blocks, flat, self._weights[f"down.{i}.bias"]),)

    def _ascended(self, i: int, skip: Read, above: Array | None, tile: Window) -> Sequence[Array]:
        """The corrections of a tile and, but for the finest level, its features on the way up."""
        outer, inner = around(tile, self._image.shape(i + 1), UP_REACH)
        x = skip(outer)
        if above is not None:
            x = doubled(self._convolved(f"up.{i}", cut(above, coarser(outer)))) + x
        x = self._block(f"dec.{i}", x)
        output = cut(self._convolved(f"head.{i}", x), inner) * np.float32(CORRECTION)
        return (output, cut(x, inner)) if i else (output,)


@cache
@independent
def trained() -> Analysis:
    """The network with the weights of the package."""
    source = resources.files("inrcodec.codec") / "data" / WEIGHTS
    with source.open("rb") as file, np.load(file) as arrays:
        return Analysis({name: arrays[name].astype(np.float32) for name in arrays.files})


def initial_latents(
    model: CoolChic, picture: Array, lmbda: float, fineness: float = 1.0
) -> list[Array]:
    """Latents of `model` for an image (3, H, W) in [0, 1]: the initialisation of a fit.

    `lmbda` is that of the networks that are to read them (`initialisation.init_lambda`): latents
    for one 10 % larger are 5 % too small for them. Beyond the networks there are, all are
    `fineness` times as large.
    """
    factor = np.float32(fineness)
    made = trained()(picture, lmbda, lambda y: np.rint(y * factor) / factor)
    latents = [made.pop(0) * factor for _ in range(len(made))]
    if tuple(y.shape for y in latents) != model.grids:
        raise ValueError(f"the analysis network does not serve {model.grids}")
    return latents
