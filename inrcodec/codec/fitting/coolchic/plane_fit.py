"""The fit of one plane as an encode asks for it: where it begins, how long it is, at what rates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from inrcodec.codec.coolchic.model import CoolChic
from inrcodec.codec.fitting.coolchic import initialisation
from inrcodec.codec.fitting.coolchic.backend import Backend
from inrcodec.codec.fitting.coolchic.fit import GridFit
from inrcodec.codec.fitting.coolchic.fit_setting import Budget, Initial
from inrcodec.codec.fitting.coolchic.pace import Pace
from inrcodec.codec.fitting.coolchic.schedule import (
    FULL_RATE_STEPS,
    FULL_RATES,
    Schedule,
    rates_for,
)
from inrcodec.codec.fitting.plan import EncodePlan
from inrcodec.codec.native.networks import Array


@dataclass(frozen=True, slots=True)
class PlaneFits:
    """Makes the fits of an encode of so many steps; `unlike` says that its image is unlike
    photographs."""

    plan: EncodePlan
    steps: int
    pace: Pace
    backend: Backend
    schedule: Schedule
    clock: Callable[[], float]
    unlike: bool

    def fit(
        self,
        model: CoolChic,
        init: tuple[int, int] | None,
        lmbda: float,
        target: Array,
        shown: Array | None,
        *,
        rehearse: bool,
    ) -> GridFit:
        """The fit of a plane; `init` as in `GridFile`, the others as in `GridFit`."""
        seconds, rounds = self.pace.budget(self.steps)
        if init is None:
            mean = target.mean((1, 2), dtype=np.float64).astype(np.float32)
            parameters = initialisation.untrained(model, self.plan.seed, mean)
            latents = [np.zeros(shape, np.float32) for shape in model.grids]
            initial = Initial(parameters, latents)
            rates = FULL_RATES
        else:
            parameters, latents = initialisation.trained(model, target, init[1], lmbda)
            initial = Initial(parameters, latents, parameters)
            if self.unlike and self.plan.effort == 0:
                rounds = max(rounds, FULL_RATE_STEPS)  # a bad initialisation has little to lose
            rates = rates_for(rounds, lmbda)
            if self.unlike:
                rates = rates._replace(most_noise=0.0)
        return GridFit(
            target,
            model,
            initial,
            Budget(self.steps, seconds, 0.0 if seconds is None else self.schedule.search_steps),
            lmbda=lmbda,
            rates=rates,
            shown=shown,
            rehearse=rehearse,
            backend=self.backend,
            seed=self.plan.seed,
            schedule=self.schedule,
            clock=self.clock,
        )
