"""Networks of latent grids to begin a fit with where there is no trained start."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from inrcodec.codec.coolchic.model import BICUBIC, CHROMA_COLOURS, CoolChic

FIRST_STEP = 0.02
"""Colour a symbol stands for before training, at every level."""

COARSER = 0.7
"""What a symbol of a grid of `coolchic-v1` and `-v2` counts at first to one of the next finer grid:
coarse ones move more pixels, so they are worth finer steps. Crops of two Kodak photographs, v1,
1200 steps, mean log cost: with 1 -.063, .7 -.111, .5 -.089."""


def random_parameters(
    model: CoolChic, seed: int, mean: NDArray[np.float32]
) -> dict[str, NDArray[np.float32]]:
    """Networks without a trained start: `mean` (3,) of the picture, as first colours."""
    random = np.random.default_rng(seed)
    values = {}
    for name, shape in model.shapes.items():
        part, kind, layer = (*name.split("."), "")[:3]
        value = np.zeros(shape)
        if kind == "weight" and part in ("arm", "synthesis"):
            spread = 0.01 if layer == "out" else 0.5 * math.sqrt(2 / shape[1])
            value = random.normal(0, 0 if name == "arm.weight.out" else spread, shape)
            if name == "synthesis.weight.0" and not model.features.grains:
                value *= COARSER ** np.arange(model.levels)
        elif name == "up.gain":
            value = np.broadcast_to(2.0 ** np.arange(model.levels)[-shape[1] :], shape)
        elif name == "up.kernel":
            a, b, c, d = BICUBIC
            line = np.array([a, d, b, c, c, b, d, a])
            value = np.broadcast_to(BICUBIC if shape[1] == 4 else np.outer(line, line), shape)
        elif name == "synthesis.linear":
            value = np.full(shape, FIRST_STEP)
            value[:, : model.levels] *= 2.0 ** np.arange(model.levels)
            value[:, model.levels :] *= CHROMA_COLOURS.T
        values[name] = np.ascontiguousarray(value, dtype=np.float32)
    values["synthesis.bias.out"] = mean - np.float32(0.5)
    values["arm.bias.out"][1] = -1.0
    return values
