"""One step of a fit: the cost of a window of the image, and its gradients, by kernels or by torch.

Both ways compute the same (tests/codec/fitting/coolchic/test_step.py). The kernels take whole
images of the family `coolchic` and any loss; torch takes every model, windows of large images, the
ways of fitting robust weights, and GPUs.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from inrcodec.codec import bridge
from inrcodec.codec.coolchic import windows
from inrcodec.codec.coolchic.model import CoolChic
from inrcodec.codec.coolchic.windows import Window
from inrcodec.codec.fitting.coolchic import compiled_step, forward
from inrcodec.codec.fitting.coolchic.compiled_step import CompiledStep
from inrcodec.codec.fitting.coolchic.synthesis import noise_seed, noisy_soft_round
from inrcodec.codec.fitting.losses import MSE, Distortion
from inrcodec.codec.fitting.robust import Backward, Objective, hand_on, plain

SMALLEST_PIXELS = 4096
"""Fewest pixels that bits are counted by."""


def rate_pixels(model: CoolChic) -> int:
    """Pixels that bits are counted by. A tiny image counts as 64 x 64: its few bytes are worth
    its colours."""
    return max(SMALLEST_PIXELS, model.width * model.height)


def noise_generator(seed: int, device: torch.device | str = "cpu") -> torch.Generator:
    """What the noise of a fit comes from."""
    return torch.Generator(device=device).manual_seed(seed % (1 << 63))


class Rounding(NamedTuple):
    """Rounding to learn through: `noisy_soft_round` of this temperature, with normal noise of this
    deviation."""

    temperature: float
    deviation: float


class Situation(NamedTuple):
    """Where a fit stands: its networks by name and its latents, one tensor a grid; the window of
    the image that a step sees; how it rounds, for good if `rounding` is None: then the networks
    alone have gradients; its lambda and its distortion."""

    parameters: Mapping[str, Tensor]
    latents: Sequence[Tensor]
    window: Window
    rounding: Rounding | None
    lmbda: float
    distortion: Distortion


class Cost(NamedTuple):
    """What a step found: the distortion, the mean squared error, and bits a pixel; and the gradient
    by the latents of every grid that belong to the window, None where there is none."""

    distortion: float
    mse: float
    bits_per_pixel: float
    by_latents: list[Tensor | None]


class Gradients(Protocol):
    """The gradients of  (distortion + lambda * bits a pixel) / sqrt(lambda): over the root, so that
    mean squares of gradients outlive a change of lambda. Those of parameters are left in their
    `.grad`."""

    def __call__(self, at: Situation) -> Cost:
        """The cost of a situation, and its gradients."""
        ...


def gradients_of(
    model: CoolChic,
    left_out: Collection[int],
    backward: Backward,
    noise: torch.Generator,
    *,
    whole: bool,
) -> Gradients:
    """The faster way that takes the model. `left_out` grids are of zeros and stay so; `whole` says
    whether every window is the image."""
    on_cpu = noise.device.type == "cpu"
    if whole and on_cpu and backward is plain and compiled_step.serves(model):
        return CompiledGradients(model, left_out, noise)
    return TorchGradients(model, left_out, backward, noise)


class CompiledGradients:
    """`Gradients` of whole images, by `CompiledStep`."""

    def __init__(self, model: CoolChic, left_out: Collection[int], noise: torch.Generator) -> None:
        self._model, self._left_out, self._noise = model, left_out, noise

    @cached_property
    def _step(self) -> CompiledStep:
        """The arrays of all steps: of a fit of no steps none are needed."""
        return CompiledStep(self._model, self._left_out)

    def __call__(self, at: Situation) -> Cost:
        """As `Gradients` has it; the window is the image."""
        parameters, latents, window, rounding, lmbda, distortion = at
        step, root = self._step, math.sqrt(lmbda)
        values = {name: bridge.array(tensor) for name, tensor in parameters.items()}
        grids = [bridge.array(y) for y in latents]
        if rounding is None:
            step.rounded(grids)
        else:
            seeds = [noise_seed(self._noise) if g in step.taken else 0 for g in range(len(grids))]
            step.soften(grids, *rounding, seeds)
        pixels = rate_pixels(self._model)
        bits = step.bits(values) / pixels
        made = step.colours(values)
        if distortion.is_plain:
            target = bridge.array(distortion.target)
            error, by_colours = compiled_step.squared_error(made, target, 1 / root)
            mse = error
        else:
            image = torch.from_numpy(made).requires_grad_()
            value = distortion(image, window)
            (gradient,) = torch.autograd.grad(value / root, image)
            error, by_colours = float(value.detach()), bridge.array(gradient)
            mse = error
            if distortion.loss is not MSE:
                mse = float(distortion.squared_error(image.detach(), window))
        step.back(values, by_colours, root / pixels)
        for name, tensor in parameters.items():
            tensor.grad = torch.from_numpy(step.by_parameters[name]).view_as(tensor)
        wanted = step.taken if rounding is not None else ()
        by_latents = [
            torch.from_numpy(step.by_latents[grid]) if grid in wanted else None
            for grid in range(len(latents))
        ]
        return Cost(error, mse, bits, by_latents)


class TorchGradients:
    """`Gradients` of any window, by torch.

    The symbols around a window take part with their present values: a window fitted as an image of
    its own would have borders where the image has none.
    """

    def __init__(
        self,
        model: CoolChic,
        left_out: Collection[int],
        backward: Backward,
        noise: torch.Generator,
    ) -> None:
        self._model, self._left_out = model, left_out
        self._backward, self._noise = backward, noise

    def __call__(self, at: Situation) -> Cost:
        """As `Gradients` has it."""
        parameters, latents, window, rounding, lmbda, distortion = at
        top, bottom, left, right = window
        outer, inner = windows.surrounded(self._model, window)
        model = replace(self._model, width=outer[3] - outer[2], height=outer[1] - outer[0])
        areas = [windows.owned(self._model, window, grid) for grid in range(len(latents))]
        own = [y[a:b, c:d].detach() for y, (a, b, c, d) in zip(latents, areas, strict=True)]
        rounded = [
            torch.round(y)
            if rounding is None or grid in self._left_out
            else noisy_soft_round(y.requires_grad_(), *rounding, self._noise)
            for grid, y in enumerate(own)
        ]
        if outer != window:
            rounded = [self._among(latents[g], g, y, outer, inner) for g, y in enumerate(rounded)]
        given = [y.detach().requires_grad_(y.requires_grad) for y in rounded]
        root = math.sqrt(lmbda)
        images: list[Tensor] = []

        def render(values: Mapping[str, Tensor]) -> Tensor:
            image = forward.colours(model, values, given, inner)
            images.append(image.detach())
            return image

        objective = Objective(render, lambda made: distortion(made, window), 1 / root)
        leaves = [*parameters.values(), *given]
        error = float(root * self._backward(objective, parameters, leaves))
        bits = forward.bits(model, parameters, given, inner, self._left_out)
        bits = bits / rate_pixels(replace(model, width=right - left, height=bottom - top))
        torch.autograd.backward(root * bits)
        for y, leaf in zip(rounded, given, strict=True):
            if leaf.grad is not None:
                hand_on(y, leaf.grad)
        mse = error
        if distortion.loss is not MSE and math.isfinite(error):
            mse = float(distortion.squared_error(images[0], window))
        return Cost(error, mse, float(bits.detach()), [leaf.grad for leaf in own])

    def _among(
        self, latents: Tensor, grid: int, own: Tensor, outer: Window, inner: Window
    ) -> Tensor:
        """Symbols of a window among those around it, which are rounded and stay as they are."""
        top, bottom, left, right = windows.owned(self._model, outer, grid)
        symbols = torch.round(latents[top:bottom, left:right])
        row, column = (start >> self._model.grid_levels[grid] for start in (inner[0], inner[2]))
        symbols[row : row + own.shape[0], column : column + own.shape[1]] = own
        return symbols
