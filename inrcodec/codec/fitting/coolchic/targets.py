"""Images <-> the planes of three colours that latent-grid models fit.

A gray image is a plane of three equal colours, alpha a plane of its own.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inrcodec.codec.coolchic import colours, windows
from inrcodec.codec.coolchic.planes import LatentPlane
from inrcodec.pixels import Picture


def planes_of(picture: Picture) -> list[Tensor]:
    """The planes of an image, (3, H, W) in [0, 1]: colours, then alpha if there is any."""
    peak = float(np.iinfo(picture.pixels.dtype).max)
    samples: NDArray[np.float32] = picture.pixels.astype(np.float32) / np.float32(peak)
    channels = picture.channels
    colours = samples[..., : 3 if channels >= 3 else 1]
    planes = [colours] + ([samples[..., -1:]] if channels in (2, 4) else [])
    return [
        torch.from_numpy(plane).permute(2, 0, 1).expand(3, -1, -1).contiguous() for plane in planes
    ]


def plane_channels(channels: int, plane: int) -> int:
    """How many channels of the image a plane holds."""
    return 1 if plane or channels < 3 else 3


def plane_error(plane: LatentPlane, target: Tensor, channels: int) -> float:
    """Mean squared error of a plane as a decoder makes it, before rounding to integers, full
    range 1."""
    parameters, samples = plane.parameters(), target.cpu().numpy()
    total = 0.0
    for window in windows.windows(plane.model, 1024):
        top, bottom, left, right = window
        made = colours.colours(plane.model, parameters, plane.grids, window)
        wanted = samples[:, top:bottom, left:right]
        if channels == 1:
            made, wanted = made.mean(0, keepdims=True), wanted[:1]
        total += float(np.square(made.clip(0, 1) - wanted, dtype=np.float64).sum())
    return total / (channels * plane.model.width * plane.model.height)
