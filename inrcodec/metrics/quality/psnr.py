"""Peak signal-to-noise ratio."""

from __future__ import annotations

from torch import Tensor

from inrcodec.codec.ambient import independent
from inrcodec.metrics.quality.inputs import pair


@independent
def psnr(reference: object, decoded: object) -> Tensor:
    """-10 log10 of the mean squared error over all channels of values in [0, 1], in dB, (N,).

    Identical images score infinity, without a gradient there. Inputs as in `inputs.pair`;
    differentiable.
    """
    x, y = pair(reference, decoded)
    return -10 * (x - y).square().mean((1, 2, 3)).log10()
