"""Peak signal-to-noise ratio."""

from __future__ import annotations

from torch import Tensor

from inrcodec.codec.ambient import independent
from inrcodec.metrics.quality.inputs import BLACK_AND_WHITE, pairs_over


@independent
def psnr(reference: object, decoded: object) -> Tensor:
    """-10 log10 of the mean squared error over all colours of values in [0, 1], in dB, (N,).

    With alpha the error is the mean of those over black and over white: over one gray alone,
    errors of alpha vanish where the image has that gray. It is what `inrcodec.pixels.psnr` computes
    and `encode` says. Identical images score infinity, without a gradient there. Inputs as in
    `inputs.pair`; differentiable.
    """
    errors = [
        (x - y).square().mean((1, 2, 3)) for x, y in pairs_over(reference, decoded, BLACK_AND_WHITE)
    ]
    return -10 * (sum(errors[1:], errors[0]) / len(errors)).log10()
