"""The arithmetic of latent-grid models in torch, with backward passes written by hand.

Fitting spends its time in two per-pixel networks and two convolutions of three channels. What makes
them fast on a CPU, and lets a picture of any size fit in memory:

- tensors are channel-first and flat; a causal context is a set of shifted slices of one padded
  buffer, never an unfolded copy of the picture;
- both networks run in tiles of `TILE` positions whose activations stay in the cache. The rate is a
  sum, so its gradient is known when its value is: one pass computes both. The synthesis recomputes
  its hidden layer in the backward pass rather than storing it;
- the weight gradient of a 3x3 convolution is nine small matrix products of shifted rows.

Each function equals its plain autograd form (tests/codec/test_kernels.py).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

TILE = 8192
"""Positions computed at once: the activations of both networks stay in the second-level cache."""

MARGIN = 3
"""Rows above and columns on each side that a context reaches."""

SMALLEST_LOG_SCALE, LARGEST_LOG_SCALE = -4.0, 11.875
"""Range of log2 of a Laplace scale, that of the integer tables."""

_LN2 = math.log(2)
_TINY = 1e-12


class TiledNetwork:
    """A per-position network on (inputs, n) tiles: hidden ReLU layers, an output layer, and an
    optional matrix straight from inputs to outputs. Gradients of its tensors add up in `gradients`.

    `tensors` is [W_0, b_0, W_1, b_1, ..., W_out, b_out] or the same and the linear matrix behind.
    """

    def __init__(self, tensors: Sequence[Tensor], with_gradients: bool = True) -> None:
        self.tensors = list(tensors)
        self.linear = len(tensors) % 2 == 1
        self.layers = len(tensors) // 2
        self.gradients = [torch.zeros_like(t) for t in tensors] if with_gradients else []
        self._buffers: dict[tuple[str, int], Tensor] = {}
        self._activations: list[Tensor] = []

    def buffer(self, name: str, rows: int, columns: int) -> Tensor:
        """A reused scratch tensor: allocating one a tile costs more than filling it."""
        key = (name, columns)
        if key not in self._buffers:
            self._buffers[key] = self.tensors[0].new_empty(rows, columns)
        return self._buffers[key]

    def forward(self, x: Tensor) -> Tensor:
        """(inputs, n) -> (outputs, n); the result and the activations live until the next call."""
        self._activations = [x]
        for layer in range(self.layers):
            weight, bias = self.tensors[2 * layer : 2 * layer + 2]
            out = self.buffer(f"h{layer}", len(weight), x.shape[1])
            x = torch.addmm(bias[:, None], weight, self._activations[-1], out=out)
            if layer < self.layers - 1:
                x.relu_()
            self._activations.append(x)
        if self.linear:
            x.addmm_(self.tensors[-1], self._activations[0])
        return x

    def backward(self, gradient: Tensor) -> Tensor:
        """Gradient of the outputs of the last `forward` -> gradient of its inputs, (inputs, n)."""
        out_gradient, columns = gradient, gradient.shape[1]
        for layer in reversed(range(self.layers)):
            weight, below = self.tensors[2 * layer], self._activations[layer]
            self.gradients[2 * layer].addmm_(gradient, below.t())
            self.gradients[2 * layer + 1].add_(gradient.sum(1))
            out = self.buffer(f"g{layer}", weight.shape[1], columns)
            gradient = torch.mm(weight.t(), gradient, out=out)
            if layer:
                torch.ops.aten.threshold_backward.grad_input(
                    gradient, below, 0, grad_input=gradient
                )
        if self.linear:
            self.gradients[-1].addmm_(out_gradient, self._activations[0].t())
            gradient.addmm_(self.tensors[-1].t(), out_gradient)
        return gradient


class ContextBits(torch.autograd.Function):
    """Bits of one grid under its context network; value and gradient in one pass.

    `padded` (h + MARGIN, w + 2 MARGIN) holds the symbols with their context above and beside them;
    `sides` (P, h, w) or None; `offsets` the causal neighbourhood; then the tensors of the
    network, whose two outputs are mean and log2 scale of a Laplace distribution integrated over
    unit bins. Returns a 0-d tensor of the dtype of `padded`.
    """

    @staticmethod
    def forward(
        ctx: Any,
        padded: Tensor,
        sides: Tensor | None,
        offsets: Sequence[tuple[int, int]],
        *tensors: Tensor,
    ) -> Tensor:
        """See the class."""
        rows, pitch = padded.shape[0] - MARGIN, padded.shape[1]
        columns = pitch - 2 * MARGIN
        base, count = (MARGIN + 1) * pitch, rows * pitch
        flat = F.pad(padded, (0, 0, 1, 1)).reshape(-1)
        own = F.pad(padded.new_ones(rows, columns), (MARGIN, MARGIN)).reshape(-1)
        beside = None
        if sides is not None:
            beside = F.pad(sides, (MARGIN, MARGIN)).reshape(len(sides), -1)
        needed = any(ctx.needs_input_grad)
        network = TiledNetwork(tensors, needed)
        inputs = len(offsets) + (0 if beside is None else len(beside))
        flat_gradient = torch.zeros_like(flat) if needed else None
        side_gradient = torch.empty_like(beside) if needed and beside is not None else None
        total = padded.new_zeros((), dtype=torch.float64)
        tile = TILE if padded.device.type == "cpu" else count
        for start in range(0, count, tile):
            size = min(tile, count - start)
            at = [base + start + row * pitch + column for row, column in offsets]
            x = network.buffer("x", inputs, size)
            for k, first in enumerate(at):
                x[k] = flat[first : first + size]
            if beside is not None:
                x[len(at) :] = beside[:, start : start + size]
            here = slice(base + start, base + start + size)
            out = network.forward(x)
            nats, by_value, by_log_scale = laplace_nats(
                flat[here] - out[0], out[1], own[start : start + size]
            )
            total += nats.sum(dtype=torch.float64)
            if flat_gradient is None:
                continue
            flat_gradient[here] += by_value
            gradient = network.backward(torch.stack((-by_value, by_log_scale)))
            for k, first in enumerate(at):
                flat_gradient[first : first + size] += gradient[k]
            if side_gradient is not None:
                side_gradient[:, start : start + size] = gradient[len(at) :]
        if flat_gradient is not None:
            ctx.padded = flat_gradient.view(rows + MARGIN + 2, pitch)[1:-1]
            ctx.sides = None
            if side_gradient is not None:
                shaped = side_gradient.view(-1, rows, pitch)
                ctx.sides = shaped[:, :, MARGIN : MARGIN + columns]
            ctx.tensors = network.gradients
        return (total / _LN2).to(padded.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        """The stored gradients times the upstream one."""
        factor = gradients[0] / _LN2
        sides = None if ctx.sides is None else ctx.sides * factor
        return ctx.padded * factor, sides, None, *(t * factor for t in ctx.tensors)


def laplace_nats(
    difference: Tensor, log_scale: Tensor, weight: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """-ln of a Laplace mass on [d - 1/2, d + 1/2] around its mean, times `weight`; gradients too.

    `difference` d = value - mean and `log_scale` = log2 b are (n,). Returns (nats, d nats / d d,
    d nats / d log_scale). With t = 1 / b and a = |d|: beyond the centre bin the mass is
    exp(-(a - 1/2) t) (1 - exp(-t)) / 2, within it 1 - exp(-t / 2) cosh(a t).
    """
    t = torch.exp2(-log_scale.clamp(SMALLEST_LOG_SCALE, LARGEST_LOG_SCALE))
    a = difference.abs()
    far = a >= 0.5
    decay = torch.exp(-t)
    rest = 1 - decay
    near_side = torch.exp((a - 0.5).abs() * -t)
    far_side = torch.exp((a + 0.5) * -t)
    mass = (1 - 0.5 * (near_side + far_side)).clamp_min(_TINY)
    nats = torch.where(far, (a - 0.5) * t - torch.log(rest * 0.5), -torch.log(mass))
    by_a = torch.where(far, t, 0.5 * t * (near_side - far_side) / mass)
    by_t = torch.where(
        far,
        (a - 0.5) - decay / rest,
        -0.5 * ((0.5 - a) * near_side + (0.5 + a) * far_side) / mass,
    )
    return nats * weight, by_a * difference.sign() * weight, by_t * t * (-_LN2) * weight


class PixelNetwork(torch.autograd.Function):
    """A per-pixel network on (C, n) pixels in tiles; the backward pass recomputes hidden layers."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, *tensors: Tensor) -> Tensor:
        """(C, n) -> (outputs, n); `tensors` as in `TiledNetwork`."""
        ctx.save_for_backward(x, *tensors)
        network = TiledNetwork(tensors, with_gradients=False)
        outputs = len(tensors[2 * network.layers - 1])
        out = x.new_empty(outputs, x.shape[1])
        tile = TILE if x.device.type == "cpu" else x.shape[1]
        for start in range(0, x.shape[1], tile):
            out[:, start : start + tile] = network.forward(x[:, start : start + tile])
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        """Gradients of the pixels and of every tensor."""
        x, *tensors = ctx.saved_tensors
        network = TiledNetwork(tensors)
        back = torch.empty_like(x)
        tile = TILE if x.device.type == "cpu" else x.shape[1]
        for start in range(0, x.shape[1], tile):
            here = slice(start, start + tile)
            network.forward(x[:, here])
            back[:, here] = network.backward(gradients[0][:, here])
        return back, *network.gradients


