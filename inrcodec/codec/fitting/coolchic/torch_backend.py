"""The backend (backend.py) of torch: every model, any window, any way of fitting robust weights,
and GPUs. On a CPU its functions call the kernels where there are any."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from inrcodec.codec import bridge
from inrcodec.codec.coolchic import windows
from inrcodec.codec.coolchic.model import CoolChic
from inrcodec.codec.coolchic.windows import Window
from inrcodec.codec.fitting.coolchic import forward
from inrcodec.codec.fitting.coolchic.backend import Grids, Values
from inrcodec.codec.fitting.coolchic.step import Cost, Situation, noise_seed, rate_pixels
from inrcodec.codec.fitting.coolchic.synthesis import noisy_soft_round
from inrcodec.codec.fitting.losses import MSE, Distortion
from inrcodec.codec.fitting.robust import Backward, Objective, backward_of, hand_on, plain
from inrcodec.codec.fitting.robust_options import Robust
from inrcodec.codec.native.networks import Array
from inrcodec.codec.runtime import fit_threads, torch_device


class TorchBackend:
    """See `backend.Backend`. `robust` says what weights are to survive, `seed` seeds what is drawn
    for that. Raises `OptionError` for a device that is not there."""

    def __init__(self, device: str = "cpu", robust: Robust | None = None, seed: int = 0) -> None:
        torch_device(device)
        self.device, self._robust, self._seed = device, robust, seed

    def threads(self, asked: int | None) -> AbstractContextManager[None]:
        """As `Backend` has it."""
        return fit_threads(asked)

    @torch.no_grad()
    def bits(
        self,
        model: CoolChic,
        values: Values,
        grids: Grids,
        window: Window,
        skipped: Collection[int] = (),
    ) -> float:
        """As `Backend` has it."""
        given = self._tensors(values), [torch.from_numpy(y).to(self.device) for y in grids]
        return float(forward.bits(model, *given, window, skipped))

    @torch.no_grad()
    def colours(self, model: CoolChic, values: Values, grids: Grids, window: Window) -> Array:
        """As `Backend` has it."""
        given = self._tensors(values), [torch.from_numpy(y).to(self.device) for y in grids]
        return bridge.array(forward.colours(model, *given, window).cpu())

    def gradients(
        self, model: CoolChic, left_out: Collection[int], noise: np.random.Generator
    ) -> TorchGradients:
        """As `Backend` has it."""
        backward = backward_of(self._robust, model.units, self._seed)
        return TorchGradients(model, left_out, noise, self.device, backward)

    def _tensors(self, values: Values) -> dict[str, Tensor]:
        """The networks on the device."""
        return {name: torch.from_numpy(value).to(self.device) for name, value in values.items()}


class TorchGradients:
    """`step.Gradients` of any window, by torch.

    The symbols around a window take part with their present values: a window fitted as an image of
    its own would have borders where the image has none.
    """

    def __init__(
        self,
        model: CoolChic,
        left_out: Collection[int],
        noise: np.random.Generator,
        device: str = "cpu",
        backward: Backward = plain,
    ) -> None:
        self._model, self._left_out, self._noise = model, left_out, noise
        self._device, self._backward = device, backward
        self._of: tuple[Distortion, TensorDistortion] | None = None

    def __call__(self, at: Situation) -> Cost:
        """As `Gradients` has it."""
        _, latents, window, rounding, lmbda, distortion = at
        top, bottom, left, right = window
        outer, inner = windows.surrounded(self._model, window)
        model = replace(self._model, width=outer[3] - outer[2], height=outer[1] - outer[0])
        parameters = {
            n: torch.from_numpy(v).to(self._device).requires_grad_()
            for n, v in at.parameters.items()
        }
        areas = [windows.owned(self._model, window, grid) for grid in range(len(latents))]
        own = [self._part(y, area) for y, area in zip(latents, areas, strict=True)]
        rounded = [
            torch.round(y)
            if rounding is None or grid in self._left_out
            else noisy_soft_round(y.requires_grad_(), *rounding, noise_seed(self._noise))
            for grid, y in enumerate(own)
        ]
        if outer != window:
            rounded = [self._among(latents[g], g, y, outer, inner) for g, y in enumerate(rounded)]
        given = [y.detach().requires_grad_(y.requires_grad) for y in rounded]
        root = math.sqrt(lmbda)
        images: list[Tensor] = []
        loss = self._distortion(distortion)

        def render(values: Mapping[str, Tensor]) -> Tensor:
            image = forward.colours(model, values, given, inner)
            images.append(image.detach())
            return image

        objective = Objective(render, lambda made: loss(made, window), 1 / root)
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
            mse = distortion.squared_error(bridge.array(images[0].cpu()), window)
        by_parameters = {
            n: np.zeros(t.shape, np.float32) if t.grad is None else bridge.array(t.grad.cpu())
            for n, t in parameters.items()
        }
        by_latents = [None if y.grad is None else bridge.array(y.grad.cpu()) for y in own]
        return Cost(error, mse, float(bits.detach()), by_parameters, by_latents)

    def _distortion(self, distortion: Distortion) -> TensorDistortion:
        """A distortion on the device, where its target stays from step to step."""
        if self._of is None or self._of[0] is not distortion:
            self._of = distortion, TensorDistortion(distortion, self._device)
        return self._of[1]

    def _part(self, latents: Array, area: Window) -> Tensor:
        """An area of a grid, on the device."""
        top, bottom, left, right = area
        return torch.from_numpy(latents[top:bottom, left:right]).to(self._device)

    def _among(
        self, latents: Array, grid: int, own: Tensor, outer: Window, inner: Window
    ) -> Tensor:
        """Symbols of a window among those around it, which are rounded and stay as they are."""
        symbols = torch.round(self._part(latents, windows.owned(self._model, outer, grid)))
        row, column = (start >> self._model.grid_levels[grid] for start in (inner[0], inner[2]))
        symbols[row : row + own.shape[0], column : column + own.shape[1]] = own
        return symbols


class TensorDistortion:
    """A distortion as a function of tensors on a device, which can be differentiated."""

    def __init__(self, of: Distortion, device: str) -> None:
        self._of = of
        self._target = torch.from_numpy(of.target).to(device)
        self._shown = None if of.shown is None else torch.from_numpy(of.shown).to(device)

    def __call__(self, made: Tensor, window: Window) -> Tensor:
        """The distortion, (), of the colours `made` (3, h, w) of a window."""
        top, bottom, left, right = window
        wanted = self._target[:, top:bottom, left:right]
        if self._of.bounded:
            beyond = ((wanted < 0) & (made < wanted)) | ((wanted > 1) & (made > wanted))
            made = torch.where(beyond, wanted, made)
        if self._shown is not None:
            share = self._shown[:, top:bottom, left:right]
            wanted, made = wanted * share, made * share
        value: Tensor = self._of.worth * self._of.loss(wanted[None], made[None])
        return value
