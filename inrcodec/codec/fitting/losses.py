"""What an encoder may minimise, by name.

A loss is a function of two batches (N, C, H, W) with full range 1, reference and decoded, to one
number: 0 for identical images, more is worse. `Distortion` makes one part of a fit.

The losses `mse`, `l1`, `logcosh`, `lcssim` and `l1ssim` are those of "Redefining visual quality:
the impact of loss functions on INR-based image compression" (Catania and Allegra 2024), eq. 4 to
9. Two of its formulas need reading: eq. 5 prints a root over the mean square, which would not be
the MSE it is called; eq. 6 prints (y - y') + softplus(2 (y - y')) - ln 2, which is log cosh only
with softplus(-2 (y - y')). N counts samples.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from inrcodec.codec.fitting import similarity
from inrcodec.codec.options import LOSS_WEIGHTS, METRIC_LOSSES
from inrcodec.errors import OptionError

Function = Callable[[Tensor, Tensor], Tensor]

Window = tuple[int, int, int, int]
"""(top, bottom, left, right) in pixels."""

BLOCK = 16
"""Side of the blocks, in pixels, whose gradients are compared when a loss is weighed."""

LEAST_GRADIENT = 1e-3
"""Least gradient that a block counts with, times the root mean square of all blocks."""


@dataclass(frozen=True, slots=True)
class Loss:
    """A function of (reference, decoded), (N, C, H, W) in [0, 1] each, to a scalar.

    `smallest_side`: the least height and width it takes.
    """

    name: str
    function: Function
    smallest_side: int = 1

    def __call__(self, reference: Tensor, decoded: Tensor) -> Tensor:
        """The loss, (); raises `OptionError` if the function returns anything but a number."""
        value = self.function(reference, decoded)
        if not isinstance(value, Tensor) or value.numel() != 1:
            raise OptionError(f"loss {self.name!r} must return a tensor of one number")
        return value.reshape(())


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


MSE = Loss("mse", mse)

_PLAIN = (
    MSE,
    Loss("l1", l1),
    Loss("logcosh", logcosh),
    Loss("ms-ssim", one_less_ms_ssim, similarity.SMALLEST_SIDE_MULTISCALE),
)
LOSSES: Mapping[str, Loss] = {loss.name: loss for loss in _PLAIN}

MIXED: Mapping[str, tuple[Callable[..., Tensor], int]] = {
    "lcssim": (lcssim, similarity.SMALLEST_SIDE),
    "l1ssim": (l1ssim, similarity.SMALLEST_SIDE),
    "l1msssim": (l1msssim, similarity.SMALLEST_SIDE_MULTISCALE),
}
"""Losses with a weight of their structural term, alpha in the papers."""


def loss_of(loss: str | Function, weight: float | None = None) -> Loss:
    """The loss of a name, its structural term weighed by `weight`, or that of a function. Raises
    `OptionError` for a metric, whose function only `inrcodec.metrics` has."""
    if isinstance(loss, Loss):
        return loss
    if not isinstance(loss, str):
        return Loss(getattr(loss, "__name__", "a function"), loss)
    if loss in METRIC_LOSSES:
        raise OptionError(
            f"loss {loss!r} is a metric: inrcodec.metrics.metric_losses gives its function"
        )
    if loss in LOSSES:
        return LOSSES[loss]
    function, smallest = MIXED[loss]
    weight = LOSS_WEIGHTS[loss] if weight is None else weight
    return Loss(loss, partial(function, weight=weight), smallest)


def of_channels(loss: Loss, reference: Tensor, decoded: Tensor) -> Tensor:
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


def check_sides(loss: Loss, width: int, height: int) -> None:
    """Raise `OptionError` for an image too small for a loss."""
    if min(width, height) < loss.smallest_side:
        raise OptionError(
            f"loss {loss.name!r} needs sides of at least {loss.smallest_side} pixels; "
            f"this image has {width} x {height}"
        )


class Distortion:
    """What a fit minimises of one plane: a loss in units of squared error (full range 1).

    `target` (3, H, W) in [0, 1]; a value below 0 or above 1 is a bound, beyond which nothing is
    wrong, since a decoder clips. `shown` (1, H, W) is the share of each colour that is seen, its
    alpha: what is compared is the image over black. `worth` is the squared error that a unit of the
    loss is worth, 1 until `weigh` sets it.
    """

    def __init__(self, loss: Loss, target: Tensor, shown: Tensor | None = None) -> None:
        self.loss, self.target, self.shown = loss, target, shown
        low, high = torch.aminmax(target)
        self._bounded = bool(low < 0) or bool(high > 1)
        self.worth = 1.0

    @property
    def is_plain(self) -> bool:
        """Whether it is the mean squared error of all samples."""
        return self.loss is MSE and self.shown is None and not self._bounded and self.worth == 1

    def __call__(self, made: Tensor, window: Window) -> Tensor:
        """The distortion, (), of the colours `made` (3, h, w) of a window."""
        wanted, made = self._pair(made, window)
        return self.worth * self.loss(wanted[None], made[None])

    def squared_error(self, made: Tensor, window: Window) -> Tensor:
        """The mean squared error, (), of the colours `made` (3, h, w) of a window, clipped as a
        decoder clips."""
        wanted, made = self._pair(made.clamp(0, 1), window)
        return (made - wanted.clamp(0, 1) if self._bounded else made - wanted).square().mean()

    def _pair(self, made: Tensor, window: Window) -> tuple[Tensor, Tensor]:
        """The target of a window and what is compared with it, (3, h, w) each."""
        top, bottom, left, right = window
        wanted = self.target[:, top:bottom, left:right]
        if self._bounded:
            beyond = ((wanted < 0) & (made < wanted)) | ((wanted > 1) & (made > wanted))
            made = torch.where(beyond, wanted, made)
        if self.shown is not None:
            share = self.shown[:, top:bottom, left:right]
            wanted, made = wanted * share, made * share
        return wanted, made

    def weigh(self, made: Tensor, window: Window) -> None:
        """Set `worth` so that the loss asks for about as many bits as squared error would.

        To second order a loss weighs the squared error of each component of an image; at rates
        where all components are coded, two losses take the same bits when the geometric means of
        their weights are equal (reverse water-filling). Weights are compared by the gradients of
        blocks of the colours `made` of a window.
        """
        logs = []
        for loss in (MSE, self.loss):
            leaf = made.detach().requires_grad_()
            wanted, seen = self._pair(leaf, window)
            (gradient,) = torch.autograd.grad(loss(wanted[None], seen[None]), leaf)
            power = gradient.square().mean(0, keepdim=True)[None]
            root = F.avg_pool2d(power, BLOCK, ceil_mode=True, count_include_pad=False).sqrt()
            floor = LEAST_GRADIENT * root.square().mean().sqrt()
            logs.append(root.clamp_min(max(float(floor), 1e-30)).log().mean())
        self.worth = math.exp(float(logs[0] - logs[1]))
