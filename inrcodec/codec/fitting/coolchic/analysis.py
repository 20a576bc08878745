"""The analysis network: an image and a lambda -> the latents that initialise a fit.

    latents of a grid = gain(lambda) x (what coarser grids leave of Y, Cb or Cr  +  a correction)

Grids follow one another from coarse to fine, each upon what the rounded ones before it show, so a
fine grid mends what rounding a coarse one lost. Without corrections that is a closed-loop Laplacian
pyramid (Burt and Adelson 1983), which decodes to the image, since the synthesis is its inverse
before it is trained; a small U-Net on 2x2 blocks of pixels learns the corrections. Every scale and
shift of its features and every gain is a quadratic in log(lambda), so one network serves all rates.
It runs in the encoder only, and its output is rounded and coded, so nothing here needs to be exact.

Trained by training/train_initialisation.py, which also trains the networks of
coolchic/init_tables.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache, partial
from importlib import resources
from itertools import pairwise

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from inrcodec.codec.ambient import independent
from inrcodec.codec.coolchic.features import CHROMA_LEVEL, LEVELS, grain
from inrcodec.codec.coolchic.model import CoolChic
from inrcodec.codec.coolchic.windows import Window
from inrcodec.codec.fitting.coolchic.closed_loop import PaddedImage, Pyramid
from inrcodec.codec.fitting.coolchic.feature_tiles import (
    around,
    assembled,
    coarser,
    cut,
    finer,
    tiles,
)

WIDTHS = (32, 48, 48, 48, 32, 32)
"""Features at 1/2, 1/4, ... 1/64 of the size of the image."""

GAIN = (2.77, -1.75)
"""First gain of a grid: exp(2.77 - 1.75 t) / grain, about 0.5 / sqrt(lambda) for the finest."""

CORRECTION = 0.05
"""Scale of the corrections: they add to colours of full range 1, so large ones diverge early."""

TILE = 768
"""Side of a tile of features. One tile takes all of an image of about two megapixels: at half its
size, features take most of the memory of an encode."""

BLOCK_REACH, UP_REACH = 2, 4
"""Positions that a block sees around each, and a block and a head behind it, made even."""

WEIGHTS = "coolchic_analysis.npz"

Read = Callable[[Window], Tensor]
"""The features (1, C, h, w) of an area."""


def position(lmbda: float) -> float:
    """The variable t: log(lambda) on a scale where the trained range is about -1 .. 1."""
    return (math.log(lmbda) + 7) / 3.5


class Modulation(nn.Module):
    """Scales and shifts every feature by quadratics in t."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.zeros(2 * features, 3))
        self.w.data[:features, 0] = 1

    def forward(self, x: Tensor, powers: Tensor) -> Tensor:
        """(1, C, h, w) -> the same."""
        scale, shift = (self.w @ powers).chunk(2)
        return (x * scale[:, None, None]).add_(shift[:, None, None])


