"""Pictures <-> the planes of three colours that latent-grid models fit.

A gray picture is a plane of three equal colours, alpha a plane of its own.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inrcodec.codec.latents import LatentPlane
from inrcodec.codec.models import grids
from inrcodec.pixels import Picture


def planes_of(picture: Picture) -> list[Tensor]:
    """The planes of a picture, (3, H, W) in [0, 1]: colours, then alpha if there is any."""
    peak = float(np.iinfo(picture.pixels.dtype).max)
    samples: NDArray[np.float32] = picture.pixels.astype(np.float32) / np.float32(peak)
    channels = picture.channels
    colours = samples[..., : 3 if channels >= 3 else 1]
    planes = [colours] + ([samples[..., -1:]] if channels in (2, 4) else [])
    return [
        torch.from_numpy(plane).permute(2, 0, 1).expand(3, -1, -1).contiguous() for plane in planes
    ]


def plane_channels(channels: int, plane: int) -> int:
    """How many channels of the picture a plane holds."""
    return 1 if plane or channels < 3 else 3


@torch.no_grad()
def plane_error(plane: LatentPlane, target: Tensor, channels: int) -> float:
    """Mean squared error of a decoded plane before rounding to integers, full range 1."""
    parameters = {name: target.new_tensor(value) for name, value in plane.parameters().items()}
    latents = [target.new_tensor(grid.astype(np.float32)) for grid in plane.grids]
    total = 0.0
    for window in grids.windows(plane.model, 1024):
        top, bottom, left, right = window
        made = grids.colours(plane.model, parameters, latents, window)
        wanted = target[:, top:bottom, left:right]
        if channels == 1:
            made, wanted = made.mean(0, keepdim=True), wanted[:1]
        total += float((made.clamp(0, 1) - wanted).double().square().sum())
    return total / (channels * plane.model.width * plane.model.height)
