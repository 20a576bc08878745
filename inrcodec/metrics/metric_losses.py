"""Metrics as training losses of the encoder: `lpips`, `iem` and `ssimulacra2`.

The codec does not import the metrics. Whoever takes the name of a loss from a user passes the
options through `with_metric_loss` first. Importing this imports no torch; `ssimulacra2` is computed
without it where a fit is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from inrcodec.codec.fitting import array_losses
from inrcodec.codec.fitting.array_losses import Evaluated
from inrcodec.codec.fitting.losses import Loss
from inrcodec.codec.native.networks import Array
from inrcodec.codec.options import EncodeOptions
from inrcodec.codec.options.loss_names import LOSS_WEIGHTS
from inrcodec.metrics import metric_table
from inrcodec.metrics.quality.ssimulacra2_definition import SMALLEST_SIDE

if TYPE_CHECKING:
    from torch import Tensor

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
    function, smallest_side, of_arrays = _FUNCTIONS[name]
    arrays = None if of_arrays is None else partial(of_arrays, weight=weight)
    loss = Loss(name, partial(function, weight=weight), smallest_side, arrays)
    return replace(options, loss=loss, loss_weight=None, tune=None)


def lpips(reference: Tensor, decoded: Tensor, *, weight: float) -> Tensor:
    """Mix MSE and LPIPS (SqueezeNet): (1 - weight) MSE + weight LPIPS.

    LPIPS alone compares features and would leave colours free.
    """
    from inrcodec.codec.fitting import tensor_losses
    from inrcodec.metrics.quality.lpips import lpips_squeeze

    distance = lpips_squeeze(reference, decoded.clamp(0, 1)).mean()
    return (1 - weight) * tensor_losses.mse(reference, decoded) + weight * distance


def iem(reference: Tensor, decoded: Tensor, *, weight: float) -> Tensor:
    """Mix MSE and IEM: (1 - weight) MSE + weight IEM^2 for each sample, under the Gaussian prior.

    IEM^2 is a squared error in which components that vary little in photographs count more.
    Brightness hardly counts, so without a share of MSE it drifts: a coordinate network lost 5 dB
    of PSNR at the same IEM.
    """
    from inrcodec.codec.fitting import tensor_losses
    from inrcodec.metrics.quality import iem as information

    difference = 2 * (decoded - reference)
    squared = information.exact_squared(difference, information.GAMMA_MAX)
    information_share = weight * squared.mean() / difference[0].numel()
    return (1 - weight) * tensor_losses.mse(reference, decoded) + information_share


def ssimulacra2(reference: Tensor, decoded: Tensor, *, weight: float) -> Tensor:
    """Mix MSE and SSIMULACRA2: (1 - weight) MSE + weight (1 - score / 100); MSE alone for images
    with a side of fewer than 8 pixels, which have no score.

    The score alone forgives errors that Butteraugli does not; a share of MSE costs it little.
    """
    from inrcodec.codec.fitting import tensor_losses
    from inrcodec.metrics.quality.ssimulacra2 import ssimulacra2 as metric

    squared = tensor_losses.mse(reference, decoded)
    if min(reference.shape[-2:]) < SMALLEST_SIDE:
        return squared
    score = metric(reference, decoded.clamp(0, 1)).mean()
    return (1 - weight) * squared + weight * (1 - score / 100).to(squared.dtype)


def ssimulacra2_of_arrays(reference: Array, decoded: Array, *, weight: float) -> Evaluated:
    """`ssimulacra2` of two images (3, H, W), and what makes its gradient by the decoded one."""
    from inrcodec.metrics.quality.ssimulacra2_arrays import score

    squared, back = array_losses.mse(reference, decoded)
    if min(reference.shape[-2:]) < SMALLEST_SIDE:
        return squared, back
    value, back_of_score = score(reference, decoded)

    def both() -> Array:
        gradient = back_of_score()
        gradient *= np.float32(-weight / 100)
        gradient += np.float32(1 - weight) * back()
        return gradient

    return (1 - weight) * squared + weight * (1 - value / 100), both


_FUNCTIONS: Mapping[str, tuple[Callable[..., Tensor], int, Callable[..., Evaluated] | None]] = {
    "lpips": (lpips, LPIPS_SIDE, None),
    "iem": (iem, 1, None),
    "ssimulacra2": (ssimulacra2, 1, ssimulacra2_of_arrays),
}
"""Functions by name, the least sides that they take, and functions of arrays."""