class Block(nn.Module):
    """A residual block: convolution, modulation, ReLU, convolution. Sums and ReLU are in place: the
    features of a large image take most of the memory of its encode."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.a = nn.Conv2d(features, features, 3, padding=1)
        self.b = nn.Conv2d(features, features, 3, padding=1)
        self.f = Modulation(features)
        self.b.weight.data *= 0.1

    def forward(self, x: Tensor, powers: Tensor) -> Tensor:
        """(1, C, h, w) -> the same."""
        y: Tensor = self.b(F.relu_(self.f(self.a(x), powers)))
        return y.add_(x)


class Analysis(nn.Module):
    """U-Net from 2x2 pixel blocks to the latents of every grid of a `coolchic` model."""

    def __init__(self) -> None:
        super().__init__()
        widths = WIDTHS
        self.inp = nn.Conv2d(12, widths[0], 3, padding=1)
        pairs = list(pairwise(widths))
        self.down = nn.ModuleList(nn.Conv2d(a, b, 2, stride=2) for a, b in pairs)
        self.enc = nn.ModuleList(Block(w) for w in widths[:-1])
        self.dec = nn.ModuleList(Block(w) for w in widths)
        self.up = nn.ModuleList(nn.Conv2d(b, a, 1) for a, b in pairs)
        # level i + 1: Y, Cb, Cr; the finest also gives the four Y of level 0 in each block
        self.head = nn.ModuleList(
            nn.Conv2d(w, 7 if i == 0 else 3, 3, padding=1) for i, w in enumerate(widths)
        )
        for head in self.head:
            nn.init.zeros_(head.get_parameter("bias"))
        gain = np.tile(np.asarray([*GAIN, 0.0], np.float32), (3, LEVELS, 1))
        gain[:, :, 0] -= np.log(np.asarray([grain(k) for k in range(LEVELS)], np.float32))
        self.gain = nn.Parameter(torch.from_numpy(gain))

    def forward(
        self,
        picture: Tensor,
        lmbda: float,
        quantise: Callable[[Tensor], Tensor] = torch.round,
        side: int = TILE,
    ) -> list[Tensor]:
        """(3, H, W) in [0, 1] -> latents, one (rows, columns) tensor per grid: in training what
        `quantise` made of them, else as they were before it. Features are computed in tiles of
        `side` positions a side, a multiple of 64: the latents are those of one tile, but for what
        the order of a sum may change."""
        _, height, width = picture.shape
        t = position(lmbda)
        powers = picture.new_tensor([1.0, t, t * t])
        image = PaddedImage(picture, side)
        corrections = self._corrections(image, powers)
        gains = self.gains(lmbda)[:, :, None, None]
        pyramid = Pyramid(image, corrections, gains, quantise, quantised=self.training)
        levels = {level: pyramid.level(level) for level in reversed(range(LEVELS))}
        order = [(0, level) for level in range(LEVELS)]
        order += [(plane, level) for plane in (1, 2) for level in range(CHROMA_LEVEL, LEVELS)]
        return [
            levels[level][plane, : -(-height >> level), : -(-width >> level)]
            for plane, level in order
        ]

    def gains(self, lmbda: float) -> Tensor:
        """The gains (3, LEVELS) of Y, Cb and Cr at every level."""
        t = position(lmbda)
        return torch.exp(self.gain @ self.gain.new_tensor([1.0, t, t * t]))

    def _corrections(self, image: PaddedImage, powers: Tensor) -> list[Tensor]:
        """The corrections (3 or 7, h, w) at 1/2, 1/4, ... of the size; features are bfloat16,
        outputs float32."""
        outputs: list[Tensor] = []
        with torch.autocast(image.picture.device.type, torch.bfloat16):
            read: Read = partial(self._input, image)
            skips: list[Read] = []
            for i, down in enumerate(self.down):
                skips.append(self._skip(i, image, read, powers))
                make = partial(_descended, down, skips[i])
                (x,) = assembled(image.shape(i + 2), image.side // 2, make)
                read = partial(cut, x)
            skips.append(read)
            above: Tensor | None = None
            for i in reversed(range(len(WIDTHS))):
                ascended = partial(self._ascended, i, image, skips.pop(), above, powers)
                output, *rest = assembled(image.shape(i + 1), image.side, ascended)
                outputs.append(output)
                above = rest[0] if rest else None
        return outputs[::-1]

    def _input(self, image: PaddedImage, tile: Window) -> Tensor:
        """The first features of a tile at half the size."""
        outer, inner = around(tile, image.shape(1), 1)
        return cut(self.inp(F.pixel_unshuffle(image.colours(finer(outer)), 2) * 2), inner)

    def _skip(self, i: int, image: PaddedImage, read: Read, powers: Tensor) -> Read:
        """What reads the features of a level on the way down: kept of a single tile, made anew for
        every tile of more."""
        shape = image.shape(i + 1)

        def made(tile: Window) -> Tensor:
            outer, inner = around(tile, shape, BLOCK_REACH)
            return cut(self.enc[i](read(outer), powers), inner)

        parts = tiles(shape, image.side)
        return made if len(parts) > 1 else partial(cut, made(parts[0]))

    def _ascended(
        self,
        i: int,
        image: PaddedImage,
        skip: Read,
        above: Tensor | None,
        powers: Tensor,
        tile: Window,
    ) -> Sequence[Tensor]:
        """The corrections of a tile and, but for the finest level, its features on the way up."""
        outer, inner = around(tile, image.shape(i + 1), UP_REACH)
        x = skip(outer)
        if above is not None:
            x = F.interpolate(self.up[i](cut(above, coarser(outer))), scale_factor=2).add_(x)
        x = self.dec[i](x, powers)
        with torch.autocast(x.device.type, enabled=False):
            output = cut(self.head[i](x.float())[0] * CORRECTION, inner)
        return (output, cut(x, inner)) if i else (output,)


def _descended(down: nn.Module, skip: Read, tile: Window) -> Sequence[Tensor]:
    """The features of a tile that the next coarser level begins with."""
    return (down(F.relu(skip(finer(tile)))),)


@cache
@independent
def trained(device: torch.device) -> Analysis:
    """The network with the weights of the package, one for each device."""
    source = resources.files("inrcodec.codec") / "data" / WEIGHTS
    with torch.device("meta"):  # nothing is drawn from the caller's generator
        network = Analysis()
    with source.open("rb") as file, np.load(file) as arrays:
        state = {n: torch.from_numpy(arrays[n].astype(np.float32)) for n in arrays.files}
    network.load_state_dict(state, assign=True)
    network.eval().requires_grad_(False).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network.to(device)


@torch.no_grad()
def initial_latents(
    model: CoolChic, picture: Tensor, lmbda: float, fineness: float = 1.0
) -> list[Tensor]:
    """Latents of `model` for an image (3, H, W) in [0, 1]: the initialisation of a fit.

    `lmbda` is that of the networks that are to read them (`initialisation.init_lambda`): latents
    for one 10 % larger are 5 % too small for them. Beyond the networks there are, all are
    `fineness` times as large.
    """
    network = trained(picture.device)
    made = network(picture, lmbda, lambda y: torch.round(y * fineness) / fineness)
    latents = [made.pop(0) * fineness for _ in range(len(made))]
    if tuple(tuple(y.shape) for y in latents) != model.grids:
        raise ValueError(f"the analysis network does not serve {model.grids}")
    return latents
