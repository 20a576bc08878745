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
from collections.abc import Callable
from functools import cache
from importlib import resources
from itertools import pairwise

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from inrcodec.codec.ambient import independent
from inrcodec.codec.coolchic.features import BICUBIC, CHROMA_LEVEL, LEVELS, grain
from inrcodec.codec.coolchic.model import CoolChic
from inrcodec.codec.fitting.coolchic.upsampling import upsample_below

WIDTHS = (32, 48, 48, 48, 32, 32)
"""Features at 1/2, 1/4, ... 1/64 of the size of the image."""

GAIN = (2.77, -1.75)
"""First gain of a grid: exp(2.77 - 1.75 t) / grain, about 0.5 / sqrt(lambda) for the finest."""

CORRECTION = 0.05
"""Scale of the corrections: they add to colours of full range 1, so large ones diverge early."""

WEIGHTS = "coolchic_analysis.npz"

COLOUR_TO_LUMA_CHROMA = (
    (0.299, 0.587, 0.114),
    (-0.168736, -0.331264, 0.5),
    (0.5, -0.418688, -0.081312),
)


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
        self, picture: Tensor, lmbda: float, quantise: Callable[[Tensor], Tensor] = torch.round
    ) -> list[Tensor]:
        """(3, H, W) in [0, 1] -> latents, one (rows, columns) tensor per grid: in training what
        `quantise` made of them, else as they were before it."""
        _, height, width = picture.shape
        t = position(lmbda)
        powers = picture.new_tensor([1.0, t, t * t])
        unit = 1 << (LEVELS - 1)
        pad = (0, -width % unit, 0, -height % unit)
        x = F.pad(picture[None], pad, mode="replicate") - 0.5
        gains = self.gains(lmbda)[:, :, None, None]
        corrections = self._corrections(x, powers)
        blocks, corrections[0] = corrections[0][3:], corrections[0][:3]
        finest = F.pixel_shuffle(blocks, 2)
        means, taps = _means(x[0]), picture.new_tensor(BICUBIC)
        latents: dict[tuple[int, int], Tensor] = {}
        shown: Tensor | None = None
        for level in reversed(range(LEVELS)):
            wanted = means[level] + (corrections[level - 1] if level else finest)
            base = torch.zeros_like(wanted)
            if shown is not None:
                base = upsample_below(wanted[0], shown, taps)[1:]
            planes = 3 if level >= CHROMA_LEVEL else 1
            gain = gains[:planes, level]
            exact = (wanted - base)[:planes] * gain
            seen = quantise(exact)
            shown = torch.cat((base[:planes] + seen / gain, base[planes:]))
            for plane in range(planes):
                latents[plane, level] = (seen if self.training else exact)[plane]
        order = [(0, level) for level in range(LEVELS)]
        order += [(plane, level) for plane in (1, 2) for level in range(CHROMA_LEVEL, LEVELS)]
        return [
            latents[plane, level][: -(-height >> level), : -(-width >> level)]
            for plane, level in order
        ]

    def gains(self, lmbda: float) -> Tensor:
        """The gains (3, LEVELS) of Y, Cb and Cr at every level."""
        t = position(lmbda)
        return torch.exp(self.gain @ self.gain.new_tensor([1.0, t, t * t]))

    def _corrections(self, x: Tensor, powers: Tensor) -> list[Tensor]:
        """The corrections (3 or 7, h, w) at 1/2, 1/4, ... of the size; features are bfloat16,
        outputs float32."""
        device = x.device.type
        outputs = []
        with torch.autocast(device, torch.bfloat16):
            x = self.inp(F.pixel_unshuffle(x, 2) * 2)
            skips = []
            for block, down in zip(self.enc, self.down, strict=True):
                x = block(x, powers)
                skips.append(x)
                x = down(F.relu(x))
            for i in reversed(range(len(WIDTHS))):
                x = self.dec[i](x, powers)
                with torch.autocast(device, enabled=False):
                    outputs.append(self.head[i](x.float())[0] * CORRECTION)
                if i:
                    finer = F.interpolate(self.up[i - 1](x), scale_factor=2, mode="nearest")
                    x = finer.add_(skips.pop())
        return outputs[::-1]


def _means(picture: Tensor) -> list[Tensor]:
    """The means of Y, Cb and Cr at every level, (3, h, w) each."""
    matrix = picture.new_tensor(COLOUR_TO_LUMA_CHROMA)
    means = [(matrix @ picture.flatten(1)).view_as(picture)]
    for _ in range(LEVELS - 1):
        means.append(F.avg_pool2d(means[-1][None], 2)[0])
    return means


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
    latents = [y * fineness for y in made]
    if tuple(tuple(y.shape) for y in latents) != model.grids:
        raise ValueError(f"the analysis network does not serve {model.grids}")
    return latents
