"""Sine layers over a grid of positions: what SIREN and its kin compute, and where time goes.

    h_1[r, c] = sin(s[r, c] (down[r] + across[c])),   h_(i+1) = sin(s (W_i h_i + b_i)),
    colour = W_out h_n + b_out

Where the compiled kernels serve (float32 on a CPU, not too wide) they do all of it, forward and
backward, in tiles of 128 positions; a gradient that is to be differentiated again, a GPU and wide
networks take the same in torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from inrcodec.codec import bridge, native
from inrcodec.codec.native import sines as kernels

MOST_WEIGHTS, MOST_OF_ALL = 1 << 15, 1 << 18
"""Weights of all layers together beyond which bfloat16 in torch, where the processor has it, is
faster, and beyond which the kernels' sums leave the cache."""


def sine_layers(
    down: Tensor,
    across: Tensor,
    parameters: Sequence[Tensor],
    scale: Tensor | None = None,
    precision: torch.dtype | None = None,
) -> Tensor:
    """Outputs (R, C, outputs) of phases `down` (R, w) and `across` (C, w), parameters
    [W_1, b_1, ..., W_out, b_out] and a scale (R, C) of every phase; torch computes hidden layers in
    `precision`."""
    if _serves(down, across, parameters, scale, precision):
        out: Tensor = _SineLayers.apply(down, across, scale, *parameters)  # type: ignore[no-untyped-call]
        return out.movedim(0, -1)
    return in_torch(down, across, parameters, scale, precision)


def squared_error(
    down: Tensor,
    across: Tensor,
    parameters: Sequence[Tensor],
    scale: Tensor | None,
    target: Tensor,
    precision: torch.dtype | None = None,
) -> Tensor:
    """Mean squared distance of the outputs from `target` (R, C, outputs), (): with kernels three
    quarters of the time of going by the outputs, and not to be differentiated twice."""
    if _serves(down, across, parameters, scale, precision) and bridge.serves(target):
        error: Tensor = _SquaredError.apply(target, down, across, scale, *parameters)  # type: ignore[no-untyped-call]
        return error
    made = in_torch(down, across, parameters, scale, precision)
    return (made - target).square().mean()


def in_torch(
    down: Tensor,
    across: Tensor,
    parameters: Sequence[Tensor],
    scale: Tensor | None = None,
    precision: torch.dtype | None = None,
) -> Tensor:
    """The same without kernels."""
    dtype = precision or down.dtype
    phase = (down[:, None] + across).flatten(0, 1)
    factor = None if scale is None else scale.reshape(-1, 1)
    phase = (phase if factor is None else phase * factor).to(dtype)
    factor = None if factor is None else factor.to(dtype)
    hidden = phase.sin()
    *pairs, (last, last_bias) = zip(parameters[::2], parameters[1::2], strict=True)
    for weight, bias in pairs:
        phase = bias.to(dtype).addmm(hidden, weight.to(dtype).T)
        hidden = (phase if factor is None else phase * factor).sin()
    out = last_bias.addmm(hidden.to(last.dtype), last.T)
    return out.view(len(down), len(across), len(last))


def _serves(
    down: Tensor,
    across: Tensor,
    parameters: Sequence[Tensor],
    scale: Tensor | None,
    precision: torch.dtype | None,
) -> bool:
    """Whether the kernels take this network, and are the fastest way."""
    weights = parameters[::2]
    count = sum(w.numel() for w in weights)
    return (
        len(weights) <= native.MOST_SINE_LAYERS
        and count <= (MOST_WEIGHTS if precision == torch.bfloat16 else MOST_OF_ALL)
        and bridge.serves(down, across, *parameters, *(() if scale is None else (scale,)))
    )


class _SineLayers(torch.autograd.Function):
    """The compiled form, outputs as planes."""

    @staticmethod
    def forward(
        ctx: Any, down: Tensor, across: Tensor, scale: Tensor | None, *parameters: Tensor
    ) -> Tensor:
        """(outputs, R, C)."""
        ctx.save_for_backward(down, across, scale, *parameters)
        return torch.from_numpy(kernels.sine_layers(_layers(down, across, scale, parameters)))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        """By everything."""
        down, across, scale, *parameters = ctx.saved_tensors
        if torch.is_grad_enabled():
            out = in_torch(down, across, parameters, scale).movedim(-1, 0)
            given = [t for t in (down, across, scale, *parameters) if t is not None]
            wanted = [t for t in given if t.requires_grad]
            found = iter(torch.autograd.grad(out, wanted, gradients[0], create_graph=True))
            return tuple(
                next(found) if t is not None and t.requires_grad else None
                for t in (down, across, scale, *parameters)
            )
        layers = _layers(down, across, scale, parameters)
        made = kernels.sine_layers_back(layers, bridge.array(gradients[0]))
        return tuple(_tensors(made))


class _SquaredError(torch.autograd.Function):
    """The compiled form; the gradient is made along with the value."""

    @staticmethod
    def forward(
        ctx: Any,
        target: Tensor,
        down: Tensor,
        across: Tensor,
        scale: Tensor | None,
        *parameters: Tensor,
    ) -> Tensor:
        """A number; `target` takes no gradient."""
        planes = bridge.array(target.movedim(-1, 0))
        made = kernels.squared_error(_layers(down, across, scale, parameters), planes)
        ctx.made, ctx.count = made, target.numel()
        return torch.tensor(made.error / target.numel(), dtype=torch.float32)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        """By everything else."""
        factor = gradients[0] / ctx.count
        by_all = _tensors(ctx.made)
        return None, *(None if g is None else g * factor for g in by_all)


def _tensors(made: kernels.Gradients) -> list[Tensor | None]:
    """In the order of arguments."""
    by_across = torch.from_numpy(made.across).T
    first = [torch.from_numpy(made.down), by_across, *bridge.tensors([made.scale])]
    return [*first, *bridge.tensors(made.parameters)]


def _layers(
    down: Tensor, across: Tensor, scale: Tensor | None, parameters: Sequence[Tensor]
) -> kernels.Layers:
    """What the kernels take."""
    return kernels.Layers(
        bridge.array(down),
        bridge.array(across.detach().T),
        None if scale is None else bridge.array(scale),
        [bridge.array(p) for p in parameters],
    )
