"""Pixels -> bytes with latent grids: initialise, fit, quantise, meet the goal, write.

An image is one plane of colours, and a second one if it has alpha; gray is a colour plane whose
three colours are equal. Planes are fitted side by side under one lambda. The file's own bytes and
its own decoded error steer lambda, so a size or a PSNR asked for is that of the file.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from itertools import zip_longest

from inrcodec.codec.coolchic import init_tables
from inrcodec.codec.coolchic.features import COMPLEXITIES, FEATURES
from inrcodec.codec.coolchic.model import CoolChic, grids_model
from inrcodec.codec.entropy.quantized import Quantized
from inrcodec.codec.fitting.coolchic import initialisation
from inrcodec.codec.fitting.coolchic.backend import Backend
from inrcodec.codec.fitting.coolchic.backends import backend_of
from inrcodec.codec.fitting.coolchic.first_lambda import coarsest_bytes, first_lambda, widened
from inrcodec.codec.fitting.coolchic.fit import GridFit
from inrcodec.codec.fitting.coolchic.fit_setting import Step
from inrcodec.codec.fitting.coolchic.grid_file import GridFile
from inrcodec.codec.fitting.coolchic.pace import Pace
from inrcodec.codec.fitting.coolchic.plane_fit import PlaneFits
from inrcodec.codec.fitting.coolchic.schedule import (
    SCHEDULE,
    Schedule,
)
from inrcodec.codec.fitting.coolchic.steering import Steering
from inrcodec.codec.fitting.coolchic.step import rate_pixels
from inrcodec.codec.fitting.coolchic.targets import planes_of, shown_of
from inrcodec.codec.fitting.goal_search import Candidate, Foreseen, GoalSearch
from inrcodec.codec.fitting.losses import MSE
from inrcodec.codec.fitting.plan import EncodePlan
from inrcodec.codec.native.networks import Array
from inrcodec.codec.progress import Progress, in_steps
from inrcodec.images.graphics import is_unlike_photographs
from inrcodec.pixels import Picture, decibels

FAMILIES = {family.label: family for family in FEATURES}


class GridEncoding:
    """One encode with latent grids; see `encode.Encoding`."""

    def __init__(
        self,
        picture: Picture,
        plan: EncodePlan,
        *,
        schedule: Schedule = SCHEDULE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        started = clock()
        self.picture, self.plan, self._schedule = picture, plan, schedule
        family = FAMILIES[plan.model]
        sizes = COMPLEXITIES[plan.complexity] if plan.complexity else {}
        self.model: CoolChic = grids_model(family, picture.width, picture.height, **sizes)
        self._init: tuple[int, int] | None = None
        self._file.check_limits()
        self._targets, self._shown = planes_of(picture), shown_of(picture)
        planes = len(self._targets)
        self._pace = Pace(self.model, planes, plan.time_limit, schedule, clock, started)
        unlike = is_unlike_photographs(picture)
        self._briefly = unlike and plan.effort == 0
        self._steps = self._pace.steps(plan.effort, unlike=self._briefly)
        robust, device, seed = plan.robust, plan.device, plan.seed
        self._backend = backend_of(self.model, robust=robust, device=device, seed=seed)
        given = plan, self._steps, self._pace, self._backend, schedule, clock
        self._plane_fits = PlaneFits(*given, unlike=unlike)
        with self._backend.threads(plan.threads):
            sized = self.model.complexity is not None and plan.goal.size_bytes is not None
            coarsest = coarsest_bytes(*self._given) if sized else 0.0
            self._initialise()
        self._file.check_size(coarsest)
        self._search = GoalSearch(self, plan.goal)
        self._begun = self._fitted = self._ended = False
        self._seen: tuple[Candidate, tuple[int, float]] | None = None
        self._latest: tuple[list[GridFit], int, Candidate] | None = None
        self._running = in_steps(self._progress(), lambda: self._backend.threads(plan.threads))

    def __iter__(self) -> Iterator[Progress]:
        """Fit all planes step by step, correcting lambda, then search for what was asked for."""
        return self._running

    def finish(self) -> bytes:
        """The file that was found; of an encode that was left, at once what there is, brought to
        the size asked for."""
        with self._backend.threads(self.plan.threads):
            if not self._ended:
                self._hurry()
                for _ in self._search:
                    pass
                self._ended = True
            return self._search.result()

    @property
    def expected_s(self) -> float:
        """Seconds that the encode takes on a common machine, roughly."""
        attempts = 1 if self.plan.goal.fixed else self._schedule.usual_attempts
        return self._pace.expected_s(self._steps, attempts)

    @property
    def fits(self) -> Sequence[GridFit]:
        """The fits of all planes."""
        return self._fits

    @property
    def is_fitted(self) -> bool:
        """Whether anything is trained, beyond the initialisation."""
        return self._fits[0].step > 0

    @property
    def lmbda(self) -> float:
        """The lambda of the fits as they are now."""
        return self._steering.lmbda

    @property
    def late(self) -> bool:
        """Whether a time limit has passed, or the time that one who does not wait has."""
        return self._pace.late

    def refit(self, lmbda: float) -> Iterator[float]:
        """Fit some more under another lambda; where that is far from the trained initialisation, or
        nothing was fitted, anew from its own."""
        self._steering.set_lambda(lmbda)
        apart = initialisation.sets_apart(lmbda, self._initialised_at)
        hurried = self._pace.hurried
        untouched = self._steps == 0 or (hurried and not self._fits[0].step)
        near = self._schedule.near_inits(self._pace.budget(self._steps)[1])
        far = untouched or (apart > near and not hurried)
        if far and self._init is not None and self._steering.rehearsal is None:
            if untouched and initialisation.same(lmbda, self._initialised_at):
                return
            self._init = (self._init[0], initialisation.init_index(lmbda))
            self._make_fits(lmbda)
            for number, fit in enumerate(() if hurried else self._fits):
                for step in fit:
                    yield (number + step.share) / len(self._fits)
            return
        steps = min(self._fits[0].step, self._steps)
        count = max(self._schedule.least_refit, round(steps * self._schedule.refit_share))
        if hurried:
            count = min(count, self._pace.hurried_steps(self._taken))
        for number, fit in enumerate(self._fits if steps else ()):
            for part in fit.refit(count, settled=not hurried):
                yield (number + part) / len(self._fits)

    @property
    def _taken(self) -> int:
        """Steps of all planes so far."""
        return sum(fit.step for fit in self._fits)

    def _hurry(self) -> None:
        """From now on take no longer than one waits who asked for an end. A fit that has not ended
        settles first: its latents are those of the noise it was trained with."""
        schedule = self._schedule
        if self._begun or self._steps:
            self._pace.hurry()
        if self._fitted or not self._fits[0].step:
            return
        if self._init is not None and self._fits[0].step < schedule.least_fit:
            self._make_fits(self.lmbda)
            return
        for _ in range(schedule.hurried_rounds):
            if self.late:
                break
            if not self.plan.goal.fixed and self._steering.settled:
                self._steering.aim()
            for fit in self._fits:
                for _ in fit.refit(self._pace.hurried_steps(self._taken), settled=False):
                    pass

    def _initialise(self) -> None:
        """Choose lambda and the trained initialisation, and make the fits."""
        goal = self.plan.goal
        lmbda = goal.lmbda
        if self.model.complexity is not None:
            if not goal.fixed:
                given = *self._given, goal, self._file.usual_overhead(fitted=self._steps > 0)
                lmbda = first_lambda(*given, fitted=self._steps > 0)
            index = initialisation.init_index(lmbda)
            if self._may_widen:
                self.model = widened(*self._given, index, self._schedule.wide_bytes)
            self._init = init_tables.identity(str(self.model.complexity)), index
        self._make_fits(lmbda)

    @property
    def _given(self) -> tuple[Backend, CoolChic, list[Array]]:
        """What measures, of what, by what model."""
        return self._backend, self.model, self._targets

    @property
    def _may_widen(self) -> bool:
        """Whether a fit is long enough for wide networks, and its tier not chosen."""
        plan, schedule = self.plan, self._schedule
        long = plan.effort >= schedule.wide_effort
        if plan.time_limit is not None:
            rounds = self._pace.budget(self._steps)[1]
            long = rounds >= schedule.effort_steps[schedule.wide_effort]
        return long and plan.complexity is None

    def _make_fits(self, lmbda: float) -> None:
        """Make the fits of all planes, and what steers them; that of colours rehearses a loss other
        than MSE."""
        self._initialised_at = lmbda
        rehearsing = [self.plan.loss is not MSE, False]
        given = self.model, self._init, lmbda
        self._fits = [
            self._plane_fits.fit(*given, target, shown, rehearse=rehearse)
            for target, shown, rehearse in zip(self._targets, self._shown, rehearsing, strict=False)
        ]
        self._steering = Steering(
            self._fits,
            self.plan.goal,
            self._file.usual_overhead(fitted=self._steps > 0),
            self.plan.loss,
            self._pace.budget(self._steps)[1],
            self._schedule,
            trained=self._init is not None,
        )

    def _progress(self) -> Iterator[Progress]:
        """Run the fits side by side, and steer them."""
        self._begun = True
        steps: list[Step | None] = [None] * len(self._fits)
        all_of_it = 1 - self._schedule.searched * (not self.plan.goal.fixed)
        count, psnr, seen = self._fits[0].step, 0.0, None  # steps that were taken together
        bare = self.written() if self._briefly and self.plan.goal.fixed else None
        for number, news in enumerate(zip_longest(*self._fits)):
            # one may have nothing left to gain, or no time
            steps = [new or old for new, old in zip(news, steps, strict=True)]
            latest = [step for step in steps if step is not None]
            share = min(step.share for step in latest)
            self._steering.look(share)
            if number % self._schedule.show_every == 0:
                seen = self._steering.seen()
            count, psnr = latest[0].step, decibels(latest[0].mse)
            yield self._now("fit", share * all_of_it, count, psnr, seen)
        self._fitted = True
        if bare is not None and self._cost(bare) <= self._cost(self.written()):
            self._make_fits(self.lmbda)  # a flat image: networks of its own are a burden
        for part in self._search:
            best = self._search.best
            found = None if best is None else (len(best.data), best.psnr_db)
            share = all_of_it + (1 - all_of_it) * part
            yield self._now("search", share, count, psnr, found)
        self._ended = True
        if count and self._search.best is not None:
            best = self._search.best
            yield self._now("search", 1.0, count, psnr, (len(best.data), best.psnr_db))

    def _now(
        self, stage: str, share: float, step: int, psnr: float, file: tuple[int, float] | None
    ) -> Progress:
        """Where the encode stands; `file` has bytes and dB of what would be written."""
        size, rounded = (None, None) if file is None else file
        elapsed = self._pace.elapsed_s
        return Progress(stage, min(share, 1.0), step, psnr, elapsed, rounded, size)

    @property
    def _file(self) -> GridFile:
        """The file of this image as it is encoded now."""
        return GridFile(self.picture, self.plan, self.model, self._init)

    def written(self, networks: list[Quantized] | None = None, offset: float = 0.0) -> Candidate:
        """The file of what was fitted: with the networks as given or, without, at steps searched
        for; `offset` as in `GridFit.rounded`."""
        as_is = networks is None and not offset
        latest = self._latest
        if as_is and latest and latest[0] is self._fits and latest[1] == self._taken:
            return latest[2]
        compensating = self._pace.compensates(self._fits[0].step)
        found = self._file.written(self._fits, networks, offset, compensating=compensating)
        if as_is:
            self._latest = self._fits, self._taken, found
        return found

    def _cost(self, file: Candidate) -> float:
        """The rate-distortion cost of a file."""
        bits_per_pixel = 8 * len(file.data) / rate_pixels(self.model)
        return float(10 ** (-file.psnr_db / 10) + self.lmbda * bits_per_pixel)

    def tried(self, latest: Candidate, offset: float) -> Candidate | Foreseen:
        """The latest file with another rounding; of a large image, what a sample foresees."""
        if not self._schedule.in_windows(self.model):
            return self.written(latest.networks, offset)
        if self._seen is None or self._seen[0] is not latest:
            self._seen = latest, self._steering.seen()
        before, now = self._seen[1], self._steering.seen(offset)
        size = len(latest.data) * now[0] / before[0] * self._schedule.foreseen_over
        return Foreseen((round(size), latest.psnr_db + now[1] - before[1]), offset)
