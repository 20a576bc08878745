"""Bits of latent symbols under the context network, and their gradients, in one pass.

The rate is a sum, so its gradient is known when its value is: no activation outlives its tile. A
tile is a few rows of a grid. Its causal context is a set of shifted slices of the padded grid, its
side inputs are written from the grids before straight into the network's input buffer; neither
is ever stored for the whole picture.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from inrcodec.codec import bridge
from inrcodec.codec.coolchic.neighbours import MARGIN
from inrcodec.codec.entropy.arm import LARGEST_LOG_SCALE, PARENTS, SMALLEST_LOG_SCALE
from inrcodec.codec.fitting.coolchic.tiled_network import TiledNetwork, tile_size
from inrcodec.codec.native import networks

_LN2 = math.log(2)

Offsets = Sequence[tuple[int, int]]


def context_bits(
    padded: Tensor,
    offsets: Offsets,
    tensors: Sequence[Tensor],
    coarser: Tensor | None = None,
    companions: Sequence[Tensor | None] = (),
) -> Tensor:
    """Bits of a grid, 0-d.

    `padded` (h + MARGIN, w + 2 MARGIN) holds the symbols with their context above and beside them;
    `offsets` is the causal neighbourhood; `tensors`, those of a `TiledNetwork`, give mean and log2
    scale of a Laplace distribution that is integrated over unit bins. Inputs beyond the
    neighbourhood are the four parents in `coarser` (ceil(h / 2) + 2, ceil(w / 2) + 2), the next
    coarser grid with one symbol around it, then the symbols of `companions`, (h, w) each. Zeros
    stand for None.
    """
    differentiable = torch.is_grad_enabled()
    result: Tensor = ContextBits.apply(  # type: ignore[no-untyped-call]
        differentiable, offsets, len(companions), padded, coarser, *companions, *tensors
    )
    return result


class ContextBits(torch.autograd.Function):
    """See `context_bits`."""

    @staticmethod
    def forward(
        ctx: Any,
        differentiable: bool,
        offsets: Offsets,
        count: int,
        padded: Tensor,
        coarser: Tensor | None,
        *rest: Tensor,
    ) -> Tensor:
        """The first `count` of the rest are companions, then come the tensors of the network."""
        companions, tensors = rest[:count], rest[count:]
        needed = differentiable and any(ctx.needs_input_grad)
        if bridge.takes_network(tensors, padded):
            coarse, *others = bridge.arrays([coarser, *companions])
            value, gradients = networks.context_bits(
                bridge.array(padded), MARGIN, offsets, bridge.network(tensors), coarse, others,
                needed,
            )  # fmt: skip
            ctx.results = bridge.tensors(gradients)
            return padded.new_tensor(value / _LN2)
        network = TiledNetwork(tensors, needed)
        context = _Context(padded, offsets, needed)
        parents = None if coarser is None else _Parents(coarser, padded, needed)
        beside = [g if g is None or not needed else torch.empty_like(g) for g in companions]
        height, width = padded.shape[0] - MARGIN, padded.shape[1] - 2 * MARGIN
        first_side = len(offsets)
        total = padded.new_zeros((), dtype=torch.float64)
        step = max(2, tile_size(padded) // width // 2 * 2)
        for top in range(0, height, step):
            rows = slice(top, min(top + step, height))
            shape = (-1, rows.stop - top, width)
            network.resize(shape[1] * width)
            x = network.inputs.view(shape)
            context.read(rows, x)
            if parents is not None:
                parents.read(rows, x[first_side : first_side + PARENTS])
            elif len(x) > first_side:
                x[first_side : first_side + PARENTS] = 0
            for k, companion in enumerate(companions, first_side + PARENTS):
                x[k] = 0 if companion is None else companion[rows]
            mean, log_scale = network.forward()
            symbols = padded[MARGIN + top : MARGIN + rows.stop, MARGIN : MARGIN + width]
            nats, by_value, by_log_scale = laplace_nats(symbols.reshape(-1) - mean, log_scale)
            total += nats.sum(dtype=torch.float64)
            if not needed:
                continue
            torch.neg(by_value, out=network.output_gradient[0])
            network.output_gradient[1] = by_log_scale
            by_inputs = network.backward().view(shape)
            context.write(rows, by_inputs, by_value.view(shape[1:]))
            if parents is not None:
                parents.write(rows, by_inputs[first_side : first_side + PARENTS])
            for k, gradient in enumerate(beside, first_side + PARENTS):
                if gradient is not None:
                    gradient[rows] = by_inputs[k]
        if needed:
            above = None if parents is None else parents.gradient()
            ctx.results = (context.gradient, above, *beside, *network.gradients())
        return (total / _LN2).to(padded.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        """The stored gradients times the upstream one."""
        factor = gradients[0] / _LN2
        return None, None, None, *(None if g is None else g * factor for g in ctx.results)


class _Context:
    """The causal neighbours of rows of a padded grid."""

    def __init__(self, padded: Tensor, offsets: Offsets, needed: bool) -> None:
        self.padded, self.offsets = padded, offsets
        self.gradient = torch.zeros_like(padded) if needed else padded
        self.width = padded.shape[1] - 2 * MARGIN

    def _shifted(self, grid: Tensor, rows: slice, row: int, column: int) -> Tensor:
        top, left = MARGIN + row, MARGIN + column
        return grid[rows.start + top : rows.stop + top, left : left + self.width]

    def read(self, rows: slice, x: Tensor) -> None:
        for (row, column), target in zip(self.offsets, x.unbind(), strict=False):
            target.copy_(self._shifted(self.padded, rows, row, column))

    def write(self, rows: slice, by_inputs: Tensor, by_value: Tensor) -> None:
        self._shifted(self.gradient, rows, 0, 0).add_(by_value)
        for (row, column), part in zip(self.offsets, by_inputs.unbind(), strict=False):
            self._shifted(self.gradient, rows, row, column).add_(part)


class _Parents:
    """Nearest symbol of the coarser grid, the nearer vertical and horizontal neighbours of that
    one, and the diagonal of both, for even first rows (as `arm.parent_maps`)."""

    def __init__(self, coarser: Tensor, padded: Tensor, needed: bool) -> None:
        self.width = padded.shape[1] - 2 * MARGIN
        own = coarser[:, 1:-1].repeat_interleave(2, 1)
        nearer = torch.stack((coarser[:, :-2], coarser[:, 2:]), 2).flatten(1)
        self.columns = torch.stack((own, nearer))  # (2, coarse rows, 2 coarse columns)
        self.gradients = torch.zeros_like(self.columns) if needed else self.columns

    def _pairs(self, columns: Tensor, rows: slice, maps: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Rows of the column-expanded coarse grid beside the rows of the maps they stand for."""
        maps = maps.view(2, 2, *maps.shape[1:])  # horizontal, vertical, rows, columns
        pairs = []
        for vertical, parity, first in ((0, 0, 1), (0, 1, 1), (1, 0, 0), (1, 1, 2)):
            part = maps[:, vertical, parity::2]
            start = rows.start // 2 + first
            pairs.append((columns[:, start : start + part.shape[1], : self.width], part))
        return pairs

    def read(self, rows: slice, maps: Tensor) -> None:
        for coarse, part in self._pairs(self.columns, rows, maps):
            part.copy_(coarse)

    def write(self, rows: slice, by_maps: Tensor) -> None:
        for coarse, part in self._pairs(self.gradients, rows, by_maps):
            coarse.add_(part)

    def gradient(self) -> Tensor:
        """That of the coarser grid."""
        own, nearer = self.gradients.view(*self.gradients.shape[:2], -1, 2)
        result = torch.nn.functional.pad(own.sum(2), (1, 1))
        result[:, :-2] += nearer[:, :, 0]
        result[:, 2:] += nearer[:, :, 1]
        return result


