"""Metrics as losses of an encoder: `lpips` and `iem`.

The codec does not know the metrics, so whoever takes the name of a loss from a user passes the
options through `with_loss` first.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from torch import Tensor

from inrcodec.codec.fitting import losses
from inrcodec.codec.fitting.losses import Loss
from inrcodec.codec.options import LOSS_WEIGHTS, METRIC_LOSSES, EncodeOptions
from inrcodec.metrics import iem as information
from inrcodec.metrics import registry
from inrcodec.metrics.lpips import lpips_squeeze

LPIPS_SIDE = 32


def with_loss(options: EncodeOptions) -> EncodeOptions:
    """The options with the function of a loss that is a metric in place of its name.

    Raises `WeightsError` for LPIPS without its weights.
    """
    if options.loss not in METRIC_LOSSES:
        return options
    name = str(options.loss)
    weight = LOSS_WEIGHTS[name] if options.loss_weight is None else options.loss_weight
    if name == "iem":
        return replace(options, loss=Loss(name, partial(iem, weight=weight)), loss_weight=None)
    registry.metric("lpips-squeeze").scorer(None)  # raises for weights that are missing
    return replace(
        options, loss=Loss(name, partial(lpips, weight=weight), LPIPS_SIDE), loss_weight=None
    )


def lpips(reference: Tensor, decoded: Tensor, *, weight: float) -> Tensor:
    """(1 - weight) MSE + weight LPIPS (SqueezeNet): features alone would leave colours free."""
    distance = lpips_squeeze(reference, decoded.clamp(0, 1)).mean()
    return (1 - weight) * losses.mse(reference, decoded) + weight * distance


def iem(reference: Tensor, decoded: Tensor, *, weight: float) -> Tensor:
    """(1 - weight) MSE + weight IEM^2 a sample under the Gaussian prior of photographs: squared
    error in which components that vary little count more. Brightness hardly counts, so without a
    share of squared error it drifts: by 5 dB of a coordinate network, at the same IEM."""
    difference = 2 * (decoded - reference)
    squared = information.exact_squared(difference, information.GAMMA_MAX)
    information_share = weight * squared.mean() / difference[0].numel()
    return (1 - weight) * losses.mse(reference, decoded) + information_share
