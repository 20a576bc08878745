"""What an encoder may minimise, by name, and the distortion that a fit of latent grids makes of it.

A loss is a function of two images with full range 1, reference and decoded, to one number: 0 for
identical images, more is worse. Those that have a name here are computed on arrays without torch,
with their gradients (array_losses.py), and on tensors (tensor_losses.py); every other loss is a
function of tensors.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from inrcodec.codec.fitting import array_losses, structure
from inrcodec.codec.fitting.array_losses import Evaluated
from inrcodec.codec.native.networks import Array
from inrcodec.codec.options.loss_names import LOSS_WEIGHTS, METRIC_LOSSES
from inrcodec.errors import OptionError
from inrcodec.extras import require

Window = tuple[int, int, int, int]
"""(top, bottom, left, right) in pixels."""

BLOCK = 16
"""Side of the blocks, in pixels, whose gradients are compared when a loss is weighed."""

LEAST_GRADIENT = 1e-3
"""Least gradient that a block counts with, times the root mean square of all blocks."""


@dataclass(frozen=True, slots=True)
class Named:
    """The function of tensors that a loss by name is, loaded when it is first called; `weight` is
    that of its structural term, if it has one."""

    name: str
    weight: float | None = None

    def __call__(self, reference: Any, decoded: Any) -> Any:
        """The loss of two batches of tensors, ()."""
        from inrcodec.codec.fitting import tensor_losses

        weight = {} if self.weight is None else {"weight": self.weight}
        return tensor_losses.FUNCTIONS[self.name](reference, decoded, **weight)


@dataclass(frozen=True, slots=True)
class Loss:
    """A function of (reference, decoded), tensors (N, C, H, W) in [0, 1] each, to a scalar.

    `smallest_side`: the least height and width it takes. `arrays`: the same of two images (3, H, W)
    without torch, where the name does not say it.
    """

    name: str
    function: Callable[[Any, Any], Any]
    smallest_side: int = 1
    arrays: Callable[[Array, Array], Evaluated] | None = None

    def __call__(self, reference: Any, decoded: Any) -> Any:
        """The loss of two batches of tensors, (); raises `OptionError` if the function returns
        anything but a tensor of one number."""
        value = self.function(reference, decoded)
        if getattr(value, "numel", lambda: 0)() != 1:
            raise OptionError(f"loss {self.name!r} must return a tensor of one number")
        return value.reshape(())

    @property
    def needs_torch(self) -> bool:
        """Whether only torch computes it here."""
        named = self.function
        return self.arrays is None and not (
            isinstance(named, Named) and array_losses.serves(named.name)
        )

    def evaluated(self, reference: Array, decoded: Array, device: str = "cpu") -> Evaluated:
        """The loss of two images (3, H, W), and what makes its gradient by `decoded`; computed by
        torch, on a device of it, where it must be."""
        named = self.function
        if self.arrays is not None and device == "cpu":
            return self.arrays(reference, decoded)
        if isinstance(named, Named) and not self.needs_torch and device == "cpu":
            return array_losses.evaluated(named.name, named.weight, reference, decoded)
        require("torch", extra="encode")
        from inrcodec.codec.fitting import tensor_losses

        return tensor_losses.evaluated(self, reference, decoded, device)


MSE = Loss("mse", Named("mse"))

_PLAIN = (
    MSE,
    Loss("l1", Named("l1")),
    Loss("logcosh", Named("logcosh")),
    Loss("ms-ssim", Named("ms-ssim"), structure.SMALLEST_SIDE_MULTISCALE),
)
LOSSES: Mapping[str, Loss] = {loss.name: loss for loss in _PLAIN}

MIXED: Mapping[str, int] = {
    "lcssim": structure.SMALLEST_SIDE,
    "l1ssim": structure.SMALLEST_SIDE,
    "l1msssim": structure.SMALLEST_SIDE_MULTISCALE,
}
"""Losses with a weight of their structural term, alpha in the papers, and the least sides that they
take."""


def loss_of(loss: str | Callable[[Any, Any], Any], weight: float | None = None) -> Loss:
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
    weight = LOSS_WEIGHTS[loss] if weight is None else weight
    return Loss(loss, Named(loss, weight), MIXED[loss])


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
    loss is worth, 1 until `weigh` sets it. `device` is where torch computes a loss.
    """

    def __init__(
        self, loss: Loss, target: Array, shown: Array | None = None, device: str = "cpu"
    ) -> None:
        self.loss, self.target, self.shown, self.device = loss, target, shown, device
        self.bounded = bool(target.min() < 0) or bool(target.max() > 1)
        self.worth = 1.0

    @property
    def is_plain(self) -> bool:
        """Whether it is the mean squared error of all samples."""
        return self.loss is MSE and self.shown is None and not self.bounded and self.worth == 1

    def __call__(self, made: Array, window: Window) -> float:
        """The distortion of the colours `made` (3, h, w) of a window."""
        wanted, seen, _ = self._pair(made, window)
        return self.worth * self.loss.evaluated(wanted, seen, self.device)[0]

    def with_gradient(self, made: Array, window: Window) -> tuple[float, Array]:
        """The distortion of the colours `made` (3, h, w) of a window, and its gradient by them."""
        wanted, seen, share = self._pair(made, window)
        value, back = self.loss.evaluated(wanted, seen, self.device)
        gradient = back() if share is None else back() * share
        return self.worth * value, gradient * np.float32(self.worth)

    def squared_error(self, made: Array, window: Window) -> float:
        """The mean squared error of the colours `made` (3, h, w) of a window, clipped as a decoder
        clips."""
        wanted, seen, _ = self._pair(made.clip(0, 1), window)
        error = seen - (wanted.clip(0, 1) if self.bounded else wanted)
        return float(np.vdot(error, error)) / error.size

    def _pair(self, made: Array, window: Window) -> tuple[Array, Array, Array | None]:
        """The target of a window and what is compared with it, (3, h, w) each, and the derivative
        of that by `made`; None for 1."""
        top, bottom, left, right = window
        wanted = self.target[:, top:bottom, left:right]
        share: Array | None = None
        if self.bounded:
            beyond = ((wanted < 0) & (made < wanted)) | ((wanted > 1) & (made > wanted))
            made = np.where(beyond, wanted, made)
            share = (~beyond).astype(np.float32)
        if self.shown is not None:
            shown = self.shown[:, top:bottom, left:right]
            wanted, made = wanted * shown, made * shown
            share = shown if share is None else share * shown
        return wanted, made, share

    def weigh(self, made: Array, window: Window) -> None:
        """Set `worth` so that the loss asks for about as many bits as squared error would.

        To second order a loss weighs the squared error of each component of an image; at rates
        where all components are coded, two losses take the same bits when the geometric means of
        their weights are equal (reverse water-filling). Weights are compared by the gradients of
        blocks of the colours `made` of a window.
        """
        logs = []
        for loss in (MSE, self.loss):
            wanted, seen, share = self._pair(made, window)
            gradient = loss.evaluated(wanted, seen, self.device)[1]()
            if share is not None:
                gradient = gradient * share
            root = np.sqrt(_block_means(np.square(gradient).mean(0)))
            floor = LEAST_GRADIENT * math.sqrt(float(np.square(root).mean()))
            logs.append(float(np.log(np.maximum(root, max(floor, 1e-30))).mean()))
        self.worth = math.exp(logs[0] - logs[1])


def _block_means(x: Array) -> Array:
    """Means of the blocks of `BLOCK` x `BLOCK` of (h, w); those at the far borders may be less."""
    rows, columns = (np.arange(0, size, BLOCK) for size in x.shape)
    sums = np.add.reduceat(np.add.reduceat(x.astype(np.float64), rows, 0), columns, 1)
    counts = np.outer(np.diff([*rows, x.shape[0]]), np.diff([*columns, x.shape[1]]))
    return np.asarray(sums / counts, np.float32)