class SmallConvolution(torch.autograd.Function):
    """3x3 convolution of few channels with replicated borders: (C, H, W) -> (D, H, W)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """`weight` (D, C, 3, 3), `bias` (D,)."""
        padded = F.pad(x[None], (1, 1, 1, 1), mode="replicate")
        ctx.save_for_backward(padded, weight)
        return F.conv2d(padded, weight, bias)[0]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        """The weight gradient as matrix products of shifted rows of the padded picture."""
        padded, weight = ctx.saved_tensors
        gradient = gradients[0]
        channels, height, pitch = padded.shape[1:]
        size = (height - 2) * pitch - 2
        rows = F.pad(gradient, (0, 2)).reshape(len(gradient), -1)[:, :size].contiguous()
        flat = padded.reshape(channels, -1)
        taps = [
            torch.mm(rows, flat[:, first : first + size].t())
            for first in (dy * pitch + dx for dy in range(3) for dx in range(3))
        ]
        by_weight = torch.stack(taps, -1).view_as(weight)
        flipped = weight.flip(2, 3).transpose(0, 1)
        spread = F.conv2d(F.pad(gradient[None], (2, 2, 2, 2)), flipped)[0]
        # what fell on the replicated border belongs to the pixels it was copied from
        spread[:, 1] += spread[:, 0]
        spread[:, -2] += spread[:, -1]
        spread[:, :, 1] += spread[:, :, 0]
        spread[:, :, -2] += spread[:, :, -1]
        return spread[:, 1:-1, 1:-1], by_weight, gradient.sum((1, 2))


def context_bits(
    padded: Tensor,
    sides: Tensor | None,
    offsets: Sequence[tuple[int, int]],
    tensors: Sequence[Tensor],
) -> Tensor:
    """`ContextBits` as a function: bits of a grid, 0-d."""
    result: Tensor = ContextBits.apply(padded, sides, offsets, *tensors)  # type: ignore[no-untyped-call]
    return result


def pixel_network(x: Tensor, tensors: Sequence[Tensor]) -> Tensor:
    """`PixelNetwork` as a function: (C, n) -> (outputs, n)."""
    result: Tensor = PixelNetwork.apply(x, *tensors)  # type: ignore[no-untyped-call]
    return result


def small_convolution(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """`SmallConvolution` as a function: (C, H, W) -> (D, H, W)."""
    result: Tensor = SmallConvolution.apply(x, weight, bias)  # type: ignore[no-untyped-call]
    return result


def upsample_axis(x: Tensor, taps: Tensor, axis: int) -> Tensor:
    """x2 along `axis` (1 rows, 2 columns) of (C, h, w): even outputs by four taps, odd mirrored."""
    pad = (0, 0, 2, 2) if axis == 1 else (2, 2, 0, 0)
    padded = F.pad(x[None], pad, mode="replicate")[0]
    part = [padded.narrow(axis, first, x.shape[axis]) for first in range(5)]
    even, odd = part[0] * taps[0], part[4] * taps[0]
    for k in (1, 2, 3):
        even = torch.addcmul(even, part[k], taps[k])
        odd = torch.addcmul(odd, part[4 - k], taps[k])
    return torch.stack((even, odd), axis + 1).flatten(axis, axis + 1)


def upsample_shared(x: Tensor, kernel: Tensor) -> Tensor:
    """x2 of (C, h, w) by one transposed convolution with an 8x8 kernel, borders replicated."""
    padded = F.pad(x[:, None], (2, 2, 2, 2), mode="replicate")
    return F.conv_transpose2d(padded, kernel[None, None], stride=2, padding=7)[:, 0]


def soft_round(x: Tensor, temperature: float) -> Tensor:
    """A smooth staircase: identity for a high temperature, rounding for 0 (Agustsson and Theis
    2020, eq. 4, with tanh slope 1 / temperature)."""
    centre = torch.floor(x) + 0.5
    slope = 0.5 / math.tanh(0.5 / temperature)
    return centre + slope * torch.tanh((x - centre) / temperature)
