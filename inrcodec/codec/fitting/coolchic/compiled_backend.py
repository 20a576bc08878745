"""The backend (backend.py) of compiled kernels, without torch."""

from __future__ import annotations

import math
from collections.abc import Collection
from contextlib import AbstractContextManager

import numpy as np

from inrcodec.codec.coolchic import colours
from inrcodec.codec.coolchic.model import CoolChic
from inrcodec.codec.coolchic.neighbours import MARGIN
from inrcodec.codec.coolchic.windows import Window, owned, whole
from inrcodec.codec.fitting.coolchic.backend import Grids, Values
from inrcodec.codec.fitting.coolchic.compiled_part import Part, Rooms
from inrcodec.codec.fitting.coolchic.compiled_step import CompiledStep, squared_error
from inrcodec.codec.fitting.coolchic.contexts import contexts
from inrcodec.codec.fitting.coolchic.step import Cost, Situation, noise_seed, rate_pixels
from inrcodec.codec.fitting.losses import MSE
from inrcodec.codec.native import networks
from inrcodec.codec.native.networks import Array, Network
from inrcodec.codec.native.pool import kernel_threads

NATS_A_BIT = math.log(2)


class CompiledBackend:
    """See `backend.Backend`: of models that `compiled_step.serves`."""

    device = "cpu"

    def threads(self, asked: int | None) -> AbstractContextManager[None]:
        """As `Backend` has it."""
        return kernel_threads(asked)

    def bits(
        self,
        model: CoolChic,
        values: Values,
        grids: Grids,
        window: Window,
        skipped: Collection[int] = (),
    ) -> float:
        """As `Backend` has it."""
        tensors = []
        for layer in (*map(str, range(len(model.arm_widths))), "out"):
            name = f"arm.weight.{layer}"
            tensors += [model.effective(name, values[name]), values[f"arm.bias.{layer}"]]
        tensors.append(values["arm.linear"])
        nats = 0.0
        for grid in range(len(grids)):
            if grid in skipped:
                continue
            padded, coarser, beside = contexts(model, grids, grid, owned(model, window, grid))
            mine = [*tensors]
            mine[1] = mine[1] + values["arm.level"][grid]
            given = padded, MARGIN, model.offsets, Network(mine), coarser, beside
            nats += networks.context_bits(*given, needed=False)[0]
        return nats / NATS_A_BIT

    def colours(self, model: CoolChic, values: Values, grids: Grids, window: Window) -> Array:
        """As `Backend` has it."""
        return colours.colours(model, values, grids, window)

    def gradients(
        self, model: CoolChic, left_out: Collection[int], noise: np.random.Generator
    ) -> CompiledGradients:
        """As `Backend` has it."""
        return CompiledGradients(model, left_out, noise)


class CompiledGradients:
    """`step.Gradients` by `CompiledStep`."""

    def __init__(
        self, model: CoolChic, left_out: Collection[int], noise: np.random.Generator
    ) -> None:
        self._model, self._left_out, self._noise = model, left_out, noise
        self._rooms = Rooms()  # of a fit of no steps nothing is made
        self._step: tuple[Part, CompiledStep] | None = None

    def _of(self, part: Part) -> CompiledStep:
        """The steps on a part: those of the last one, or in the same memory."""
        if self._step is None or self._step[0] != part:
            self._step = part, CompiledStep(part, self._left_out, self._rooms)
        return self._step[1]

    def __call__(self, at: Situation) -> Cost:
        """As `Gradients` has it."""
        parameters, latents, window, rounding, lmbda, distortion = at
        part = Part.of(self._model, window)
        step, root = self._of(part), math.sqrt(lmbda)
        if window != whole(self._model):
            step.surround(self._model, latents, window)
            areas = (owned(self._model, window, grid) for grid in range(len(latents)))
            latents = [
                np.ascontiguousarray(y[top:bottom, left:right])
                for y, (top, bottom, left, right) in zip(latents, areas, strict=True)
            ]
        if rounding is None:
            step.rounded(latents)
        else:
            numbers = range(len(latents))
            seeds = [noise_seed(self._noise) if g in step.taken else 0 for g in numbers]
            step.soften(latents, *rounding, seeds)
        pixels = rate_pixels(part.model)
        bits = step.bits(parameters) / pixels
        made = step.colours(parameters)
        if distortion.is_plain:
            top, bottom, left, right = window
            wanted = distortion.target[:, top:bottom, left:right]
            error, by_colours = squared_error(made, wanted, 1 / root)
        else:
            error, by_colours = distortion.with_gradient(made, window)
            by_colours *= np.float32(1 / root)
        plain = distortion.loss is MSE
        mse = error if plain else distortion.squared_error(made, window)
        step.back(parameters, by_colours, root / pixels)
        moving = step.taken if rounding is not None else ()
        by_latents = [y if grid in moving else None for grid, y in enumerate(step.by_latents)]
        shapes = self._model.shapes
        by_parameters = {n: step.by_parameters[n].reshape(shapes[n]) for n in parameters}
        return Cost(error, mse, bits, by_parameters, by_latents)
