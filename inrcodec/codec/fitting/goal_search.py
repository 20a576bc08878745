"""From a finished fit to a file of the size or the PSNR asked for.

The file's own bytes and its own decoded error steer the search: first by another rounding of the
same latents, then by some more fitting under another lambda.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from inrcodec.codec.entropy.quantized import Quantized
from inrcodec.codec.fitting.rate_control import (
    FIRST_LAMBDA,
    LAST_LAMBDA,
    LEAST_SHARE,
    Goal,
    corrected,
    measured_exponent,
)
from inrcodec.errors import RateError, RateWarning, warn

ATTEMPTS, FORCED_ATTEMPTS = 5, 7
"""A goal missed takes up to so many further fits; the forced ones only while the file is too large,
or not good enough, to be handed out at all."""

MOST_DOWN, MOST_UP, TRIALS, NEAR = 0.03, 0.03, 4, 0.06
"""A goal missed by less than `NEAR` (a logarithm) is first met by rounding: latents up to so far
above or below a half go the other way. Only a last touch: 0.03 takes 1.5 % of the bytes of Kodak 23
(0.25 bits a pixel) and 0.16 dB, where a lambda takes 0.1 dB, and more takes hardly more bytes."""

HURRIED_NEAR, HURRIED_DOWN = 0.5, 0.4
"""Likewise where there is no time to fit: any size asked for is met, at a loss in quality."""


HOPELESS = math.log(2)
"""Where the largest lambda misses a size by so much (a logarithm), further fits do not reach it:
six crops of photographs, effort 1, twelve fits under that lambda gave 0.56 to 0.97 of the bytes of
the first."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A file, its PSNR in dB, and its quantised networks."""

    data: bytes
    psnr_db: float
    networks: list[Quantized]

    @property
    def rank(self) -> tuple[int, float]:
        """Bytes and dB, as `Goal.better` compares them."""
        return len(self.data), self.psnr_db


@dataclass(frozen=True, slots=True)
class Foreseen:
    """Bytes and dB that a file would have if latents were rounded with an `offset`."""

    rank: tuple[int, float]
    offset: float


class Fitted(Protocol):
    """What is searched: a fit that can be written, and go on under another lambda."""

    @property
    def lmbda(self) -> float:
        """The lambda as it is now."""
        ...

    @property
    def late(self) -> bool:
        """Whether there is no time for more than what must be."""
        ...

    @property
    def is_fitted(self) -> bool:
        """Whether anything is trained, beyond the initialisation."""
        ...

    def refit(self, lmbda: float) -> Iterator[float]:
        """Continue the fit under another lambda; yields the share of it that is done."""
        ...

    def written(self, networks: list[Quantized] | None = None, offset: float = 0.0) -> Candidate:
        """The file: of networks chosen anew, or those given; `offset` moves what latents round
        to."""
        ...

    def tried(self, latest: Candidate, offset: float) -> Candidate | Foreseen:
        """The latest file with another rounding; or what is foreseen of it, where writing it takes
        long."""
        ...


