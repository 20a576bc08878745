"""Fitting latent grids and their networks to one plane of an image: an iterator.

Minimises  distortion + lambda * bits per pixel  over the latents and the networks at once; the
distortion is mean squared error, or another loss in units of it (fitting/losses.py).
Latents pass a soft rounding that hardens while Gaussian noise stands for what it still leaves open
(Agustsson and Theis 2020; annealed as in C3, Kim et al. 2024); in the last share of
the fit they are rounded for good, and the networks alone adapt to that: latents that went on moving
by gradients let through the rounding would creep towards the half, and long fits end far worse than
they were. Latents take RMSprop steps, networks SOAP steps.

A step (step.py) sees the whole image, or a window of a large one (step_windows.py).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inrcodec.codec.coolchic import windows
from inrcodec.codec.coolchic.model import CoolChic
from inrcodec.codec.coolchic.windows import Window
from inrcodec.codec.entropy.prior import MAX_MAGNITUDE
from inrcodec.codec.fitting.coolchic import forward
from inrcodec.codec.fitting.coolchic.schedule import (
    SCHEDULE,
    Rates,
    Schedule,
    network_rates,
)
from inrcodec.codec.fitting.coolchic.step import (
    Situation,
    gradients_of,
    noise_generator,
    rate_pixels,
)
from inrcodec.codec.fitting.coolchic.step_windows import StepWindows
from inrcodec.codec.fitting.losses import MSE, Distortion, Loss
from inrcodec.codec.fitting.optimizer import SQUARES, rms_step
from inrcodec.codec.fitting.robust import Backward, plain
from inrcodec.codec.fitting.soap import Soap
from inrcodec.errors import FitError

COMMON_STEPS = {"arm": -5, "synthesis": -10, "up": -10, "conv": -10}
"""log2 of usual quantisation steps of networks. Residuals below them cost hardly fewer bits."""

FINE_CHROMA = 2
"""Up to this level chroma grids without a symbol are left out of a fit."""


@dataclass(frozen=True, slots=True)
class Step:
    """One look at a running fit: `share` done in [0, 1], loss terms of the last step."""

    share: float
    step: int
    mse: float
    bits_per_pixel: float


@dataclass(frozen=True, slots=True)
class Initial:
    """The initialisation of a fit: `parameters` by name and `latents`, one float array per grid.

    `trained` are the networks that a file stores the residual to, by name: what moves away from
    them costs bits too, and is pulled back as hard as it costs. None without.
    """

    parameters: Mapping[str, NDArray[np.float32]]
    latents: Sequence[NDArray[np.float32] | Tensor]
    trained: Mapping[str, NDArray[np.float32]] | None = None


@dataclass(frozen=True, slots=True)
class Budget:
    """What a fit may spend: training steps, and seconds if there is a time limit."""

    steps: int
    seconds: float | None = None


class Setting(NamedTuple):
    """What a fit was begun with: its networks' trained values, by name (zeros without), the grids
    that it leaves out, and what says how it goes."""

    trained: Mapping[str, Tensor]
    left_out: Collection[int]
    rates: Rates
    schedule: Schedule
    budget: Budget
    seed: int


class GridFit:
    """One plane, one model. Iterate for `Step`; `latents` and `parameters` are there at any time.

    `target` (3, H, W) and `shown` as in `losses.Distortion`; `lmbda` (the Lagrange multiplier,
    squared error a bit per pixel is worth) may change while it runs. `rates` must suit the
    initialisation: `rates_for` a trained initialisation, `FULL_RATES` none. Every window of a large
    image moves the networks, whose learning rate is divided by the windows of a round. With
    `rehearse`, the first share of the budget is a fit of its own (rehearsal.py), until
    `change_loss`.
    """

    def __init__(
        self,
        target: Tensor,
        model: CoolChic,
        initial: Initial,
        budget: Budget,
        *,
        lmbda: float,
        rates: Rates,
        shown: Tensor | None = None,
        rehearse: bool = False,
        backward: Backward = plain,
        seed: int = 0,
        schedule: Schedule = SCHEDULE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.model, self.target, self.lmbda = model, target, lmbda
        self.distortion = Distortion(MSE, target, shown)
        self._device = target.device
        self.parameters = {
            name: torch.tensor(np.asarray(value), device=self._device).requires_grad_()
            for name, value in initial.parameters.items()
        }
        self._trained = {
            name: torch.zeros_like(tensor, requires_grad=False)
            if initial.trained is None
            else torch.tensor(initial.trained[name], device=self._device)
            for name, tensor in self.parameters.items()
        }
        self.latents = [
            torch.as_tensor(y, dtype=torch.float32).to(self._device).clone()
            for y in initial.latents
        ]
        self._left_out = _left_out(model, self.latents) if initial.trained else frozenset()
        for grid in self._left_out:
            self.latents[grid].zero_()
        self._squares: list[Tensor] = []  # of a fit of no steps none are needed
        self._first_step = self._first_round = 0
        slower = rates._replace(networks=rates.networks / schedule.windows_a_round(model))
        self._optimizer = Soap(self.parameters, network_rates(model, slower))
        self._rates, self._schedule, self._budget = rates, schedule, budget
        self._clock, self._begun = clock, clock()
        noise = noise_generator(seed, self._device)
        self._gradients = gradients_of(
            model, self._left_out, backward, noise, whole=not schedule.in_windows(model)
        )
        self._windows = StepWindows(model, np.random.default_rng(seed), schedule)
        self._ahead, self._rehearsing = 0.0, rehearse
        self.setting = Setting(self._trained, self._left_out, slower, schedule, budget, seed)
        self.step = 0

    def __iter__(self) -> Iterator[Step]:
        """Run to the end of the budget."""
        schedule = self._schedule
        while (share := self.share()) < 1:
            mse, distortion, bits = self._train(self.position(share))
            reporting = self.step % schedule.report_every == 0
            looking = reporting and self._worth(distortion, bits) < schedule.worth_little
            if looking and self._worth(*self._rounded_cost()) < schedule.worth_nothing:
                self._ahead = max(self._ahead, 1 - schedule.hard_share - share)
            if reporting or self.step == self._budget.steps:
                yield Step(self.share(), self.step, mse, bits)

    @torch.no_grad()
    def take(self, parameters: Mapping[str, Tensor], latents: Sequence[Tensor], steps: int) -> None:
        """End with what was trained elsewhere in so many steps, as this fit would have (stacked/
        trains many at once)."""
        for name, value in parameters.items():
            self.parameters[name].copy_(value)
        for own, value in zip(self.latents, latents, strict=True):
            own.copy_(value)
        self.step, self._ahead = steps, 1.0

    def _worth(self, distortion: float, bits: float) -> float:
        """The rate-distortion cost in bits a pixel."""
        return distortion / self.lmbda + bits

    @torch.no_grad()
    def _rounded_cost(self) -> tuple[float, float]:
        """Distortion and bits per pixel of the whole with latents rounded as in a file;
        infinite for an image too large to look at as a whole."""
        if self._schedule.in_windows(self.model):
            return math.inf, math.inf
        rounded, window = [torch.round(y) for y in self.latents], windows.whole(self.model)
        made = forward.colours(self.model, self.parameters, rounded, window)
        bits = forward.bits(self.model, self.parameters, rounded, window, forward.empty(rounded))
        return float(self.distortion(made, window)), float(bits) / rate_pixels(self.model)

    @torch.no_grad()
    def change_loss(self, loss: Loss) -> None:
        """Go on under another loss, so weighed that it asks for about as many bits."""
        window = windows.middle(self.model)
        rounded = [torch.round(y) for y in self.latents]
        made = forward.colours(self.model, self.parameters, rounded, window)
        self._rehearsing = False
        self.distortion = Distortion(loss, self.target, self.distortion.shown)
        with torch.enable_grad():
            self.distortion.weigh(made, window)

    def refit(self, steps: int, *, settled: bool = True) -> Iterator[float]:
        """Run the end of the schedule again in so many steps, after a change of `lmbda`; yields the
        share of them that is done now and then. Of a fit that has `settled` a few steps run a short
        end: from its middle they would undo more than they mend.

        Mean squares begin anew: those of the last steps, in which the rounding let hardly any
        gradient through, would send every latent off by most of a step (a refit of 204 steps took
        a file of 6.7 KB to 26 KB).
        """
        self._squares, self._first_step = [], self.step
        self._first_round = self._windows.round
        share = self._schedule.refit_pace * steps / max(1, self.step)
        first = max(0.5, 1 - share) if settled else 0.5
        for step in range(steps):
            self._train(first + (1 - first) * step / steps)
            if step % self._schedule.report_every == 0:
                yield (step + 1) / steps

    @torch.no_grad()
    def change_lambda(self, lmbda: float) -> None:
        """Go on under another lambda, without a trained initialisation: at once with coarser or
        finer latents, which at the best trade move as its square root, and networks that make the
        same of them."""
        factor = math.sqrt(lmbda / self.lmbda)
        self.lmbda = lmbda
        forward.coarsen(self.model, self.parameters, factor)
        for y in self.latents:
            y.div_(factor)
        for squares in self._squares:
            squares.mul_(factor**2)

    def share(self) -> float:
        """How much of the budget is spent, in [0, 1], by steps or by the clock."""
        steps, seconds = self._budget.steps, self._budget.seconds
        share = self.step / steps if steps else 1.0
        if seconds is not None:
            share = max(share, (self._clock() - self._begun) / max(1e-3, seconds))
        return min(share + self._ahead, 1.0)

    def position(self, share: float) -> float:
        """Where in its schedule a fit is that has spent a share of its budget."""
        if self._rehearsing:
            rehearsed = share / self._schedule.rehearsal_share
            return min(rehearsed, 1.0) * (1 - self._schedule.hard_share)
        return share

    def rounded(self, offset: float = 0.0) -> list[Tensor]:
        """The latents as 32-bit integers; those within `offset` above a half go to the smaller
        one."""
        return [
            torch.floor(y.abs() + (0.5 - offset)).clamp_(max=MAX_MAGNITUDE).copysign_(y).int()
            for y in self.latents
        ]

    def values(self) -> dict[str, NDArray[np.float32]]:
        """The parameters as arrays."""
        return {n: t.detach().cpu().numpy().copy() for n, t in self.parameters.items()}

    def _train(self, share: float) -> tuple[float, float, float]:
        """One step on one window; returns its mean squared error, distortion and bits per pixel."""
        window, schedule = next(self._windows), self._schedule
        hard = share >= 1 - schedule.hard_share
        rounding = None if hard else self._rates.softening.at(share)
        now = Situation(
            self.parameters, self.latents, window, rounding, self.lmbda, self.distortion
        )
        cost = self._gradients(now)
        if not math.isfinite(cost.distortion):
            raise FitError("the fit diverged: the error is not finite; try another seed")
        self._pull(1 / rate_pixels(self.model))
        warm = min(1.0, (self.step - self._first_step + 1) / self._rates.warm_up_steps)
        factor = 0.5 * (1 + math.cos(math.pi * share)) * warm
        if not hard:
            self._move(cost.by_latents, window, self._rates.latents * factor)
        self._optimizer.step(factor, schedule.most_norm / math.sqrt(self.lmbda))
        self.step += 1
        return cost.mse, cost.distortion, cost.bits_per_pixel

    @torch.no_grad()
    def _pull(self, bits: float) -> None:
        """Add the gradient of what the networks cost, in loss units of `bits` a bit.

        n residuals of mean size m take about n log2(2 e m / step) bits as Laplace variables, so
        each is worth 1.44 / m bits a unit.
        """
        for group, names in self.model.groups.items():
            residuals = [self.parameters[name] - self._trained[name] for name in names]
            total = sum(float(r.abs().sum()) for r in residuals)
            least = 2.0 ** COMMON_STEPS[group.split(".")[0]]
            mean = max(total / sum(r.numel() for r in residuals), least)
            for name, residual in zip(names, residuals, strict=True):
                gradient = self.parameters[name].grad
                if gradient is not None:
                    pull = math.sqrt(self.lmbda) * bits / (math.log(2) * mean)
                    gradient.add_(residual.sign_(), alpha=pull)

    @torch.no_grad()
    def _move(self, gradients: Sequence[Tensor | None], window: Window, rate: float) -> None:
        """RMSprop on the latents of a window, its mean squares unbiased as Adam's, in place."""
        self._squares = self._squares or [torch.zeros_like(y) for y in self.latents]
        rounds = max(1, self._windows.round - self._first_round)
        correction = math.sqrt(1 - SQUARES**rounds)
        for grid, gradient in enumerate(gradients):
            if gradient is not None:
                top, bottom, left, right = windows.owned(self.model, window, grid)
                here = slice(top, bottom), slice(left, right)
                given = gradient, self._squares[grid][here], self.latents[grid][here]
                rms_step(*given, rate=rate * correction, damping=self._rates.damping)


def _left_out(model: CoolChic, latents: Sequence[Tensor]) -> frozenset[int]:
    """Fine chroma grids in which a trained initialisation has no symbol: at low rates they stay
    empty, and the fit is a fifth faster, and better, without their noise."""
    return frozenset(
        grid
        for grid in range(model.levels, len(latents))
        if model.grid_levels[grid] <= FINE_CHROMA and not bool(torch.round(latents[grid]).any())
    )
