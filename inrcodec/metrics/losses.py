"""Metrics as losses of an encoder: `lpips` and `iem`.

The codec does not know the metrics, so whoever takes the name of a loss from a user passes the
options through `with_loss` first.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from torch import Tensor

from inrcodec.codec import losses
from inrcodec.codec.losses import Loss
from inrcodec.codec.options import LOSS_ALPHAS, EncodeOptions
from inrcodec.metrics import iem as information
from inrcodec.metrics import registry
from inrcodec.metrics.lpips import lpips_squeeze

LPIPS_SIDE = 32


def with_loss(options: EncodeOptions) -> EncodeOptions:
    """The options with the function of a loss that is a metric in place of its name.

    Raises `WeightsError` for LPIPS without its weights.
    """
    if options.loss == "iem":
        return replace(options, loss=Loss("iem", iem))
    if options.loss != "lpips":
        return options
    registry.metric("lpips-squeeze").scorer(None)  # raises for weights that are missing
    alpha = LOSS_ALPHAS["lpips"] if options.alpha is None else options.alpha
    return replace(options, loss=Loss("lpips", partial(lpips, alpha=alpha), LPIPS_SIDE), alpha=None)


def lpips(reference: Tensor, decoded: Tensor, *, alpha: float) -> Tensor:
    """(1 - alpha) MSE + alpha LPIPS (SqueezeNet): features alone would leave colours free."""
    distance = lpips_squeeze(reference, decoded.clamp(0, 1)).mean()
    return (1 - alpha) * losses.mse(reference, decoded) + alpha * distance


def iem(reference: Tensor, decoded: Tensor) -> Tensor:
    """IEM^2 under the Gaussian prior of photographs, a sample: squared error in which components
    that vary little count more."""
    difference = 2 * (decoded - reference)
    squared = information.exact_squared(difference, information.GAMMA_MAX)
    return squared.mean() / difference[0].numel()
