"""DISTS: structure and texture of deep features compared (Ding et al. 2020).

VGG-16 with Hanning-window L2 pooling in place of the maximum; texture is the likeness of feature
means, structure that of their covariance. Weights are the user's own (`weights.py`).
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor
from torch.nn import functional as F

from inrcodec.codec.ambient import independent
from inrcodec.metrics.quality import trunks, weights
from inrcodec.metrics.quality.inputs import pair
from inrcodec.metrics.quality.trunks import State

MEAN = (0.485, 0.456, 0.406)
DEVIATION = (0.229, 0.224, 0.225)
C1 = C2 = 1e-6
POOLED_EPSILON = 1e-12


@independent
def dists(reference: object, decoded: object) -> Tensor:
    """DISTS, (N,); 0 is identical (equation 6 of the paper). Sides of at least 32 pixels.

    Images are compared at their own size: the paper's code shrinks them to 256 pixels first.
    """
    x, y = pair(reference, decoded, smallest=32, colour=True)
    state = {key: value.to(x.device) for key, value in _state().items()}
    alpha, beta = state["alpha"].flatten(), state["beta"].flatten()
    total = alpha.sum() + beta.sum()
    start, distance = 0, x.new_zeros(len(x), dtype=torch.float32)
    for a, b in zip(_features(x, state), _features(y, state), strict=True):
        end = start + a.shape[1]
        mean_a, mean_b = a.mean((2, 3)), b.mean((2, 3))
        texture = (2 * mean_a * mean_b + C1) / (mean_a.square() + mean_b.square() + C1)
        variances = (a * a + b * b).mean((2, 3)) - (mean_a.square() + mean_b.square())
        covariance = (a * b).mean((2, 3)) - mean_a * mean_b
        structure = (2 * covariance + C2) / (variances + C2)
        unlike = alpha[start:end] * (1 - texture) + beta[start:end] * (1 - structure)
        distance = distance + unlike.sum(1)
        start = end
    return distance / total


def _features(x: Tensor, state: State) -> list[Tensor]:
    """The image itself, then the five stages of VGG-16."""
    mean, deviation = (x.new_tensor(v)[:, None, None] for v in (MEAN, DEVIATION))
    normal = ((x - mean) / deviation).float()
    return [x.float(), *trunks.vgg16(normal, state, _l2_pool)]


def _l2_pool(x: Tensor, state: State) -> Tensor:
    """Root of the Hanning-weighted mean square over 3 x 3, every second pixel."""
    window = torch.hann_window(5, periodic=False, dtype=x.dtype, device=x.device)[1:-1]
    kernel = torch.outer(window, window)
    kernel = (kernel / kernel.sum()).expand(x.shape[1], 1, 3, 3)
    squared = F.conv2d(x.square(), kernel, stride=2, padding=1, groups=x.shape[1])
    return (squared + POOLED_EPSILON).sqrt()


@cache
@independent
def _state() -> State:
    """Parameters of the trunk, and alpha and beta."""
    arrays = weights.load("vgg16") | weights.load("dists-head")
    state = {key: torch.from_numpy(array) for key, array in arrays.items()}
    with weights.checked("vgg16", "dists-head"):
        features = _features(torch.zeros(1, 3, 32, 32, dtype=torch.float32), state)
        channels = sum(layer.shape[1] for layer in features)
        if not channels == state["alpha"].numel() == state["beta"].numel():
            raise KeyError(f"alpha and beta must have {channels} values each")
    return state
