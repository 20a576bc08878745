"""Fitting latent grids and their networks to one plane of an image: an iterator.

Minimises  distortion + lambda * bits per pixel  over the latents and the networks at once; the
distortion is mean squared error, or another loss in units of it (fitting/losses.py).
Latents pass a soft rounding that hardens while Gaussian noise stands for what it still leaves open
(Agustsson and Theis 2020; annealed as in C3, Kim et al. 2024); in the last share of
the fit they are rounded for good, and the networks alone adapt to that: latents that went on moving
by gradients let through the rounding would creep towards the half, and long fits end far worse than
they were. Latents take RMSprop steps, networks SOAP steps.

A step (step.py) sees the whole image, or a window of a large one (step_windows.py). Everything that
lasts from step to step is an array here; what a step computes, a backend does (backend.py).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inrcodec.codec.coolchic import windows
from inrcodec.codec.coolchic.model import CoolChic
from inrcodec.codec.coolchic.windows import Window
from inrcodec.codec.entropy.prior import MAX_MAGNITUDE
from inrcodec.codec.fitting.coolchic import initialisation
from inrcodec.codec.fitting.coolchic.backend import Backend, empty
from inrcodec.codec.fitting.coolchic.chroma_choice import left_out, without
from inrcodec.codec.fitting.coolchic.fit_setting import Budget, Initial, Setting, Step
from inrcodec.codec.fitting.coolchic.network_cost import pulled
from inrcodec.codec.fitting.coolchic.noise_control import NoiseControl
from inrcodec.codec.fitting.coolchic.retreat import Move, Retreat
from inrcodec.codec.fitting.coolchic.schedule import SCHEDULE, Rates, Schedule, network_rates
from inrcodec.codec.fitting.coolchic.step import Situation, rate_pixels
from inrcodec.codec.fitting.coolchic.step_windows import StepWindows
from inrcodec.codec.fitting.losses import MSE, Distortion, Loss
from inrcodec.codec.fitting.rmsprop import SQUARES, rms_step
from inrcodec.codec.fitting.soap import Soap
from inrcodec.codec.native.networks import Array
from inrcodec.errors import FitError


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
        target: Array,
        model: CoolChic,
        initial: Initial,
        budget: Budget,
        *,
        lmbda: float,
        rates: Rates,
        backend: Backend,
        shown: Array | None = None,
        rehearse: bool = False,
        seed: int = 0,
        schedule: Schedule = SCHEDULE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.model, self.target, self.lmbda, self.backend = model, target, lmbda, backend
        self.distortion = Distortion(MSE, target, shown, backend.device)
        self.parameters = {n: np.array(v, np.float32) for n, v in initial.parameters.items()}
        self._trained = initial.trained or {
            name: np.zeros_like(value) for name, value in self.parameters.items()
        }
        self.latents = [np.array(y, np.float32) for y in initial.latents]
        self._left_out: frozenset[int] = frozenset()
        if initial.trained:
            self._left_out = left_out(model, self.latents, self._cost, rates.regained)
            self.latents = without(self.latents, self._left_out)
        self._squares: list[Array] = []  # of a fit of no steps none are needed
        self._first_step = self._first_round = 0
        slower = rates._replace(networks=rates.networks / schedule.windows_a_round(model))
        self._optimizer = Soap(self.parameters, network_rates(model, slower))
        self._rates, self._schedule, self._budget = rates, schedule, budget
        self._clock, self._begun = clock, clock()
        noise = np.random.default_rng(seed)
        self._gradients = backend.gradients(model, self._left_out, noise)
        self._noise = NoiseControl(rates, schedule)
        self._retreat = Retreat(budget.steps, schedule)
        self._best: list[Array] = []
        self._windows = StepWindows(model, np.random.default_rng(seed), schedule)
        self._ahead, self._rehearsing = 0.0, rehearse
        self.setting = Setting(self._trained, self._left_out, slower, schedule, budget, seed)
        self.step = 0

    def __iter__(self) -> Iterator[Step]:
        """Run to the end of the budget."""
        schedule = self._schedule
        while (share := self.share()) < 1:
            position = self.position(share)
            if self._retreat.wants(self.step, position):
                self._look_back(position)
            mse, distortion, bits = self._train(position)
            reporting = self.step % schedule.report_every == 0
            looking = reporting and self._worth(distortion, bits) < schedule.worth_little
            if looking and self._worth(*self._rounded_cost()) < schedule.worth_nothing:
                self._ahead = max(self._ahead, 1 - schedule.hard_share - share)
            if reporting or self.step == self._budget.steps:
                yield Step(self.share(), self.step, mse, bits)

    def _look_back(self, share: float) -> None:
        """Remember latents and networks that are better than before, or go back to those."""
        move = self._retreat.saw(share, self._worth(*self._rounded_cost()), self.lmbda)
        state = [*self.latents, *self.parameters.values()]
        if move is Move.KEEP:
            self._best = [array.copy() for array in state]
        elif move is Move.GO_BACK:
            for array, best in zip(state, self._best, strict=True):
                array[:] = best
            self._noise.raised()

    def take(self, parameters: Mapping[str, Array], latents: Sequence[Array], steps: int) -> None:
        """End with what was trained elsewhere in so many steps, as this fit would have (stacked/
        trains many at once)."""
        for name, value in parameters.items():
            self.parameters[name][:] = value
        for own, value in zip(self.latents, latents, strict=True):
            own[:] = value
        self.step, self._ahead = steps, 1.0

    def _worth(self, distortion: float, bits: float) -> float:
        """The rate-distortion cost in bits a pixel."""
        return distortion / self.lmbda + bits

    def _rounded_cost(self) -> tuple[float, float]:
        """Distortion and bits per pixel of the whole with latents rounded as in a file;
        infinite for an image too large to look at as a whole."""
        if self._schedule.in_windows(self.model):
            return math.inf, math.inf
        rounded, window = [np.rint(y) for y in self.latents], windows.whole(self.model)
        bits, made = self._looked_at(rounded, window)
        return self.distortion(made, window), bits / rate_pixels(self.model)

    def measured(self, offset: float = 0.0) -> tuple[float, float]:
        """Bits of the latents, rounded as they are now, and the mean squared error; of a large
        image, by a sample. `offset` as in `rounded`."""
        return self._measured(
            self.rounded(offset) if offset else [np.rint(y) for y in self.latents]
        )

    def _cost(self, latents: Sequence[Array]) -> float:
        """Squared error and lambda times bits per pixel of latents, rounded, with the networks as
        they are."""
        bits, error = self._measured([np.rint(y) for y in latents])
        return error + self.lmbda * bits / rate_pixels(self.model)

    def _measured(self, rounded: Sequence[NDArray[Any]]) -> tuple[float, float]:
        """As `measured`, of latents that are rounded."""
        sample = windows.sample(self.model)
        pixels = sum(map(windows.area, sample))
        share = pixels / (self.model.width * self.model.height)
        bits = error = 0.0
        for window in sample:
            own, made = self._looked_at(rounded, window)
            bits += own / share
            weight = windows.area(window) / pixels
            error += self.distortion.squared_error(made, window) * weight
        return bits, error

    def _looked_at(self, rounded: Sequence[NDArray[Any]], window: Window) -> tuple[float, Array]:
        """Bits and colours of a window of rounded latents."""
        given = self.model, self.parameters, rounded, window
        return self.backend.bits(*given, empty(rounded)), self.backend.colours(*given)

    def change_loss(self, loss: Loss) -> None:
        """Go on under another loss, so weighed that it asks for about as many bits."""
        window = windows.middle(self.model)
        rounded = [np.rint(y) for y in self.latents]
        made = self.backend.colours(self.model, self.parameters, rounded, window)
        self._rehearsing = False
        self._retreat = Retreat(self._budget.steps, self._schedule)
        before = self.distortion
        self.distortion = Distortion(loss, self.target, before.shown, before.device)
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

    def change_lambda(self, lmbda: float) -> None:
        """Go on under another lambda, without a trained initialisation: at once with coarser or
        finer latents, which at the best trade move as its square root, and networks that make the
        same of them."""
        factor = math.sqrt(lmbda / self.lmbda)
        self.lmbda = lmbda
        initialisation.coarsen(self.model, self.parameters, factor)
        for y in self.latents:
            y /= np.float32(factor)
        for squares in self._squares:
            squares *= np.float32(factor**2)

    def share(self) -> float:
        """How much of the budget is spent, in [0, 1], by steps or by the clock."""
        steps, seconds = self._budget.steps, self._budget.seconds
        share = self.step / steps if steps else 1.0
        if seconds is not None:
            spent = self._clock() - self._begun
            kept = self._budget.kept_steps * spent / max(1, self.step)
            share = max(share, spent / max(1e-3, seconds - kept))
        return min(share + self._ahead, 1.0)

    def position(self, share: float) -> float:
        """Where in its schedule a fit is that has spent a share of its budget."""
        if self._rehearsing:
            rehearsed = share / self._schedule.rehearsal_share
            return min(rehearsed, 1.0) * (1 - self._schedule.hard_share)
        return share

    def rounded(self, offset: float = 0.0) -> list[NDArray[np.int32]]:
        """The latents as 32-bit integers; those within `offset` above a half go to the smaller
        one."""
        half = np.float32(0.5 - offset)
        return [
            np.copysign(np.floor(np.abs(y) + half).clip(max=MAX_MAGNITUDE), y).astype(np.int32)
            for y in self.latents
        ]

    def values(self) -> dict[str, Array]:
        """A copy of the parameters."""
        return {name: value.copy() for name, value in self.parameters.items()}

    def _train(self, share: float) -> tuple[float, float, float]:
        """One step on one window; returns its mean squared error, distortion and bits per pixel."""
        window, schedule = next(self._windows), self._schedule
        hard = share >= 1 - schedule.hard_share
        rounding = None if hard else self._noise.at(share)
        now = Situation(
            self.parameters, self.latents, window, rounding, self.lmbda, self.distortion
        )
        cost = self._gradients(now)
        if not math.isfinite(cost.distortion):
            raise FitError("the fit diverged: the error is not finite; try another seed")
        worth = math.sqrt(self.lmbda) / rate_pixels(self.model)  # of a bit, in units of the loss
        gradients = pulled(self.model, cost.by_parameters, self.parameters, self._trained, worth)
        warm = min(1.0, (self.step - self._first_step + 1) / self._rates.warm_up_steps)
        factor = 0.5 * (1 + math.cos(math.pi * share)) * warm
        if not hard:
            self._move(cost.by_latents, window, self._rates.latents * factor)
        self._optimizer.step(gradients, factor, schedule.most_norm / math.sqrt(self.lmbda))
        self.step += 1
        if self._noise.wants(self.step, share):
            self._noise.saw(share, cost.mse, self._rounded_error(window))
        return cost.mse, cost.distortion, cost.bits_per_pixel

    def _rounded_error(self, window: Window) -> float:
        """The squared error of a window with its latents rounded."""
        rounded = [np.rint(y) for y in self.latents]
        made = self.backend.colours(self.model, self.parameters, rounded, window)
        return self.distortion.squared_error(made, window)

    def _move(self, gradients: Sequence[Array | None], window: Window, rate: float) -> None:
        """RMSprop on the latents of a window, its mean squares unbiased as Adam's, in place."""
        self._squares = self._squares or [np.zeros_like(y) for y in self.latents]
        rounds = max(1, self._windows.round - self._first_round)
        correction = math.sqrt(1 - SQUARES**rounds)
        for grid, gradient in enumerate(gradients):
            if gradient is not None:
                top, bottom, left, right = windows.owned(self.model, window, grid)
                here = slice(top, bottom), slice(left, right)
                given = gradient, self._squares[grid][here], self.latents[grid][here]
                rms_step(*given, rate=rate * correction, damping=self._rates.damping)
