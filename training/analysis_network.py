"""The analysis network as it is trained: in torch, with gradients, an image in one tile.

What encoders run is inrcodec/codec/fitting/coolchic/analysis.py, which says what the network is;
tests/codec/fitting/coolchic/test_analysis.py holds the two together.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from inrcodec.codec.coolchic.features import BICUBIC, CHROMA_LEVEL, LEVELS, grain
from inrcodec.codec.fitting.coolchic.analysis import CORRECTION, Analysis, position, powers
from inrcodec.codec.fitting.coolchic.closed_loop import COLOUR_TO_LUMA_CHROMA
from inrcodec.codec.fitting.coolchic.upsampling import upsample_below

WIDTHS = (32, 48, 48, 48, 32, 32)
"""Features at 1/2, 1/4, ... 1/64 of the size of the image."""

GAIN = (2.77, -1.75)
"""First gain of a grid: exp(2.77 - 1.75 t) / grain, about 0.5 / sqrt(lambda) for the finest."""


class Modulation(nn.Module):
    """Scales and shifts every feature by quadratics in t."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.zeros(2 * features, 3))
        self.w.data[:features, 0] = 1

    def forward(self, x: Tensor, powers: Tensor) -> Tensor:
        """(1, C, h, w) -> the same."""
        scale, shift = (self.w @ powers).chunk(2)
        return x * scale[:, None, None] + shift[:, None, None]


class Block(nn.Module):
    """A residual block: convolution, modulation, ReLU, convolution."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.a = nn.Conv2d(features, features, 3, padding=1)
        self.b = nn.Conv2d(features, features, 3, padding=1)
        self.f = Modulation(features)
        self.b.weight.data *= 0.1

    def forward(self, x: Tensor, powers: Tensor) -> Tensor:
        """(1, C, h, w) -> the same."""
        return x + self.b(F.relu(self.f(self.a(x), powers)))


class AnalysisNetwork(nn.Module):
    """U-Net from 2x2 pixel blocks to the latents of every grid of a `coolchic` model; `features` is
    the type that it computes in, bfloat16 or float32."""

    def __init__(self, features: torch.dtype = torch.bfloat16) -> None:
        super().__init__()
        self.features = features
        widths, pairs = WIDTHS, list(pairwise(WIDTHS))
        self.inp = nn.Conv2d(12, widths[0], 3, padding=1)
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
        self, picture: Tensor, lmbda: float, quantise: Callable[[Tensor], Tensor]
    ) -> list[Tensor]:
        """(3, H, W) in [0, 1] -> what `quantise` makes of the latents, one (rows, columns) tensor
        per grid."""
        _, height, width = picture.shape
        unit = 1 << (LEVELS - 1)
        pad = (0, -width % unit, 0, -height % unit)
        colours = F.pad(picture[None], pad, mode="replicate") - 0.5
        t = torch.from_numpy(powers(position(lmbda)))
        corrections = self._corrections(colours, t)
        gains = torch.exp(self.gain @ t)[:, :, None, None]
        matrix = colours.new_tensor(COLOUR_TO_LUMA_CHROMA)
        means = [torch.einsum("ij,jhw->ihw", matrix, colours[0])]
        for _ in range(LEVELS - 1):
            means.append(F.avg_pool2d(means[-1][None], 2)[0])
        levels: dict[int, Tensor] = {}
        shown: Tensor | None = None
        for level in reversed(range(LEVELS)):
            planes = 3 if level >= CHROMA_LEVEL else 1
            if level:
                wanted = means[level] + corrections[level - 1][:3]
            else:
                wanted = means[0][:1] + F.pixel_shuffle(corrections[0][3:], 2)
            base = torch.zeros_like(wanted)
            if shown is not None:
                taps = wanted.new_tensor(BICUBIC)
                base = upsample_below(wanted[0], shown[:planes], taps)[1:]
            gain = gains[:planes, level]
            levels[level] = quantise((wanted - base) * gain)
            shown = base + levels[level] / gain
        order = [(0, level) for level in range(LEVELS)]
        order += [(plane, level) for plane in (1, 2) for level in range(CHROMA_LEVEL, LEVELS)]
        return [
            levels[level][plane, : -(-height >> level), : -(-width >> level)]
            for plane, level in order
        ]

    def _corrections(self, colours: Tensor, t: Tensor) -> list[Tensor]:
        """The corrections (3 or 7, h, w) at 1/2, 1/4, ... of the size, float32."""
        outputs: list[Tensor] = []
        fast = self.features != torch.float32
        with torch.autocast(colours.device.type, torch.bfloat16, enabled=fast):
            x = self.inp(F.pixel_unshuffle(colours, 2) * 2)
            skips = []
            for block, down in zip(self.enc, self.down, strict=True):
                skips.append(block(x, t))
                x = down(F.relu(skips[-1]))
            for i in reversed(range(len(WIDTHS))):
                if i < len(self.up):
                    x = F.interpolate(self.up[i](x), scale_factor=2) + skips.pop()
                x = self.dec[i](x, t)
                with torch.autocast(x.device.type, enabled=False):
                    outputs.append(self.head[i](x.float())[0] * CORRECTION)
        return outputs[::-1]


def network_of(analysis: Analysis, features: torch.dtype = torch.bfloat16) -> AnalysisNetwork:
    """The network of the weights that an encoder has."""
    network = AnalysisNetwork(features)
    network.load_state_dict({n: torch.from_numpy(v) for n, v in analysis.weights.items()})
    return network
