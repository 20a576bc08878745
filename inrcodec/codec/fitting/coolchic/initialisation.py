"""What a fit of latent grids begins with: networks of meta.py and latents of analysis.py.

The finest trained start is for `LAST_SLOPE`. Below that slope it is the same with finer latents, or
a fit would spend its steps on making them finer (Kodak 23 under 1e-5, effort 0: 44.1 dB in 2.97
bits a pixel in place of 39.3 in 3.15).
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inrcodec.codec.coolchic import init_tables
from inrcodec.codec.coolchic.model import CoolChic
from inrcodec.codec.fitting.coolchic import analysis, forward

LAST_SLOPE = init_tables.start_slope(init_tables.STARTS - 1)

FINEST = 8.0
"""Latents so many times as large take 7 bits a pixel of Kodak 23; fifty times as large, a fit of a
flat picture of 16 x 16 pixels went astray (35 dB)."""


def starts_apart(one: float, other: float) -> float:
    """How many trained starts lie between two slopes, those with finer latents included."""
    least, most = LAST_SLOPE / FINEST**2, init_tables.start_slope(0)
    one, other = (min(max(slope, least), most) for slope in (one, other))
    return init_tables.PER_DECADE * abs(math.log10(one / other))


@torch.no_grad()
def trained_start(
    model: CoolChic, picture: Tensor, index: int, slope: float
) -> tuple[dict[str, NDArray[np.float32]], list[Tensor]]:
    """Networks by name and latents, one (rows, columns) tensor a grid, not rounded, for a picture
    (3, H, W) in [0, 1]: those of the start of an index, fit for `slope`."""
    identity = init_tables.identity(str(model.complexity))
    values = init_tables.start_parameters(identity, index, model)
    fineness = 1.0
    if slope < LAST_SLOPE and index == init_tables.STARTS - 1:
        fineness = min(FINEST, math.sqrt(LAST_SLOPE / slope))
        forward.coarsen(
            model, {name: torch.from_numpy(v) for name, v in values.items()}, 1 / fineness
        )
    return values, analysis.initial_latents(
        model, picture, init_tables.start_slope(index), fineness
    )
