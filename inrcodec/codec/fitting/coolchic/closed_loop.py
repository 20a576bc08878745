"""The closed-loop Laplacian pyramid that the analysis network corrects, tile by tile.

Of a large image only the coarser levels are ever whole: what the finest one needs of the image is
made anew for each tile.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

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
from inrcodec.codec.fitting.coolchic.upsampling import upsample_below

COLOUR_TO_LUMA_CHROMA = (
    (0.299, 0.587, 0.114),
    (-0.168736, -0.331264, 0.5),
    (0.5, -0.418688, -0.081312),
)


class PaddedImage:
    """An image (3, H, W) in [0, 1], padded to whole symbols of the coarsest grid, read by tiles of
    at most `side` positions a side, a multiple of 64."""

    def __init__(self, picture: Tensor, side: int) -> None:
        self.picture, self.side = picture, side
        _, height, width = picture.shape
        unit = 1 << (LEVELS - 1)
        self._padded = height + -height % unit, width + -width % unit

    def shape(self, level: int) -> Shape:
        """Rows and columns of a level."""
        return self._padded[0] >> level, self._padded[1] >> level

    def colours(self, area: Window) -> Tensor:
        """The colours (1, 3, h, w) of an area around 0, borders replicated."""
        _, height, width = self.picture.shape
        pad = (0, max(0, area[3] - width), 0, max(0, area[1] - height))
        return F.pad(cut(self.picture, area)[None], pad, mode="replicate") - 0.5

    def luma_chroma(self, area: Window) -> Tensor:
        """Y, Cb and Cr (3, h, w) of an area, around 0."""
        colours = self.colours(area)[0]
        matrix = colours.new_tensor(COLOUR_TO_LUMA_CHROMA)
        return (matrix @ colours.flatten(1)).view_as(colours)


class Pyramid:
    """The latents of an image, from the coarsest level on.

    `corrections` (3, h, w) add to the means of Y, Cb and Cr of levels 1, 2, ...; those of level 1
    have 7 planes, the last four for the Y of level 0 in each block. `gains` are (3, LEVELS, 1, 1);
    `quantise` makes the latents that finer levels see, which are the result if `quantised`.
    """

    def __init__(
        self,
        image: PaddedImage,
        corrections: Sequence[Tensor],
        gains: Tensor,
        quantise: Callable[[Tensor], Tensor],
        *,
        quantised: bool,
    ) -> None:
        self._image, self._corrections, self._gains = image, corrections, gains
        self._quantise, self._quantised = quantise, quantised
        self._taps = image.picture.new_tensor(BICUBIC)
        self._means = self._all_means()
        self._shown: Tensor | None = None

    def level(self, level: int) -> Tensor:
        """The latents (planes, h, w) of a level; levels must be asked for from coarse to fine."""
        make = partial(self._tile, level)
        latents, *shown = assembled(self._image.shape(level), self._image.side, make)
        self._shown = shown[0] if shown else None
        return latents

    def _tile(self, level: int, tile: Window) -> Sequence[Tensor]:
        """The latents of a tile and what they show: of the finest level, which none sees, only the
        latents of its Y."""
        planes = 3 if level >= CHROMA_LEVEL else 1
        gain = self._gains[:planes, level]
        wanted = self._wanted(level, tile)
        base = torch.zeros_like(wanted) if self._shown is None else self._base(level, wanted, tile)
        exact = (wanted - base) * gain
        seen = self._quantise(exact)
        latents = seen if self._quantised else exact
        return (latents, base + seen / gain) if level else (latents,)

    def _wanted(self, level: int, tile: Window) -> Tensor:
        """What a tile of a level is to show, (3 or 1, h, w)."""
        if level:
            corrections = self._corrections[level - 1][:3]
            return cut(self._means[level - 1], tile) + cut(corrections, tile)
        blocks = cut(self._corrections[0][3:], coarser(tile))
        return self._image.luma_chroma(tile)[:1] + F.pixel_shuffle(blocks, 2)

    def _base(self, level: int, wanted: Tensor, tile: Window) -> Tensor:
        """What the coarser levels show of a tile, (3 or 1, h, w)."""
        shown = self._shown
        if shown is None:
            return torch.zeros_like(wanted)
        outer, _ = around(coarser(tile), self._image.shape(level + 1), UPSAMPLING_REACH)
        corner = tile[0] - 2 * outer[0], tile[2] - 2 * outer[2]
        above = cut(shown[: len(wanted)], outer)
        return upsample_below(wanted[0], above, self._taps, corner)[1:]

    def _all_means(self) -> list[Tensor]:
        """The means of Y, Cb and Cr of levels 1, 2, ..., (3, h, w) each."""

        def make(tile: Window) -> Sequence[Tensor]:
            return (F.avg_pool2d(self._image.luma_chroma(finer(tile))[None], 2)[0],)

        means = list(assembled(self._image.shape(1), self._image.side // 2, make))
        for _ in range(LEVELS - 2):
            means.append(F.avg_pool2d(means[-1][None], 2)[0])
        return means
