"""The closed-loop Laplacian pyramid that the analysis network corrects, tile by tile.

Of a large image only the coarser levels are ever whole: what the finest one needs of the image is
made anew for each tile.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from inrcodec.codec.coolchic import colours
from inrcodec.codec.coolchic.features import BICUBIC, CHROMA_LEVEL, LEVELS
from inrcodec.codec.coolchic.windows import UPSAMPLING_REACH, Window
from inrcodec.codec.fitting.coolchic.feature_tiles import (
    Shape,
    around,
    assembled,
    coarser,
    cut,
    finer,
)
from inrcodec.codec.native.networks import Array

COLOUR_TO_LUMA_CHROMA = (
    (0.299, 0.587, 0.114),
    (-0.168736, -0.331264, 0.5),
    (0.5, -0.418688, -0.081312),
)


class PaddedImage:
    """An image (3, H, W) in [0, 1], padded to whole symbols of the coarsest grid, read by tiles of
    at most `side` positions a side, a multiple of 64."""

    def __init__(self, picture: Array, side: int) -> None:
        self.picture, self.side = picture, side
        _, height, width = picture.shape
        unit = 1 << (LEVELS - 1)
        self._padded = height + -height % unit, width + -width % unit

    def shape(self, level: int) -> Shape:
        """Rows and columns of a level."""
        return self._padded[0] >> level, self._padded[1] >> level

    def colours(self, area: Window) -> Array:
        """The colours (3, h, w) of an area around 0, borders replicated."""
        _, height, width = self.picture.shape
        below, beside = max(0, area[1] - height), max(0, area[3] - width)
        inside = cut(self.picture, area) - np.float32(0.5)
        if below or beside:
            return np.pad(inside, ((0, 0), (0, below), (0, beside)), mode="edge")
        return inside

    def luma_chroma(self, area: Window) -> Array:
        """Y, Cb and Cr (3, h, w) of an area, around 0."""
        colours = self.colours(area)
        matrix = np.array(COLOUR_TO_LUMA_CHROMA, np.float32)
        return (matrix @ colours.reshape(3, -1)).reshape(colours.shape)


def halved(x: Array) -> Array:
    """Means of 2 x 2 blocks: (C, 2 h, 2 w) -> (C, h, w)."""
    rows = x[:, ::2] + x[:, 1::2]
    means: Array = (rows[:, :, ::2] + rows[:, :, 1::2]) * np.float32(0.25)
    return means


class Pyramid:
    """The latents of an image, from the coarsest level on.

    `corrections` (3, h, w) add to the means of Y, Cb and Cr of levels 1, 2, ...; those of level 1
    have 7 planes, the last four for the Y of level 0 in each block. `gains` are (3, LEVELS, 1, 1);
    `quantise` makes the latents that finer levels see.
    """

    def __init__(
        self,
        image: PaddedImage,
        corrections: Sequence[Array],
        gains: Array,
        quantise: Callable[[Array], Array],
    ) -> None:
        self._image, self._corrections, self._gains = image, corrections, gains
        self._quantise = quantise
        self._taps = np.array(BICUBIC, np.float32)
        self._means = self._all_means()
        self._shown: Array | None = None

    def level(self, level: int) -> Array:
        """The latents (planes, h, w) of a level, as they were before `quantise`; levels must be
        asked for from coarse to fine."""
        make = partial(self._tile, level)
        latents, *shown = assembled(self._image.shape(level), self._image.side, make)
        self._shown = shown[0] if shown else None
        return latents

    def _tile(self, level: int, tile: Window) -> Sequence[Array]:
        """The latents of a tile and what they show: of the finest level, which none sees, only the
        latents of its Y."""
        planes = 3 if level >= CHROMA_LEVEL else 1
        gain = self._gains[:planes, level]
        wanted = self._wanted(level, tile)
        base = self._base(level, wanted, tile)
        latents = (wanted - base) * gain
        return (latents, base + self._quantise(latents) / gain) if level else (latents,)

    def _wanted(self, level: int, tile: Window) -> Array:
        """What a tile of a level is to show, (3 or 1, h, w)."""
        if level:
            corrections = self._corrections[level - 1][:3]
            return cut(self._means[level - 1], tile) + cut(corrections, tile)
        blocks = cut(self._corrections[0][3:], coarser(tile))
        rows, columns = blocks.shape[1:]
        luma = self._image.luma_chroma(tile)[:1]
        corrected = luma.reshape(rows, 2, columns, 2)
        corrected += blocks.reshape(2, 2, rows, columns).transpose(2, 0, 3, 1)
        return luma

    def _base(self, level: int, wanted: Array, tile: Window) -> Array:
        """What the coarser levels show of a tile, (3 or 1, h, w)."""
        shown, base = self._shown, np.zeros_like(wanted)
        if shown is not None:
            shape = self._image.shape(level + 1)
            outer, _ = around(coarser(tile), shape, UPSAMPLING_REACH)
            corner = tile[0] - 2 * outer[0], tile[2] - 2 * outer[2]
            colours.upsample(cut(shown[: len(wanted)], outer), self._taps, corner, base)
        return base

    def _all_means(self) -> list[Array]:
        """The means of Y, Cb and Cr of levels 1, 2, ..., (3, h, w) each."""

        def make(tile: Window) -> Sequence[Array]:
            return (halved(self._image.luma_chroma(finer(tile))),)

        means = list(assembled(self._image.shape(1), self._image.side // 2, make))
        for _ in range(LEVELS - 2):
            means.append(halved(means[-1]))
        return means
