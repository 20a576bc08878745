"""Complex Gabor wavelets as an activation, exp(j z - |s z|^2): what WIRE computes.

Complex tensors are (2 w, n), real parts before imaginary ones. In float32 on a CPU the compiled
kernels do it; a gradient that is to be differentiated again and a GPU take the same in torch.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from inrcodec.codec import bridge
from inrcodec.codec.native import wavelets as kernels

FLOOR = -40.0
"""Least logarithm of a magnitude: exp(-40) is nothing beside 1, and numbers whose products are
subnormal make matrix products in float32 seven times slower."""


def linear(weight: Tensor, bias: Tensor, hidden: Tensor, precision: torch.dtype | None) -> Tensor:
    """W h + b in `precision`, returned in that of `hidden`: weight (2, out, in), bias (2, out),
    hidden (2 in, n); one real product of twice the size is faster than four."""
    dtype = precision or hidden.dtype
    real, imaginary = weight.to(dtype).unbind()
    matrix = torch.cat([torch.cat([real, -imaginary], 1), torch.cat([imaginary, real], 1)])
    product = bias.to(dtype).reshape(-1, 1).addmm(matrix, hidden.to(dtype))
    return product.to(hidden.dtype)


def wavelets(z: Tensor, sharpness: float) -> Tensor:
    """Of z (2 w, n), with s = `sharpness`."""
    if bridge.serves(z):
        made: Tensor = _Wavelets.apply(z, sharpness)  # type: ignore[no-untyped-call]
        return made
    return in_torch(z, sharpness)


def in_torch(z: Tensor, sharpness: float) -> Tensor:
    """The same without kernels."""
    u, v = z.chunk(2)
    size = (-v - sharpness**2 * (u.square() + v.square())).clamp_min(FLOOR).exp()
    return torch.cat([size * u.cos(), size * u.sin()])


class _Wavelets(torch.autograd.Function):
    """The compiled form."""

    @staticmethod
    def forward(ctx: Any, z: Tensor, sharpness: float) -> Tensor:
        """(2 w, n)."""
        made = torch.from_numpy(kernels.wavelets(bridge.array(z), sharpness**2))
        ctx.sharpness = sharpness
        ctx.save_for_backward(z, made)
        return made

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        """By z."""
        z, made = ctx.saved_tensors
        if torch.is_grad_enabled():
            again = in_torch(z, ctx.sharpness)
            return *torch.autograd.grad(again, z, gradients[0], create_graph=True), None
        given = (bridge.array(z), ctx.sharpness**2, bridge.array(made))
        return torch.from_numpy(kernels.wavelets_back(*given, bridge.array(gradients[0]))), None
