"""What a small change of the networks costs, to second order: curvatures of bits and of error.

Gauss-Newton matrices (Martens 2020, "New insights and perspectives on the natural gradient method",
sections 8 and 9): a change d of the parameters costs d^T C d / 2 more. They are taken from samples
that lie all over the image: a few windows of it can miss a part that is unlike the rest, where the
same change costs ten times as much.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from inrcodec.codec.coolchic import colours, windows
from inrcodec.codec.coolchic.features import COLOURS
from inrcodec.codec.coolchic.model import CoolChic
from inrcodec.codec.coolchic.neighbours import MARGIN
from inrcodec.codec.coolchic.windows import Window
from inrcodec.codec.entropy.arm import LARGEST_LOG_SCALE, PARENTS, SMALLEST_LOG_SCALE
from inrcodec.codec.fitting.coolchic import jacobians
from inrcodec.codec.fitting.coolchic.contexts import Contexts, contexts
from inrcodec.codec.fitting.coolchic.jacobians import Jacobian, Layers
from inrcodec.codec.native.networks import Array

Matrix = NDArray[np.float64]

SYMBOLS, LEAST_SYMBOLS = 8000, 64
"""Sampled symbols of all grids, and the least of each."""

PIXELS = 2500
"""Sampled pixels."""

SEED = 0


class Curvature(NamedTuple):
    """The matrix, and the names of the tensors whose parameters are its rows, one after another;
    without any where nothing is known."""

    names: tuple[str, ...]
    matrix: Matrix


UNKNOWN = Curvature((), np.zeros((0, 0)))
"""Of windows too small, and of networks whose numbers go beyond single precision."""


@np.errstate(over="ignore", invalid="ignore")
def of_bits(
    model: CoolChic, values: Mapping[str, Array], grids: Sequence[NDArray[Any]], window: Window
) -> Curvature:
    """The curvature of the bits of the symbols that a window owns by the context network, or
    `UNKNOWN`."""
    names = tuple(name for name in model.shapes if name.startswith("arm."))
    total, random = _Total(model, names), np.random.default_rng(SEED)
    areas = [windows.owned(model, window, grid) for grid in range(len(grids))]
    everything = sum(map(windows.area, areas))
    for grid, area in enumerate(areas):
        size = windows.area(area)
        if not size or not grids[grid].any():
            continue
        count = min(size, max(LEAST_SYMBOLS, SYMBOLS * size // everything))
        given = contexts(model, grids, grid, area)
        symbols, x = _sampled(model, given, random.choice(size, count, replace=False))
        layers = Layers.of(model, values, "arm")
        if "arm.level" in values:
            layers = layers.with_first_bias(values["arm.level"][grid])
        activations = layers.activations(x[:, None])
        by_outputs = _nats_by_outputs(symbols, activations[-1][:, 0])
        found = layers.jacobian(activations, by_outputs[:, None, None])
        if "arm.level" in values:
            level = np.zeros((count, 1, *model.shapes["arm.level"]), np.float32)
            level[:, :, grid] = found["arm.bias.0"]
            found["arm.level"] = level
        total.add(found, size / count / math.log(2))
    return total.curvature()


@np.errstate(over="ignore", invalid="ignore")
def of_error(
    model: CoolChic, values: Mapping[str, Array], grids: Sequence[NDArray[Any]], window: Window
) -> Curvature:
    """The curvature of the mean squared error of a window by the synthesis and the convolutions, or
    `UNKNOWN`."""
    names = tuple(name for name in model.shapes if name.startswith(("synthesis.", "conv.")))
    total, random = _Total(model, names), np.random.default_rng(SEED)
    stack = colours.upsampled(model, values, grids, window)
    side = 1 + 2 * windows.CONVOLUTION_REACH * model.features.convolutions
    rows, columns = stack.shape[1] - side + 1, stack.shape[2] - side + 1
    if min(rows, columns) < 1:
        return UNKNOWN
    count = min(PIXELS, rows * columns)
    row, column = np.divmod(random.choice(rows * columns, count, replace=False), columns)
    around = np.arange(side)
    patches = stack[
        :, row[:, None, None] + around[:, None], column[:, None, None] + around[None, :]
    ].transpose(1, 2, 3, 0)
    found = jacobians.of_colours(model, values, np.ascontiguousarray(patches))
    total.add(found, 2 / (count * COLOURS))
    return total.curvature()


class _Total:
    """A sum of squares of Jacobians by the tensors named."""

    def __init__(self, model: CoolChic, names: Sequence[str]) -> None:
        self._names = tuple(names)
        size = sum(math.prod(model.shapes[name]) for name in names)
        self.matrix = np.zeros((size, size))

    def add(self, jacobian: Jacobian, weight: float) -> None:
        """Add J^T J times a weight."""
        samples, directions = jacobian[self._names[0]].shape[:2]
        rows = samples * directions
        flat = np.concatenate([jacobian[n].reshape(rows, -1) for n in self._names], axis=1)
        self.matrix += weight * (flat.T @ flat)

    def curvature(self) -> Curvature:
        """The sum, if it is finite."""
        finite = np.isfinite(self.matrix).all()
        return Curvature(self._names, self.matrix) if finite else UNKNOWN


def _sampled(model: CoolChic, given: Contexts, places: NDArray[np.intp]) -> tuple[Array, Array]:
    """Symbols (n,) of an area of a grid and the inputs (n, inputs) of the context network there."""
    padded, coarser, beside = given
    row, column = np.divmod(places, padded.shape[1] - 2 * MARGIN)
    across = column + MARGIN
    inputs = [padded[row + MARGIN + down, across + right] for down, right in model.offsets]
    if model.sides:
        zeros = np.zeros(len(places), np.float32)
        if coarser is None:
            inputs += [zeros] * PARENTS
        else:
            nearest = row // 2 + 1, column // 2 + 1
            next_row, next_column = nearest[0] + row % 2 * 2 - 1, nearest[1] + column % 2 * 2 - 1
            inputs += [
                coarser[nearest],
                coarser[next_row, nearest[1]],
                coarser[nearest[0], next_column],
                coarser[next_row, next_column],
            ]
        inputs += [zeros if grid is None else grid[row, column] for grid in beside]
    return padded[row + MARGIN, across], np.stack(inputs, axis=1)


def _nats_by_outputs(symbols: Array, outputs: Array) -> Array:
    """The derivatives (n, 2) of -ln of the Laplace mass of each symbol's unit bin by the mean and
    by log2 of the scale that the context network says, (n, 2). Their squares stand for the Fisher
    information; the mass is that of `rate.laplace_nats`.
    """
    scale = outputs[:, 1].clip(SMALLEST_LOG_SCALE, LARGEST_LOG_SCALE)
    difference, t = symbols - outputs[:, 0], np.exp2(-scale)
    distance = np.abs(difference)
    inside = np.minimum(distance, np.float32(0.5))
    far, near = inside + np.float32(0.5), np.float32(0.5) - inside
    far_side, near_side = np.expm1(-t * far), np.expm1(-t * near)
    twice = -(far_side + near_side)
    by_mean = -np.copysign((near_side - far_side) * t / twice, difference)
    weighted = (far * far_side + near * near_side + 1) / twice
    by_log_scale = (distance - inside - weighted) * t * np.float32(-math.log(2))
    return np.stack((by_mean, by_log_scale), axis=1)
