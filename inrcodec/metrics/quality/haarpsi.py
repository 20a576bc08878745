"""HaarPSI: likeness of Haar wavelet coefficients (Reisenhofer et al., Signal Processing 2018)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from inrcodec.codec.ambient import independent
from inrcodec.metrics.quality.colour_spaces import YIQ, mixed
from inrcodec.metrics.quality.gradients import halved_over_zeros, similarity
from inrcodec.metrics.quality.inputs import pair

SMALLEST_SIDE = 16
C, ALPHA = 30.0, 4.2
"""Of section 3 of the paper, for values up to 255."""


@independent
def haarpsi(reference: object, decoded: object) -> Tensor:
    """HaarPSI in [0, 1], (N,); 1 is identical (equation 12 of the paper). Sides from 16 pixels.

    At half the size, as the paper does; gray images without the share of colour. Inputs as in
    `inputs.pair`; differentiable.
    """
    images = pair(reference, decoded, smallest=SMALLEST_SIDE)
    x, y = (halved_over_zeros(255 * _separated(image)) for image in images)
    fine_x, fine_y = (_haar(image[:, :1], 2).abs() for image in (x, y))
    middle_x, middle_y = (_haar(image[:, :1], 4).abs() for image in (x, y))
    weights = torch.maximum(*(_haar(image[:, :1], 8).abs() for image in (x, y)))
    likeness = (similarity(fine_x, fine_y, C) + similarity(middle_x, middle_y, C)) / 2
    if x.shape[1] == 3:
        mean_x, mean_y = (
            F.avg_pool2d(F.pad(image[:, 1:], (0, 1, 0, 1)), 2, stride=1).abs() for image in (x, y)
        )
        colour = similarity(mean_x, mean_y, C).mean(1, keepdim=True)
        likeness = torch.cat([likeness, colour], 1)
        weights = torch.cat([weights, weights.mean(1, keepdim=True)], 1)
    # the logistic of likeness is averaged and undone: by what it lacks, so that 1 stays 1
    best = torch.sigmoid(likeness.new_tensor(ALPHA))
    lacking = ((best - torch.sigmoid(ALPHA * likeness)) * weights).sum((1, 2, 3))
    lacking = lacking / weights.sum((1, 2, 3)).clamp_min(torch.finfo(weights.dtype).tiny)
    logit = ALPHA + torch.log1p(-lacking / best) - torch.log1p(lacking / (1 - best))
    return (logit / ALPHA).square()


def _separated(x: Tensor) -> Tensor:
    """YIQ of colour images, gray as it is."""
    return mixed(x, YIQ) if x.shape[1] == 3 else x


def _haar(x: Tensor, size: int) -> Tensor:
    """Coefficients of (N, 1, H, W) in both directions, (N, 2, H, W); 0 outside."""
    half = x.new_full((size, size), 1 / size)
    half[size // 2 :] *= -1
    padded = F.pad(x, (size // 2 - 1, size // 2, size // 2 - 1, size // 2))
    return F.conv2d(padded, torch.stack([half, half.T])[:, None])
