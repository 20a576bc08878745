"""The initialisation of a fit of latent grids.

A trained one has networks from the tables that decoders have (coolchic/init_tables.py) and latents
from the analysis network. The tables hold sixteen sets of networks a decade of lambda,
from `LARGEST_LAMBDA` down to `LEAST_LAMBDA`. Below that lambda they are the same with finer
latents, or a fit would spend its steps on making them finer (Kodak 23 under 1e-5, effort 0: 44.1 dB
in 2.97 bits a pixel in place of 39.3 in 3.15).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from inrcodec.codec.coolchic import init_tables
from inrcodec.codec.coolchic.features import BICUBIC, CHROMA_COLOURS
from inrcodec.codec.coolchic.model import CoolChic
from inrcodec.codec.fitting.coolchic import analysis
from inrcodec.codec.native.networks import Array

LARGEST_LAMBDA, PER_DECADE = 3e-2, 16

FINEST = 8.0
"""Latents so many times as large take 7 bits a pixel of Kodak 23; fifty times as large, a fit of a
flat image of 16 x 16 pixels went astray (35 dB)."""

FIRST_WEIGHTS, FIRST_OUTPUTS, FIRST_LOG_SCALE = 0.5, 0.01, -1.0
"""Standard deviation of hidden weights before training, over that of He et al. (2015), and of
output weights of the synthesis, and log2 of the scale of a symbol: rough guesses that the fit
corrects."""

FIRST_STEP = 0.02
"""Change of colour for a symbol, before training, at every level: a rough guess, a few steps of
8-bit samples, that the fit corrects."""

COARSER = 0.7
"""What a symbol of a grid of `coolchic-v1` and `-v2` counts at first to one of the next finer grid:
coarse ones move more pixels, so they are worth finer steps. Crops of two Kodak photographs, v1,
1200 steps, mean log cost: with 1 -.063, .7 -.111, .5 -.089."""

Values = dict[str, NDArray[np.float32]]


def init_index(lmbda: float) -> int:
    """The set of networks that was trained nearest to a lambda."""
    index = round(PER_DECADE * math.log10(LARGEST_LAMBDA / lmbda))
    return min(init_tables.SETS - 1, max(0, index))


def init_lambda(index: int) -> float:
    """The lambda a set was trained for, which is that of the latents that suit its networks."""
    return float(LARGEST_LAMBDA * 10 ** (-index / PER_DECADE))


LEAST_LAMBDA = init_lambda(init_tables.SETS - 1)


def sets_apart(one: float, other: float) -> float:
    """How many sets of networks lie between two lambdas, those with finer latents included."""
    least, most = LEAST_LAMBDA / FINEST**2, init_lambda(0)
    one, other = (min(max(lmbda, least), most) for lmbda in (one, other))
    return PER_DECADE * abs(math.log10(one / other))


def same(one: float, other: float) -> bool:
    """Whether the initialisations of two lambdas are the same."""
    return init_index(one) == init_index(other) and min(one, other) >= LEAST_LAMBDA


def trained(model: CoolChic, image: Array, index: int, lmbda: float) -> tuple[Values, list[Array]]:
    """Networks by name and latents, one (rows, columns) array a grid, not rounded, for an image
    (3, H, W) in [0, 1]: those of the set of an index, made to suit `lmbda`."""
    identity = init_tables.identity(str(model.complexity))
    values = init_tables.initial_parameters(identity, index, model)
    fineness = 1.0
    if lmbda < LEAST_LAMBDA and index == init_tables.SETS - 1:
        fineness = min(FINEST, math.sqrt(LEAST_LAMBDA / lmbda))
        coarsen(model, values, 1 / fineness)
    return values, analysis.initial_latents(model, image, init_lambda(index), fineness)


def coarsen(model: CoolChic, values: Values, factor: float) -> None:
    """Have the networks make the same, in place, of latents divided by a factor.

    At the best trade of rate for distortion latents move as the square root of the lambda.
    """
    scale = np.float32(factor)
    for name in ("arm.weight.0", "synthesis.weight.0"):
        same = model.effective(name, np.zeros_like(values[name]))  # residual layers: 1
        values[name] *= scale
        values[name] += same * np.float32(factor - 1)
    values["arm.weight.out"][0] /= scale
    values["arm.bias.out"][0] /= scale
    values["arm.bias.out"][1] -= np.float32(math.log2(factor))
    if model.features.linear_branches:
        values["arm.linear"][1] *= scale
        values["synthesis.linear"] *= scale


def untrained(model: CoolChic, seed: int, mean: NDArray[np.float32]) -> Values:
    """Random networks by name, whose first colours are the `mean` (3,) of the image."""
    random = np.random.default_rng(seed)
    values = {}
    for name, shape in model.shapes.items():
        part, kind, layer = (*name.split("."), "")[:3]
        value = np.zeros(shape)
        if kind == "weight" and part in ("arm", "synthesis"):
            hidden = FIRST_WEIGHTS * math.sqrt(2 / shape[1])
            spread = FIRST_OUTPUTS if layer == "out" else hidden
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
    values["arm.bias.out"][1] = FIRST_LOG_SCALE
    return values