class GoalSearch:
    """The search for the file nearest to a goal. Iterate, then `result()`; one that was left goes
    on from the fit as it is when it is entered again."""

    def __init__(self, fitted: Fitted, goal: Goal) -> None:
        self._fitted, self._goal = fitted, goal
        self.best: Candidate | None = None

    def __iter__(self) -> Iterator[float]:
        """Search to the end; yields the share of the search that is done, if it takes the usual
        attempts: each about half of what is left."""
        goal, fitted = self._goal, self._fitted
        best, latest = self._with(fitted.written())
        before: tuple[float, float] | None = None
        for attempt in range(0 if goal.fixed else ATTEMPTS + FORCED_ATTEMPTS):
            if goal.met(*best.rank) or goal.met(*latest.rank):
                break
            if (attempt >= ATTEMPTS or fitted.late) and goal.kept(*best.rank):
                break
            best, trimmed = self._with(_trimmed(fitted, goal, latest))
            if goal.met(*trimmed.rank) or (fitted.late and goal.kept(*best.rank)):
                break
            here = (fitted.lmbda, _miss(goal, latest.rank))
            if goal.size_bytes is not None and here[0] >= LAST_LAMBDA and here[1] < -HOPELESS:
                break
            exponent = (
                goal.exponent if before is None else measured_exponent(before, here, goal.exponent)
            )
            lmbda = corrected(*here, exponent)
            if goal.psnr_db is not None and lmbda == here[0]:
                break  # the least or the largest lambda there is: more fits stay as they are
            for share in fitted.refit(lmbda):
                yield 1 - (1 - share / 2) / 2**attempt
            before = here
            best, latest = self._with(fitted.written())

    def result(self) -> bytes:
        """The file found; raises `RateError` if it cannot be kept to what was asked for."""
        best = self.best or self._with(self._fitted.written())[0]
        _check(self._goal, best, self._fitted)
        return best.data

    def _with(self, candidate: Candidate) -> tuple[Candidate, Candidate]:
        """The best so far with another candidate, and that candidate."""
        if self.best is None or self._goal.better(candidate.rank, self.best.rank):
            self.best = candidate
        return self.best, candidate


def _trimmed(fitted: Fitted, goal: Goal, latest: Candidate) -> Candidate:
    """The best file that another rounding of the same latents makes of one near the goal, or of any
    that is too large where there is no time for more."""
    miss = _miss(goal, latest.rank)
    hurried = fitted.late and not goal.kept(*latest.rank)
    if abs(miss) > (HURRIED_NEAR if hurried else NEAR):
        return latest
    smaller = (miss < 0) == (goal.psnr_db is None)
    most_down = HURRIED_DOWN if hurried else MOST_DOWN
    best: Candidate | Foreseen = latest
    low, high = 0.0, most_down if smaller else -MOST_UP
    for _ in range(TRIALS):
        offset = (low + high) / 2
        trial = fitted.tried(latest, offset)
        if not smaller and trial.rank[1] < latest.psnr_db:
            break  # bytes that buy nothing, whatever the loss
        if goal.better(trial.rank, best.rank):
            best = trial
        if goal.met(*trial.rank):
            break
        if (_miss(goal, trial.rank) < 0) == (miss < 0):
            low = offset
        else:
            high = offset
    if isinstance(best, Foreseen):
        return fitted.written(latest.networks, best.offset)
    return best


def _miss(goal: Goal, rank: tuple[int, float]) -> float:
    """How far a file of so many bytes and dB is from the goal: see `Goal.miss`."""
    return goal.miss(rank[0], 10 ** (-rank[1] / 10))


def _check(goal: Goal, best: Candidate, fitted: Fitted) -> None:
    """Refuse a file beyond the size asked for; warn of one far below it, or below a PSNR."""
    if goal.psnr_db is not None and best.psnr_db < goal.psnr_db:
        reached = f"{best.psnr_db:.2f} dB of the {goal.psnr_db:g} asked for"
        warn(f"{reached}: {_shortfall(fitted, 'can do no better')}", RateWarning)
    size, used = goal.size_bytes, len(best.data)
    if size is not None and used > size:
        raise RateError(
            f"{size} bytes are too few for this image: the smallest file found has {used}"
        )
    if size is not None and used < LEAST_SHARE * size:
        reason = _shortfall(fitted, "can use no more")
        warn(f"{used} bytes of the {size} asked for: {reason}", RateWarning)


def _shortfall(fitted: Fitted, exhausted: str) -> str:
    """Why a file falls short of its goal, and what may help."""
    if fitted.lmbda > FIRST_LAMBDA:
        return "the search came no nearer, a higher effort may"
    if not fitted.is_fitted:
        return f"the initialisation {exhausted}, an effort of 1 or more may"
    return f"the model {exhausted}"
