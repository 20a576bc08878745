"""Metrics as training losses of the encoder: `lpips`, `iem` and `ssimulacra2`.

The codec does not import the metrics. Whoever takes the name of a loss from a user passes the
options through `with_metric_loss` first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

from torch import Tensor

from inrcodec.codec.fitting import tensor_losses
from inrcodec.codec.fitting.losses import Loss
from inrcodec.codec.options import LOSS_WEIGHTS, EncodeOptions
from inrcodec.metrics import metric_table
from inrcodec.metrics.quality import iem as information
from inrcodec.metrics.quality import ssimulacra2 as edges
from inrcodec.metrics.quality.lpips import lpips_squeeze

LPIPS_SIDE = 32


def with_metric_loss(options: EncodeOptions) -> EncodeOptions:
    """Replace the name of a loss that is a metric, or that `tune` picks, by its function; return
    other options as given.

    Raises `WeightsError` for LPIPS without its weights.
    """
    name = options.metric_loss
    if name is None:
        return options
    if name == "lpips":
        metric_table.metric("lpips-squeeze").scorer(None)  # raises for weights that are missing
    weight = LOSS_WEIGHTS[name] if options.loss_weight is None else options.loss_weight
    function, smallest_side = _FUNCTIONS[name]
    loss = Loss(name, partial(function, weight=weight), smallest_side)
    return replace(options, loss=loss, loss_weight=None, tune=None)


def lpips(reference: Tensor, decoded: Tensor, *, weight: float) -> Tensor:
    """Mix MSE and LPIPS (SqueezeNet): (1 - weight) MSE + weight LPIPS.

    LPIPS alone compares features and would leave colours free.
    """
    distance = lpips_squeeze(reference, decoded.clamp(0, 1)).mean()
    return (1 - weight) * tensor_losses.mse(reference, decoded) + weight * distance


def iem(reference: Tensor, decoded: Tensor, *, weight: float) -> Tensor:
    """Mix MSE and IEM: (1 - weight) MSE + weight IEM^2 for each sample, under the Gaussian prior.

    IEM^2 is a squared error in which components that vary little in photographs count more.
    Brightness hardly counts, so without a share of MSE it drifts: a coordinate network lost 5 dB
    of PSNR at the same IEM.
    """
    difference = 2 * (decoded - reference)
    squared = information.exact_squared(difference, information.GAMMA_MAX)
    information_share = weight * squared.mean() / difference[0].numel()
    return (1 - weight) * tensor_losses.mse(reference, decoded) + information_share


def ssimulacra2(reference: Tensor, decoded: Tensor, *, weight: float) -> Tensor:
    """Mix MSE and SSIMULACRA2: (1 - weight) MSE + weight (1 - score / 100); MSE alone for images
    with a side of fewer than 8 pixels, which have no score.

    The score alone forgives errors that Butteraugli does not; a share of MSE costs it little.
    """
    squared = tensor_losses.mse(reference, decoded)
    if min(reference.shape[-2:]) < edges.SMALLEST_SIDE:
        return squared
    score = edges.ssimulacra2(reference, decoded.clamp(0, 1)).mean()
    return (1 - weight) * squared + weight * (1 - score / 100).to(squared.dtype)


_FUNCTIONS: Mapping[str, tuple[Callable[..., Tensor], int]] = {
    "lpips": (lpips, LPIPS_SIDE),
    "iem": (iem, 1),
    "ssimulacra2": (ssimulacra2, 1),
}
"""Functions by name, and the least sides that they take."""
