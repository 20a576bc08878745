"""Time of an encode: what there is, what is left, and what an encode takes."""

from __future__ import annotations

import math
from collections.abc import Callable

from inrcodec.codec import native
from inrcodec.codec.coolchic.model import CoolChic
from inrcodec.codec.fitting.coolchic.schedule import Schedule
from inrcodec.codec.fitting.plan import WITHOUT_LIMIT


class Pace:
    """The clock of one encode of so many planes of a model, with a limit in seconds or without, and
    with a hurry once its caller waits no more."""

    def __init__(
        self,
        model: CoolChic,
        planes: int,
        limit_s: float | None,
        schedule: Schedule,
        clock: Callable[[], float],
        started: float,
    ) -> None:
        self._model, self._planes, self._limit = model, planes, limit_s
        self._schedule, self._clock, self._started = schedule, clock, started
        self._hurry_until = math.inf

    @property
    def elapsed_s(self) -> float:
        """Seconds since the encode began."""
        return self._clock() - self._started

    @property
    def late(self) -> bool:
        """Whether the limit has passed, or the time that one who does not wait has."""
        now = self._clock()
        limit = self._limit
        return now > self._hurry_until or (limit is not None and now - self._started > limit)

    @property
    def hurried(self) -> bool:
        """Whether nobody waits for more than what there is."""
        return self._hurry_until < math.inf

    def hurry(self) -> None:
        """From now on take no longer than one waits who asked for an end."""
        self._hurry_until = self._clock() + self._schedule.hurry_s

    def hurried_steps(self, taken: int) -> int:
        """Steps of a plane that take a part of the time one waits, by those `taken` so far."""
        schedule = self._schedule
        each = self.elapsed_s / max(1, taken)
        count = schedule.hurry_s * schedule.hurried_share / max(each, 1e-9) / self._planes
        return max(schedule.least_hurried, min(schedule.most_hurried, int(count)))

    def steps(self, effort: int, *, unlike: bool) -> int:
        """Steps of a fit of this effort, or of one that time ends: none where that is so short that
        it would be worse than its trained initialisation."""
        if self._limit is None:
            return self._schedule.steps(effort, self._model, unlike=unlike)
        trained = self._model.complexity is not None
        short = self.budget(WITHOUT_LIMIT)[1] < self._schedule.least_fit
        return 0 if trained and short else WITHOUT_LIMIT

    def budget(self, steps: int) -> tuple[float | None, float]:
        """Seconds for a fit and the choice of network steps after it, if there is a limit, else
        None and `steps`; and how often it sees each latent."""
        schedule = self._schedule
        if self._limit is None:
            return None, steps / schedule.windows_a_round(self._model)
        after = schedule.reserve_s + schedule.write_s_per_pixel * self._pixels
        seconds = max(0.05, self._limit - self.elapsed_s - after)
        shorter = seconds - self._compensation_s
        if self._rounds(shorter) >= schedule.compensated_rounds:
            seconds = shorter
        return seconds, self._rounds(seconds)

    def compensates(self, steps: int) -> bool:
        """Whether so many steps are worth the time that networks rounded with compensation take,
        and it is there."""
        schedule = self._schedule
        if (
            self.hurried
            or steps / schedule.windows_a_round(self._model) < schedule.compensated_rounds
        ):
            return False
        return self._limit is None or self._limit - self.elapsed_s >= self._compensation_s

    def expected_s(self, steps: int, attempts: int) -> float:
        """Seconds that an encode takes on a common machine, roughly: a fit of so many steps, and so
        many files written of it and of shorter fits after it."""
        if self._limit is not None:
            return self._limit
        schedule = self._schedule
        seen = min(self._pixels, schedule.window_side**2 * self._planes)
        fits = 1 + schedule.refit_share * (attempts - 1)
        writing = schedule.reserve_s + schedule.write_s_per_pixel * self._pixels
        return steps * self._step_s_per_pixel * seen * fits + writing * attempts

    def _rounds(self, seconds: float) -> float:
        """How often a fit sees each latent in so many seconds, less those of the choice of network
        steps, roughly."""
        searching = self._schedule.search_steps / self._schedule.windows_a_round(self._model)
        return max(0.0, seconds / (self._step_s_per_pixel * self._pixels) - searching)

    @property
    def _compensation_s(self) -> float:
        """Seconds that rounding with compensation takes, roughly."""
        return self._schedule.compensation_s * self._planes

    @property
    def _pixels(self) -> int:
        """Pixels of all planes."""
        return self._model.width * self._model.height * self._planes

    @property
    def _step_s_per_pixel(self) -> float:
        """Seconds a pixel of a training step, roughly."""
        schedule, compiled = self._schedule, native.library() is not None
        return schedule.step_s_per_pixel if compiled else schedule.torch_step_s_per_pixel
