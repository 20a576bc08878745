"""Fitting a network to an image: an iterator of improving answers.

One cosine schedule, over steps or, under a time limit, over seconds, in two parts:

1. fit: the float network, on random subsets of the pixels;
2. finish: the finest quantisation steps that meet the byte budget are chosen, and training goes on
   through the rounding (straight-through). Every so often the rounded network is measured on the
   whole image; the best one measured is the answer, and is what the file holds.

A step sees a product grid of rows and columns, one from each stratum, other ones than the steps
before: unbiased, and the first layer costs a row and a column. A loss of neighbouring pixels
(losses.py) takes it for an image: its windows are wider then, but all of the image counts in
every step. Blocks of adjacent pixels instead left SSIM itself lower than squared error does (two
Kodak crops). Hidden layers compute in bfloat16 where the processor has it (2.5 times faster on such
a core); parameters, updates and every measurement stay float32.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inrcodec.codec.entropy import prior
from inrcodec.codec.entropy.quantized import Quantized, Tensors
from inrcodec.codec.fitting.losses import MSE, Loss
from inrcodec.codec.fitting.networks.batches import (
    batches,
    image_error,
    image_loss,
)
from inrcodec.codec.fitting.networks.schedule import SCHEDULE, Schedule
from inrcodec.codec.fitting.networks.sensitivity import sensitivities
from inrcodec.codec.fitting.networks.steps import quantize, steps_for_size
from inrcodec.codec.fitting.optimizer import MuonAdam
from inrcodec.codec.fitting.robust import Backward, Objective, plain
from inrcodec.codec.fitting.tensor_losses import of_channels
from inrcodec.codec.networks.base import CoordinateModel
from inrcodec.codec.networks.init_tables import Initialisation
from inrcodec.codec.networks.positions import coordinates, sheet_rows
from inrcodec.codec.progress import Progress
from inrcodec.errors import RateError
from inrcodec.pixels import Samples, decibels, to_unit

LOSS_SCALE = 4000.0
"""Keeps gradients away from the smallest bfloat16 numbers; neither optimiser notices it."""


@dataclass(frozen=True, slots=True)
class Budget:
    """What a fit may spend: `steps`, and `seconds` if there is a time limit (then the first met).

    `target_bytes` is the size of the parameters payload to stay within; None fits a float network
    only, whose parameters `NetworkFit.values()` returns.
    """

    steps: int
    target_bytes: int | None
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class _Best:
    """A rounded network: its loss, its mean squared error (full range 1), and itself."""

    score: float
    error: float
    network: Quantized


class NetworkFit:
    """One image, one network, one budget. Iterate for `Progress`; `best()` at any time.

    `pixels` (H, W, C) as in `Picture`, or a sheet, of a clip that of so many `frames`
    (signals/records.py); `residual_to` is what a file's integers add to; a meta-learned `init` is
    that too, and initialises the fit, as `start` does, the parameters of a network fitted before;
    `precision` of hidden layers in torch defaults to the fastest the device has; `loss` is what is
    minimised, and what the best network is chosen by; `backward` how (robust.py). The same seed,
    device, precision and step budget give the same result.
    """

    def __init__(
        self,
        pixels: Samples,
        model: CoordinateModel,
        budget: Budget,
        *,
        loss: Loss = MSE,
        backward: Backward = plain,
        seed: int = 0,
        device: str = "cpu",
        precision: torch.dtype | None = None,
        residual_to: Tensors | None = None,
        init: Initialisation | None = None,
        start: Tensors | None = None,
        schedule: Schedule = SCHEDULE,
        frames: int = 1,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.model, self.budget, self.loss = model, budget, loss
        self._backward = backward
        self._pixels, self._residual_to = pixels, residual_to
        self._schedule, self._frames = schedule, frames
        random = np.random.default_rng(seed)
        self._device = torch.device(device)
        self._precision = precision or hidden_precision(self._device)
        self._clock, self._begun = clock, clock()
        mean = to_unit(pixels.mean((0, 1), keepdims=True).astype(pixels.dtype)).reshape(-1)
        initial = model.initial(random, mean.astype(np.float64))
        height, width = pixels.shape[:2]
        self._ys = sheet_rows(model.axes, height, width, frames)
        self._xs = coordinates(width)
        self._grids = batches(
            height, width, random, least=loss.smallest_side, pixels=schedule.batch_pixels
        )
        self._init = init
        self._peak = 1.0 if init is None and start is None else schedule.init_rate
        if start is not None:
            initial = {name: start[name].copy() for name in model.shapes}
        elif init is not None:
            initial = init.values(model)
            self._residual_to = init.values(model)
        elif residual_to is not None:
            initial |= {name: residual_to[name].copy() for name in model.phases}
        self._parameters = {
            name: torch.from_numpy(value).to(self._device).requires_grad_()
            for name, value in initial.items()
        }
        self._step = 0
        self._reserve_s = 0.0  # what the last measurement will take, once one was timed
        self._best: _Best | None = None

    def __iter__(self) -> Iterator[Progress]:
        """Run until the budget is spent: float, then through the rounding of fixed steps."""
        schedule = self._schedule
        if self._init is not None:
            self._adapt(self._init)
        optimizer = MuonAdam(self._parameters, *learning_rates(self.model), self._precision)
        target, steps = self.budget.target_bytes, dict[str, int]()
        measured, interval = 0, 0.0
        error = 0.0
        while (share := self._share()) < 1:
            if target is not None and not steps and share >= 1 - schedule.finish_share:
                steps = self._choose_steps(int(target * schedule.finish_budget))
                before = self._clock()
                self._measure(steps)
                self._reserve_s = self._clock() - before
                finish = self._step * schedule.finish_share
                interval = max(schedule.evaluate_every, finish / schedule.evaluations)
                measured = self._step
            if steps and self._step >= measured + interval:
                self._measure(steps)
                measured = self._step
            warmed = (self._step + 1) / schedule.warm_up_steps, share / schedule.warm_up_share
            warm = min(1.0, max(warmed))
            loss = self._train(optimizer, self._rounded(steps), self._peak * warm * _cosine(share))
            error = loss if not error else 0.98 * error + 0.02 * loss
            if self._step % schedule.report_every == 0:
                yield self._progress("finish" if steps else "fit", error)
        if target is not None:
            self._measure(steps or self._choose_steps(target))
        yield self._progress("finish", error)

    @property
    def measured(self) -> bool:
        """Whether a rounded network has been measured."""
        return self._best is not None

    @property
    def score(self) -> float:
        """The loss of the best one; infinite before there is any."""
        return math.inf if self._best is None else self._best.score

    def best(self) -> Quantized:
        """The best network measured so far, rounded and within the byte budget."""
        target = self.budget.target_bytes
        if target is None:
            raise RateError("a float fit has no rounded network; use values()")
        if self._best is None:
            self._measure(self._choose_steps(target))
        if self._best is None:
            raise RateError(f"the network does not fit {target} bytes")
        return self._best.network

    def _share(self) -> float:
        """How much of the budget is spent, in [0, 1], by steps or by the clock."""
        share = self._step / self.budget.steps
        if self.budget.seconds is not None:
            seconds = max(1e-3, self.budget.seconds - self._reserve_s)
            share = max(share, (self._clock() - self._begun) / seconds)
        return min(share, 1.0)

    def _rounded(self, steps: dict[str, int]) -> dict[str, Tensor]:
        """The parameters as a decoder will see them, with the gradient of the float ones."""
        if not steps:
            return self._parameters
        rounded = {}
        for name, tensor in self._parameters.items():
            size = prior.step_size(steps[name])
            exact = tensor.detach()
            if self._residual_to is not None:
                exact = exact - torch.from_numpy(self._residual_to[name]).to(exact)
            rounded[name] = tensor + (torch.round(exact / size) * size - exact)
        return rounded

    def _adapt(self, init: Initialisation) -> None:
        """The steps of gradient descent that an initialisation was trained for."""
        rates = init.learned_rates(self.model)
        for _ in range(init.inner_steps):
            if self._share() >= 1:
                break
            self._gradients(self._parameters)
            with torch.no_grad():
                for name, tensor in self._parameters.items():
                    if tensor.grad is not None:
                        rate = torch.from_numpy(rates[name]).to(tensor)
                        tensor.addcmul_(rate, tensor.grad, value=-1 / LOSS_SCALE)
                    tensor.grad = None
            self._step += 1

    def _train(self, optimizer: MuonAdam, parameters: dict[str, Tensor], factor: float) -> float:
        """One step on one batch; returns the batch's mean squared error, full range 1."""
        error = self._gradients(parameters)
        optimizer.step(factor)
        self._step += 1
        return error

    def _gradients(self, parameters: dict[str, Tensor]) -> float:
        """Leave the gradients of one batch; its mean squared error, full range 1."""
        rows, columns = next(self._grids)
        target = torch.from_numpy(to_unit(self._pixels[rows[:, None], columns])).to(self._device)
        ys, xs = self._ys[rows], self._xs[columns]
        errors: list[Tensor] = []

        def render(parameters: Mapping[str, Tensor]) -> Tensor:
            return (self.model.render(parameters, ys, xs, self._precision) + 1) / 2

        def error(parameters: Mapping[str, Tensor]) -> Tensor:
            value = self.model.squared_error(parameters, ys, xs, target, self._precision) / 4
            errors.append(value.detach())
            return value

        def loss(colours: Tensor) -> Tensor:
            wanted = (target + 1) / 2
            value = (colours - wanted).square().mean()
            errors.append(value.detach())
            if self.loss is MSE:
                return value
            return of_channels(self.loss, *(x.permute(2, 0, 1)[None] for x in (wanted, colours)))

        objective = Objective(render, loss, LOSS_SCALE, error if self.loss is MSE else None)
        self._backward(objective, parameters, self._parameters.values())
        return float(errors[0])

    def _progress(self, stage: str, error: float) -> Progress:
        """Where the fit stands; `error` is a smoothed batch error, full range 1."""
        best = decibels(self._best.error) if self._best else None
        elapsed = self._clock() - self._begun
        share = self._share()
        return Progress(stage, share, self._step, decibels(error), elapsed, best)

    def values(self) -> dict[str, NDArray[np.float32]]:
        """The float parameters as arrays."""
        return {n: t.detach().cpu().numpy().copy() for n, t in self._parameters.items()}

    def _choose_steps(self, target_bytes: int) -> dict[str, int]:
        """The finest steps within `target_bytes` for the network as it is now."""
        height, width = self._pixels.shape[:2]
        sensitive = sensitivities(self.model, self._parameters, height, width, self._frames)
        return steps_for_size(self.values(), sensitive, target_bytes, self._residual_to)

    def _measure(self, steps: dict[str, int]) -> None:
        """Round, render, and keep the result if it is the best measured so far.

        Training through the rounding moves the entropy a little; where that breaks the byte budget
        the steps of this answer are chosen anew.
        """
        values, target = self.values(), self.budget.target_bytes
        stored = quantize(values, steps, self._residual_to)
        if target is not None and len(stored.to_bytes()) > target:
            steps = self._choose_steps(target)
            stored = quantize(values, steps, self._residual_to)
        rounded = {n: torch.from_numpy(v).to(self._device) for n, v in stored.values().items()}
        how = self._schedule, self._frames
        error = image_error(self.model, rounded, self._pixels, *how)
        score = error
        if self.loss is not MSE:
            score = image_loss(self.model, rounded, self._pixels, self.loss, *how)
        if self._best is None or score < self._best.score:
            self._best = _Best(score, error, stored)


def learning_rates(model: CoordinateModel) -> tuple[dict[str, float], set[str]]:
    """Peak rate of every tensor, and the names of those that take Muon steps."""
    chosen = model.learning_rates
    return {n: r.rate for n, r in chosen.items()}, {n for n, r in chosen.items() if r.muon}


def hidden_precision(device: torch.device) -> torch.dtype:
    """bfloat16 where the device multiplies it faster than float32, else float32."""
    if device.type == "cuda":
        fast = torch.cuda.is_bf16_supported()
    else:
        fast = torch.backends.mkldnn.is_available() and bool(  # type: ignore[no-untyped-call]
            torch.ops.mkldnn._is_mkldnn_bf16_supported()
        )
    return torch.bfloat16 if fast else torch.float32


def _cosine(share: float) -> float:
    """1 at share 0, 0 at share 1."""
    return 0.5 * (1 + math.cos(math.pi * share))
