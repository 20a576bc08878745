"""A Gaussian model of photographs: what is known about them without a network.

A photograph in [-1, 1] is taken as a stationary Gaussian process with even (reflecting) borders:
in the basis of three colour axes and the orthonormal two-dimensional DCT-II its coefficients are
independent, with variance

    l(u, v) = power / (f^2 + corner^2)^(slope / 2),      f^2 = (u / 2H)^2 + (v / 2W)^2

in cycles per pixel. `training/fit_gaussian_prior.py` fits the nine numbers and the colour axes to
the CID22 training photographs. With such a prior the best denoiser is the Wiener filter, and the
information-estimation metric has a closed form (`iem.py`).
"""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch import Tensor

from inrcodec.codec.ambient import independent

MEAN = (0.0365, 0.0045, -0.0323)
AXES = (
    (0.57206684, 0.58033652, 0.57961112),
    (0.73684315, -0.05321998, -0.67396573),
    (-0.36028003, 0.81263593, -0.45806238),
)
POWER = (1.805e-03, 9.904e-05, 2.999e-05)
CORNER = (8.05e-04, 1.005e-03, 1.216e-03)
SLOPE = (2.444, 2.589, 2.546)


def dct_matrix(size: int, like: Tensor) -> Tensor:
    """The orthonormal DCT-II matrix (size, size), in the type and on the device of `like`."""
    return _dct_matrix(size, like.dtype, like.device)


@lru_cache(maxsize=8)
@independent
def _dct_matrix(size: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    index = torch.arange(size, dtype=torch.float64, device=device)
    matrix = torch.cos(math.pi / size * index[:, None] * (index + 0.5)) * math.sqrt(2 / size)
    matrix[0] /= math.sqrt(2)
    return matrix.to(dtype)


@independent
def coefficients(difference: Tensor) -> Tensor:
    """Coordinates of (N, 3, H, W) in the eigenbasis of the prior, same shape; orthonormal."""
    axes = difference.new_tensor(AXES)
    down, across = (dct_matrix(size, difference) for size in difference.shape[-2:])
    rotated = torch.einsum("kc,nchw->nkhw", axes, difference)
    return down @ rotated @ across.T


@independent
def synthesis(coordinates: Tensor) -> Tensor:
    """The inverse of `coefficients`."""
    axes = coordinates.new_tensor(AXES)
    down, across = (dct_matrix(size, coordinates) for size in coordinates.shape[-2:])
    return torch.einsum("kc,nkhw->nchw", axes, down.T @ coordinates @ across)


def eigenvalues(height: int, width: int, like: Tensor) -> Tensor:
    """Variances l of the coordinates, (3, height, width), in squared units of [-1, 1]."""
    return _eigenvalues(height, width, like.dtype, like.device)


@lru_cache(maxsize=4)
@independent
def _eigenvalues(height: int, width: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    rows = torch.arange(height, dtype=torch.float64, device=device) / (2 * height)
    columns = torch.arange(width, dtype=torch.float64, device=device) / (2 * width)
    squared = rows[:, None].square() + columns.square()
    planes = [
        power / (squared + corner**2) ** (slope / 2)
        for power, corner, slope in zip(POWER, CORNER, SLOPE, strict=True)
    ]
    return torch.stack(planes).to(dtype)


@independent
def wiener(noisy: Tensor, sigma: float) -> Tensor:
    """The posterior mean of an image seen through white noise of standard deviation `sigma`.

    `noisy` (N, 3, H, W) on the scale [-1, 1]; this is the best denoiser for the prior.
    """
    mean = noisy.new_tensor(MEAN)[:, None, None]
    variance = eigenvalues(noisy.shape[-2], noisy.shape[-1], noisy)
    return mean + synthesis(coefficients(noisy - mean) * (variance / (variance + sigma**2)))


@independent
def wiener_error(height: int, width: int, sigma: float) -> float:
    """Mean squared error the Wiener filter expects of itself, per sample."""
    variance = eigenvalues(height, width, torch.zeros((), dtype=torch.float64))
    return float((variance * sigma**2 / (variance + sigma**2)).mean())
