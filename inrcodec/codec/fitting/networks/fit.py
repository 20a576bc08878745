"""Fitting a network to an image: an iterator of improving answers.

One cosine schedule, over steps or, under a time limit, over seconds, in two parts:

1. fit: the float network, on random subsets of the pixels;
2. finish: training goes on through the rounding to a file's integers (rounding.py). The best
   rounded network measured is the answer, and is what the file holds.

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

from inrcodec.codec.entropy.quantized import Quantized, Tensors
from inrcodec.codec.fitting.losses import MSE, Loss
from inrcodec.codec.fitting.networks.batches import batches
from inrcodec.codec.fitting.networks.rounding import Rounding, arrays_of
from inrcodec.codec.fitting.networks.schedule import SCHEDULE, Schedule
from inrcodec.codec.fitting.optimizer import MuonAdam
from inrcodec.codec.fitting.robust import Backward, Objective, plain
from inrcodec.codec.fitting.tensor_losses import of_channels
from inrcodec.codec.networks.base import CoordinateModel
from inrcodec.codec.networks.init_tables import Initialisation
from inrcodec.codec.networks.positions import coordinates, sheet_rows
from inrcodec.codec.progress import Progress
from inrcodec.codec.runtime import hidden_precision
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


class NetworkFit:
    """One image, one network, one budget. Iterate for `Progress`; `best()` at any time.

    - `pixels`: (H, W, C) as in `Picture`, or the sheet of a sound or of a clip of so many `frames`
      (signals/records.py)
    - `loss`: what is minimised, and what the best network is chosen by
    - `backward`: how gradients are made (robust.py)
    - `precision`: that of hidden layers in torch; None stands for the fastest that the device has
    - `residual_to`: the parameters that a file's integers add to, by name; None stands for zeros
    - `init`: a meta-learned initialisation, from which the fit begins; integers add to it
    - `start`: the parameters of a network fitted before, from which the fit begins

    The same seed, device, precision and step budget give the same result.
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
        self._backward, self._pixels, self._schedule = backward, pixels, schedule
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
            initial, residual_to = init.values(model), init.values(model)
        elif residual_to is not None:
            initial |= {name: residual_to[name].copy() for name in model.phases}
        self._parameters = {
            name: torch.from_numpy(value).to(self._device).requires_grad_()
            for name, value in initial.items()
        }
        self._step = 0
        self._reserve_s = 0.0  # what the last measurement will take, once one was timed
        self._rounding: Rounding | None = None
        if budget.target_bytes is not None:
            self._rounding = Rounding(
                model=model,
                pixels=pixels,
                target_bytes=budget.target_bytes,
                loss=loss,
                residual_to=residual_to,
                schedule=schedule,
                frames=frames,
            )

    def __iter__(self) -> Iterator[Progress]:
        """Train until the budget is spent: the float network, then through the rounding."""
        schedule, rounding, parameters = self._schedule, self._rounding, self._parameters
        if self._init is not None:
            self._adapt(self._init)
        optimizer = MuonAdam(parameters, *learning_rates(self.model), self._precision)
        steps = dict[str, int]()
        measured_at, interval, error = 0, 0.0, 0.0
        while (share := self._share()) < 1:
            seen = parameters
            if rounding is not None:
                if not steps and share >= 1 - schedule.finish_share:
                    steps = rounding.choose_steps(parameters, schedule.finish_budget)
                    before = self._clock()
                    rounding.measure(parameters, steps)
                    self._reserve_s = self._clock() - before
                    finish = self._step * schedule.finish_share
                    interval = max(schedule.evaluate_every, finish / schedule.evaluations)
                    measured_at = self._step
                if steps and self._step >= measured_at + interval:
                    rounding.measure(parameters, steps)
                    measured_at = self._step
                if steps:
                    seen = rounding.straight_through(parameters, steps)
            loss = self._train(optimizer, seen, self._peak * schedule.rate(self._step, share))
            error = loss if not error else 0.98 * error + 0.02 * loss
            if self._step % schedule.report_every == 0:
                yield self._progress("finish" if steps else "fit", error)
        if rounding is not None:
            rounding.measure(parameters, steps or rounding.choose_steps(parameters))
        yield self._progress("finish", error)

    @property
    def measured(self) -> bool:
        """Whether a rounded network has been measured."""
        return self._rounding is not None and self._rounding.best is not None

    @property
    def score(self) -> float:
        """The loss of the best rounded network measured; infinite before there is any."""
        return math.inf if self._rounding is None else self._rounding.score

    def best(self) -> Quantized:
        """Return the best network measured so far, rounded and within the byte budget. Raises
        `RateError` for a fit that has none."""
        rounding = self._rounding
        if rounding is None:
            raise RateError("a float fit has no rounded network; use values()")
        if rounding.best is not None:
            return rounding.best.network
        steps = rounding.choose_steps(self._parameters)
        return rounding.measure(self._parameters, steps).network

    def values(self) -> dict[str, NDArray[np.float32]]:
        """The float parameters as arrays."""
        return arrays_of(self._parameters)

    def _share(self) -> float:
        """Return how much of the budget is spent, in [0, 1], by steps or by the clock."""
        share = self._step / self.budget.steps
        if self.budget.seconds is not None:
            seconds = max(1e-3, self.budget.seconds - self._reserve_s)
            share = max(share, (self._clock() - self._begun) / seconds)
        return min(share, 1.0)

    def _adapt(self, init: Initialisation) -> None:
        """Take the steps of gradient descent that an initialisation was trained for."""
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
        """Take one step on one batch; return the batch's mean squared error, full range 1."""
        error = self._gradients(parameters)
        optimizer.step(factor)
        self._step += 1
        return error

    def _gradients(self, parameters: dict[str, Tensor]) -> float:
        """Leave the gradients of one batch in the leaves; return its mean squared error, full range
        1."""
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
        """Return where the fit stands; `error` is a smoothed batch error, full range 1."""
        best = None if self._rounding is None else self._rounding.best
        rounded_psnr = None if best is None else decibels(best.error)
        elapsed = self._clock() - self._begun
        share = self._share()
        return Progress(stage, share, self._step, decibels(error), elapsed, rounded_psnr)


def learning_rates(model: CoordinateModel) -> tuple[dict[str, float], set[str]]:
    """Return the peak rate of every tensor, and the names of those that take Muon steps."""
    chosen = model.learning_rates
    return {n: r.rate for n, r in chosen.items()}, {n for n, r in chosen.items() if r.muon}
