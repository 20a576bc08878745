"""Latents to colours in torch, with backward passes written by hand.

Fitting spends its time in two per-pixel networks (`network.py`, `context.py`), two convolutions of
three channels and the upsampling. What makes them fast on a CPU, and lets a picture of any size fit
in memory:

- both networks run in tiles whose activations stay in the cache; the synthesis recomputes its
  hidden layers in the backward pass rather than storing them;
- the input gradient of a convolution of few channels is computed as a convolution;
- upsampling (`upsampling.py`) is sums of shifted slices, forward and backward.

Each function equals its plain autograd form (tests/codec/fitting/coolchic/test_kernels.py).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.grad import conv2d_weight

from inrcodec.codec import bridge
from inrcodec.codec.fitting.coolchic.tiled_network import TiledNetwork, tile_size
from inrcodec.codec.native import latents, networks, pictures


class PixelNetwork(torch.autograd.Function):
    """A per-pixel network on (C, n) pixels in tiles; the backward pass recomputes hidden layers."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, *tensors: Tensor) -> Tensor:
        """(C, n) -> (outputs, n); `tensors` as in `TiledNetwork`."""
        ctx.save_for_backward(x, *tensors)
        if bridge.takes_network(tensors, x):
            result = networks.pixel_network(bridge.array(x), bridge.network(tensors))
            return torch.from_numpy(result)
        network = TiledNetwork(tensors, with_gradients=False)
        out = x.new_empty(len(tensors[len(tensors) // 2 * 2 - 1]), x.shape[1])
        for here in _tiles(x):
            network.resize(here.stop - here.start)
            network.inputs.copy_(x[:, here])
            out[:, here] = network.forward()
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        """Gradients of the pixels and of every tensor."""
        x, *tensors = ctx.saved_tensors
        if bridge.takes_network(tensors, x):
            given = bridge.array(x), bridge.network(tensors), bridge.array(gradients[0])
            return tuple(bridge.tensors(networks.pixel_network_back(*given)))
        network = TiledNetwork(tensors, with_gradients=True)
        by_x = torch.empty_like(x)
        for here in _tiles(x):
            network.resize(here.stop - here.start)
            network.inputs.copy_(x[:, here])
            network.forward()
            network.output_gradient.copy_(gradients[0][:, here])
            by_x[:, here] = network.backward()
        return by_x, *network.gradients()


def _tiles(x: Tensor) -> list[slice]:
    size, count = tile_size(x), x.shape[1]
    return [slice(start, min(start + size, count)) for start in range(0, count, size)]


class SmallConvolution(torch.autograd.Function):
    """See `small_convolution`."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """`weight` (D, C, k, k), `bias` (D,)."""
        reach = weight.shape[-1] // 2
        padded = F.pad(x, (reach, reach, reach, reach), mode="replicate")
        ctx.save_for_backward(padded, weight)
        return F.conv2d(padded, weight, bias)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        """That of the pixels is a convolution too: torch's own is several times slower."""
        padded, weight = ctx.saved_tensors
        gradient, reach = gradients[0].contiguous(), weight.shape[-1] // 2
        by_weight = conv2d_weight(padded, weight.shape, gradient)  # type: ignore[no-untyped-call]
        flipped = weight.flip(2, 3).transpose(0, 1)
        spread = F.conv2d(F.pad(gradient, (2 * reach,) * 4), flipped)
        # what fell on the replicated border belongs to the pixels it was copied from
        for lines in (spread.unbind(2), spread.unbind(3)):
            for k in range(reach):
                lines[reach].add_(lines[k])
                lines[-1 - reach].add_(lines[-1 - k])
        inside = spread[:, :, reach:-reach, reach:-reach]
        return inside, by_weight, gradient.sum((0, 2, 3))


class ResidualConvolution(torch.autograd.Function):
    """The compiled form of `residual_convolution`."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """(3, H, W), (3, 3, 3, 3), (3,)."""
        ctx.save_for_backward(x, weight)
        given = bridge.array(x), bridge.array(weight), bridge.array(bias)
        return torch.from_numpy(pictures.residual_convolution(*given))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        """Of all three."""
        x, weight = ctx.saved_tensors
        given = bridge.array(x), bridge.array(weight), bridge.array(gradients[0])
        return tuple(bridge.tensors(pictures.residual_convolution_back(*given)))


def residual_convolution(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """x + its 3x3 convolution with replicated borders: (3, H, W) -> (3, H, W)."""
    if bridge.serves(x, weight, bias):
        result: Tensor = ResidualConvolution.apply(x, weight, bias)  # type: ignore[no-untyped-call]
        return result
    return x + small_convolution(x[None], weight, bias)[0]


def pixel_network(x: Tensor, tensors: Sequence[Tensor]) -> Tensor:
    """`PixelNetwork` as a function: (C, n) -> (outputs, n)."""
    result: Tensor = PixelNetwork.apply(x, *tensors)  # type: ignore[no-untyped-call]
    return result


def small_convolution(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Convolution of few channels with replicated borders: (N, C, H, W) -> (N, D, H, W).

    `weight` is (D, C, k, k) for an odd k.
    """
    result: Tensor = SmallConvolution.apply(x, weight, bias)  # type: ignore[no-untyped-call]
    return result


class SharedUpsampling(torch.autograd.Function):
    """The compiled form of `upsample_shared`."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, kernel: Tensor) -> Tensor:
        """(C, h, w), (8, 8)."""
        ctx.save_for_backward(x, kernel)
        given = bridge.array(x), bridge.array(kernel)
        return torch.from_numpy(pictures.upsample_shared(*given))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        """Of both."""
        given = [bridge.array(t) for t in (*ctx.saved_tensors, gradients[0])]
        return tuple(bridge.tensors(pictures.upsample_shared_back(*given)))


def upsample_shared(x: Tensor, kernel: Tensor) -> Tensor:
    """x2 of (C, h, w) by the transposed convolution with an 8x8 kernel, borders replicated.

    Each of the four phases of the result is a 5x5 convolution with every other tap.
    """
    if bridge.serves(x, kernel):
        result: Tensor = SharedUpsampling.apply(x, kernel)  # type: ignore[no-untyped-call]
        return result
    taps = F.pad(kernel.flip(0, 1), (1, 1, 1, 1)).view(5, 2, 5, 2).flip(1, 3)
    phases = taps.permute(1, 3, 0, 2).reshape(4, 1, 5, 5)
    return F.pixel_shuffle(small_convolution(x[:, None], phases, x.new_zeros(4)), 2)[:, 0]


class SoftRounding(torch.autograd.Function):
    """The compiled form of `noisy_soft_round`."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, temperature: float, deviation: float, seed: int) -> Tensor:
        """`seed` is that of the noise, 32 bits."""
        soft, lmbda = latents.soften(bridge.array(x), temperature, deviation, seed)
        ctx.save_for_backward(torch.from_numpy(lmbda))
        return torch.from_numpy(soft)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        """That of `x`."""
        return gradients[0] * ctx.saved_tensors[0], None, None, None


def noisy_soft_round(x: Tensor, temperature: float, deviation: float, seed: int) -> Tensor:
    """s(s(x) + noise), s as `soft_round`, with normal noise of this deviation that a 32-bit seed
    stands for (from the compiled kernels: nearly normal)."""
    if bridge.serves(x):
        result: Tensor = SoftRounding.apply(  # type: ignore[no-untyped-call]
            x, temperature, deviation, seed
        )
        return result
    generator = torch.Generator(device=x.device).manual_seed(seed)
    noise = torch.empty_like(x).normal_(generator=generator)
    soft = soft_round(x, temperature)
    return soft_round(torch.add(soft, noise, alpha=deviation), temperature)


def soft_round(x: Tensor, temperature: float) -> Tensor:
    """A smooth staircase: identity for a high temperature, rounding for 0 (Agustsson and Theis
    2020, eq. 4, with tanh lambda 1 / temperature)."""
    centre = torch.floor(x) + 0.5
    lmbda = 0.5 / math.tanh(0.5 / temperature)
    return centre + lmbda * torch.tanh((x - centre) / temperature)
