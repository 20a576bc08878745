"""The losses that have a name, on tensors, and any loss as a fit of latent grids takes it in torch.

A loss is a function of two batches (N, C, H, W) with full range 1, reference and decoded, to one
number: 0 for identical images, more is worse.

The losses `mse`, `l1`, `logcosh`, `lcssim` and `l1ssim` are those of "Redefining visual quality:
the impact of loss functions on INR-based image compression" (Catania and Allegra 2024), eq. 4 to
9. Two of its formulas need reading: eq. 5 prints a root over the mean square, which would not be
the MSE it is called; eq. 6 prints (y - y') + softplus(2 (y - y')) - ln 2, which is log cosh only
with softplus(-2 (y - y')). N counts samples.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from inrcodec.codec import bridge
from inrcodec.codec.fitting import similarity
from inrcodec.codec.fitting.array_losses import Evaluated
from inrcodec.codec.native.networks import Array

Function = Callable[[Tensor, Tensor], Tensor]


def mse(reference: Tensor, decoded: Tensor) -> Tensor:
    """Mean squared error (eq. 5 without its root)."""
    return (decoded - reference).square().mean()


def l1(reference: Tensor, decoded: Tensor) -> Tensor:
    """Mean absolute error (eq. 4)."""
    return (decoded - reference).abs().mean()


def logcosh(reference: Tensor, decoded: Tensor) -> Tensor:
    """Mean of ln cosh of the error (eq. 6 with its sign), half the squared error near 0."""
    error = (decoded - reference).abs()
    return (error + F.softplus(-2 * error) - math.log(2)).mean()


def one_less_ssim(reference: Tensor, decoded: Tensor) -> Tensor:
    """1 - SSIM, mean over images; sides of at least 11 pixels."""
    return 1 - similarity.ssim(reference, decoded).mean()


def one_less_ms_ssim(reference: Tensor, decoded: Tensor) -> Tensor:
    """1 - MS-SSIM, mean over images; sides of at least 161 pixels."""
    return 1 - similarity.ms_ssim(reference, decoded).mean()


def lcssim(reference: Tensor, decoded: Tensor, *, weight: float) -> Tensor:
    """log cosh + weight (1 - SSIM) (eq. 8)."""
    return logcosh(reference, decoded) + weight * one_less_ssim(reference, decoded)


def l1ssim(reference: Tensor, decoded: Tensor, *, weight: float) -> Tensor:
    """(1 - weight) L1 + weight (1 - SSIM) (eq. 9)."""
    return (1 - weight) * l1(reference, decoded) + weight * one_less_ssim(reference, decoded)


def l1msssim(reference: Tensor, decoded: Tensor, *, weight: float) -> Tensor:
    """(1 - weight) L1 + weight (1 - MS-SSIM), as Zhao et al. 2017 (eq. 13) without their Gaussian
    weighting of L1."""
    return (1 - weight) * l1(reference, decoded) + weight * one_less_ms_ssim(reference, decoded)


def of_channels(loss: Function, reference: Tensor, decoded: Tensor) -> Tensor:
    """A loss of (N, C, H, W) with gray or three colours and perhaps alpha: gray and alpha count as
    three equal colours, and as much as the channels they are."""
    channels = decoded.shape[1]
    parts = [(0, 3)] if channels >= 3 else [(0, 1)]
    if channels in (2, 4):
        parts.append((channels - 1, channels))
    total = decoded.new_zeros(())
    for first, last in parts:
        x, y = (t[:, first:last].expand(-1, 3, -1, -1) for t in (reference, decoded))
        total = total + loss(x, y) * ((last - first) / channels)
    return total


FUNCTIONS: Mapping[str, Callable[..., Tensor]] = {
    "mse": mse,
    "l1": l1,
    "logcosh": logcosh,
    "ms-ssim": one_less_ms_ssim,
    "lcssim": lcssim,
    "l1ssim": l1ssim,
    "l1msssim": l1msssim,
}
"""The losses by name; the last three take the `weight` of their structural term."""


def evaluated(loss: Function, reference: Array, decoded: Array, device: str) -> Evaluated:
    """A loss of two images (3, H, W), by torch on a device, and what makes its gradient."""
    with torch.enable_grad():
        leaf = torch.from_numpy(decoded).to(device).requires_grad_()
        value = loss(torch.from_numpy(reference).to(device)[None], leaf[None])

    def back() -> Array:
        (gradient,) = torch.autograd.grad(value, leaf)
        return bridge.array(gradient.cpu())

    return float(value.detach()), back
