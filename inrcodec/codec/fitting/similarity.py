"""Structural similarity (structure.py) on tensors: the core that losses and metrics share.

The window is separable and applied as products with small banded matrices, 128 samples at a time:
on one thread 3 times faster than shifted sums and 10 times faster than a depthwise convolution.
Where the compiled kernels serve (float32 on a CPU), they do all of it and the gradient.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from inrcodec.codec import bridge
from inrcodec.codec.fitting.array_losses import CONSTANTS, taps
from inrcodec.codec.fitting.structure import K1, K2, SCALE_WEIGHTS, WINDOW, gaussian
from inrcodec.codec.native import similarity as native_similarity

BLOCK = 128


def ssim(x: Tensor, y: Tensor) -> Tensor:
    """Mean SSIM of each image, (N,); `x`, `y` (N, C, H, W) in [0, 1], sides >= 11."""
    return torch.stack([mean_similarity(a, b) for a, b in _by_channel(x, y)]).mean(0)


def ms_ssim(x: Tensor, y: Tensor) -> Tensor:
    """MS-SSIM of each image, (N,); `x`, `y` (N, C, H, W) in [0, 1], sides >= 161.

    Channels are multiplied over scales first and averaged last; negative contrast counts as 0.
    Between scales images are averaged over 2 x 2 pixels, an odd side padded by zeros on both
    sides, as the widely used PyTorch implementations do.
    """
    return torch.stack([_ms_ssim_of_channel(a, b) for a, b in _by_channel(x, y)]).mean(0)


def _by_channel(x: Tensor, y: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Pairs (N, 1, H, W): one channel at a time takes a third of the memory."""
    return [(x[:, k : k + 1], y[:, k : k + 1]) for k in range(x.shape[1])]


def _ms_ssim_of_channel(x: Tensor, y: Tensor) -> Tensor:
    """MS-SSIM of one channel of each image, (N,); `x`, `y` (N, 1, H, W)."""
    product = x.new_ones(len(x))
    for scale, weight in enumerate(SCALE_WEIGHTS):
        last = scale == len(SCALE_WEIGHTS) - 1
        product = product * mean_similarity(x, y, luminance=last).relu() ** weight
        if not last:
            padding = (x.shape[2] % 2, x.shape[3] % 2)
            x, y = (F.avg_pool2d(image, 2, padding=padding) for image in (x, y))
    return product


def mean_similarity(x: Tensor, y: Tensor, *, luminance: bool = True) -> Tensor:
    """Mean of the contrast-structure map, by default times the luminance map, of each image of
    one channel, (N,); `x`, `y` (N, 1, H, W)."""
    if x.requires_grad:  # both maps are symmetric
        x, y = y, x
    if x.requires_grad or not bridge.serves(x, y):
        brightness, contrast = similarity_maps(x, y)
        return (brightness * contrast if luminance else contrast).mean((1, 2, 3))
    pairs = zip(x[:, 0].unbind(), y[:, 0].unbind(), strict=True)
    return torch.stack([MeanSimilarity.apply(a, b, luminance) for a, b in pairs])  # type: ignore[no-untyped-call]


class MeanSimilarity(torch.autograd.Function):
    """The compiled form of `mean_similarity` for one plane (H, W) each."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor, luminance: bool) -> Tensor:
        """A number; `x` takes no gradient."""
        given = bridge.array(x), bridge.array(y), taps()
        mean, maps = native_similarity.similarity(*given, CONSTANTS, luminance)
        ctx.given, ctx.maps = given, maps
        return torch.tensor(mean, dtype=torch.float32)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        """The gradient of `y`."""
        x, y, taps = ctx.given
        result = native_similarity.similarity_back(x, y, taps, ctx.maps, float(gradients[0]))
        return None, torch.from_numpy(result), None


def similarity_maps(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """The luminance map and the contrast-structure map, each (N, C, H - 10, W - 10)."""
    c1, c2 = K1**2, K2**2
    mean_x, mean_y, squares, products = windowed(torch.stack([x, y, x * x + y * y, x * y])).unbind()
    mean_squares, mean_products = mean_x * mean_x + mean_y * mean_y, mean_x * mean_y
    luminance = (2 * mean_products + c1) / (mean_squares + c1)
    contrast = (2 * (products - mean_products) + c2) / (squares - mean_squares + c2)
    return luminance, contrast


def windowed(x: Tensor) -> Tensor:
    """Gaussian-weighted means over every window inside, (..., H, W) -> (..., H - 10, W - 10)."""
    for axis in (-1, -2):
        x = torch.cat([_block(part, axis) for part in _overlapping(x, axis)], axis)
    return x


def _overlapping(x: Tensor, axis: int) -> list[Tensor]:
    """Blocks whose windowed means, side by side, are those of the whole."""
    results = x.shape[axis] - WINDOW + 1
    return [
        x.narrow(axis, start, min(BLOCK, results - start) + WINDOW - 1)
        for start in range(0, results, BLOCK)
    ]


def _block(x: Tensor, axis: int) -> Tensor:
    """Windowed means of one block along one axis, as a matrix product."""
    size = x.shape[axis]
    rows = torch.arange(size - WINDOW + 1)[:, None]
    band = torch.zeros(size - WINDOW + 1, size, dtype=torch.float64)
    band[rows, rows + torch.arange(WINDOW)] = torch.from_numpy(gaussian())
    band = band.to(x)
    return x @ band.T if axis == -1 else band @ x
