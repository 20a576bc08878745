"""Colours that nobody sees, chosen by the encoder: those where alpha is 0.

What a cut-out hides is often black, or noise, behind a hard edge, and costs bits. Here it becomes a
smooth continuation of what is seen (Burt 1988, "Moment images, polynomial fit filters, and the
problem of surface interpolation"): averages of ever larger blocks of what is seen fill the gaps.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from inrcodec.pixels import Picture, from_unit, to_unit


def fill_hidden(picture: Picture) -> Picture:
    """The picture with other colours where alpha is 0; itself where nothing is hidden."""
    pixels = picture.pixels
    if picture.channels not in (2, 4) or pixels[:, :, -1].all():
        return picture
    seen = torch.from_numpy(pixels[:, :, -1] > 0)[None, None]
    colours = torch.from_numpy(to_unit(pixels[:, :, :-1])).permute(2, 0, 1)[None]
    filled = _filled(colours, seen.float())[0].permute(1, 2, 0).numpy()
    chosen = np.where(
        seen[0, 0, :, :, None], pixels[:, :, :-1], from_unit(filled, picture.bit_depth)
    )
    return replace(picture, pixels=np.concatenate([chosen, pixels[:, :, -1:]], 2))


def _filled(colours: Tensor, weights: Tensor) -> Tensor:
    """Colours (1, C, H, W) with those of weight 0 of `weights` (1, 1, H, W) filled in: between the
    means of 2 x 2 blocks, filled likewise; mid-gray where nothing has weight."""
    if bool((weights > 0).all()):
        return colours
    if max(weights.shape[2:]) == 1:
        return torch.zeros_like(colours)
    sums, shares = (
        F.avg_pool2d(t, 2, ceil_mode=True, count_include_pad=False)
        for t in (colours * weights, weights)
    )
    coarse = _filled(sums / shares.clamp_min(1e-12), shares)
    between = F.interpolate(coarse, colours.shape[2:], mode="bilinear", align_corners=False)
    return torch.where(weights > 0, colours, between)