def laplace_nats(difference: Tensor, log_scale: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """-ln of a Laplace mass on [d - 1/2, d + 1/2] around its mean, and its gradients.

    `difference` d = value - mean and `log_scale` = log2 b are (n,). Returns (nats, d nats / d d,
    d nats / d log_scale). A scale outside the range counts as the nearest in it, but keeps the
    gradient of that one, or it could never come back.

    With t = 1 / b, c = min(|d|, 1/2) and e = |d| - c the mass is, inside the central bin or not,
    exp(-e t) (2 - exp(-(1/2 - c) t) - exp(-(1/2 + c) t)) / 2; exp(x) - 1 keeps wide scales exact.
    """
    t = torch.exp2(-log_scale.clamp(SMALLEST_LOG_SCALE, LARGEST_LOG_SCALE))
    distance = difference.abs()
    inside = distance.clamp_max(0.5)
    excess = distance.sub_(inside)
    far, near = inside + 0.5, 0.5 - inside
    far_side = torch.expm1(t * -far)
    near_side = torch.expm1(t * -near)
    twice = -(far_side + near_side)
    nats = torch.addcmul(_LN2 - torch.log(twice), excess, t)
    by_distance = (near_side - far_side).mul_(t).div_(twice)
    weighted = far.mul_(far_side).addcmul_(near, near_side).add_(1)
    by_log_scale = excess.sub_(weighted.div_(twice)).mul_(t).mul_(-_LN2)
    return nats, by_distance.copysign_(difference), by_log_scale
