"""A small learned denoiser for the information-estimation metric, for noise of any strength.

The Wiener filter of `gaussian_prior.py` comes first: it sees the whole image, and under strong
noise nothing better is known. A U-Net of three scales then adds what the Gaussian model lacks:

    D(y, s) = W(y, s) + t(s) c(s) F(W(y, s), (y - W(y, s)) / r(s), ln s)

c(s) is the root mean square error that the Wiener filter expects of itself and r(s) that of
y - W(y, s), so F works on numbers near 1 at every s; t(s) is 1 but for the faintest noise. The last
layer of F starts at zero: training starts at the Wiener filter. `training/train_denoiser.py` made
the weights, from CID22 photographs.
"""

from __future__ import annotations

import math
from functools import cache
from importlib import resources

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from inrcodec.codec.ambient import independent
from inrcodec.metrics.quality import gaussian_prior

WIDTHS = (40, 56, 72)
LOWEST_SIGMA, HIGHEST_SIGMA = 0.005, 8.0
"""Noise the network was trained for, on the scale [-1, 1]; outside, the Wiener filter is alone."""

TRUSTED_SIGMA = 2 / 127.5
"""Below it the network's part fades out, in ln sigma: it gains less and less over the filter."""

WEIGHTS = "denoiser.npz"


class Residual(nn.Module):
    """The network F: (N, 6, H, W) and ln s -> (N, 3, H, W); H and W are multiples of 8."""

    def __init__(self) -> None:
        super().__init__()
        first, second, third = WIDTHS
        self.enter = nn.Conv2d(24, first, 3, padding=1)
        self.down = nn.ModuleList([self._stage(first), self._stage(second), self._stage(third)])
        self.shrink = nn.ModuleList(
            [nn.Conv2d(first, second, 2, stride=2), nn.Conv2d(second, third, 2, stride=2)]
        )
        self.grow = nn.ModuleList([nn.Conv2d(second, first, 1), nn.Conv2d(third, second, 1)])
        self.up = nn.ModuleList([self._stage(first), self._stage(second)])
        self.leave = nn.Conv2d(first, 12, 3, padding=1)
        for parameter in self.leave.parameters():
            nn.init.zeros_(parameter)

    def _stage(self, width: int) -> nn.ModuleList:
        """Make a residual pair of convolutions whose inner gain depends on the noise."""
        gain = nn.Linear(5, 2 * width)
        nn.init.zeros_(gain.weight)
        nn.init.zeros_(gain.bias)
        return nn.ModuleList(
            [nn.Conv2d(width, width, 3, padding=1), nn.Conv2d(width, width, 3, padding=1), gain]
        )

    def forward(self, x: Tensor, strength: Tensor) -> Tensor:
        """Compute F; `strength` (N,) is ln s, scaled to [-1, 1] over the trained range."""
        angles = strength[:, None] * x.new_tensor([math.pi / 2, math.pi])
        noise = torch.cat([strength[:, None], angles.sin(), angles.cos()], 1)
        first = _apply(self.down[0], self.enter(F.pixel_unshuffle(x, 2)), noise)
        second = _apply(self.down[1], self.shrink[0](first), noise)
        third = _apply(self.down[2], self.shrink[1](second), noise)
        second = second + F.interpolate(self.grow[1](third), scale_factor=2.0)
        second = _apply(self.up[1], second, noise)
        first = first + F.interpolate(self.grow[0](second), scale_factor=2.0)
        first = _apply(self.up[0], first, noise)
        corrections: Tensor = F.pixel_shuffle(self.leave(first), 2)
        return corrections


def _apply(stage: nn.Module, x: Tensor, noise: Tensor) -> Tensor:
    """Compute x + conv(silu(gain conv(x) + shift))."""
    one, two, gain = stage.children()
    scale, shift = gain(noise.to(x.dtype))[:, :, None, None].chunk(2, 1)
    inner = one(x)
    result: Tensor = x + two(F.silu(inner + inner * scale + shift))
    return result


def strength(sigma: float) -> float:
    """Scale ln sigma so that the trained range is [-1, 1]; clamp it to that range."""
    low, high = math.log(LOWEST_SIGMA), math.log(HIGHEST_SIGMA)
    return 2 * (math.log(min(max(sigma, LOWEST_SIGMA), HIGHEST_SIGMA)) - low) / (high - low) - 1


def inputs(noisy: Tensor, sigma: float) -> tuple[Tensor, Tensor, float]:
    """Return the Wiener estimate, the network's input (N, 6, H, W), and c(sigma)."""
    estimate = gaussian_prior.wiener(noisy, sigma)
    error = gaussian_prior.wiener_error(noisy.shape[-2], noisy.shape[-1], sigma)
    spread = math.sqrt(max(sigma**2 - error, 1e-12))
    return estimate, torch.cat([estimate, (noisy - estimate) / spread], 1), math.sqrt(error)


@independent
def denoise(noisy: Tensor, sigma: float, network: Residual | None = None) -> Tensor:
    """Estimate an image seen through white noise of standard deviation `sigma`.

    `noisy` (N, 3, H, W) on the scale [-1, 1], any size; differentiable. `network` defaults to the
    weights in the package.
    """
    if not LOWEST_SIGMA < sigma <= HIGHEST_SIGMA:
        return gaussian_prior.wiener(noisy, sigma)
    network = network or trained(noisy.device)
    estimate, x, scale = inputs(noisy, sigma)
    height, width = noisy.shape[-2:]
    x = F.pad(x.float(), (0, -width % 8, 0, -height % 8), mode="replicate")
    x = x.contiguous(memory_format=torch.channels_last)
    level = torch.full((len(x),), strength(sigma), dtype=torch.float32, device=x.device)
    correction = network(x, level)[..., :height, :width]
    trust = min(1.0, math.log(sigma / LOWEST_SIGMA) / math.log(TRUSTED_SIGMA / LOWEST_SIGMA))
    denoised: Tensor = estimate + trust * scale * correction.to(noisy.dtype)
    return denoised


@cache
@independent
def trained(device: torch.device) -> Residual:
    """Load the network of the package (float16 on disk, float32 here), once for each device."""
    with torch.device("meta"):  # nothing is drawn from the caller's generator
        network = Residual()
    with resources.files(__package__).joinpath(WEIGHTS).open("rb") as file, np.load(file) as arrays:
        state = {name: torch.from_numpy(arrays[name].astype(np.float32)) for name in arrays}
    network.load_state_dict(state, assign=True)
    network.requires_grad_(False).eval()
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # a quarter faster
    return network.to(device)
