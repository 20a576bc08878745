"""From a finished fit to a file of the size or the PSNR asked for.

The file's own bytes and its own decoded error steer the search: first by another rounding of the
same latents, then by some more fitting under another lambda.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from inrcodec.codec.entropy.quantized import Quantized
from inrcodec.codec.fitting.rate_control import (
    FIRST_LAMBDA,
    LEAST_USED,
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

    def refit(self, lmbda: float) -> None:
        """Continue the fit under another lambda."""
        ...

    def written(self, networks: list[Quantized] | None = None, offset: float = 0.0) -> Candidate:
        """The file: of networks chosen anew, or those given; `offset` moves what latents round
        to."""
        ...


def search(fitted: Fitted, goal: Goal) -> bytes:
    """The file nearest to the goal; raises `RateError` if it cannot be kept to."""
    best = latest = fitted.written()
    before: tuple[float, float] | None = None
    for attempt in range(0 if goal.fixed else ATTEMPTS + FORCED_ATTEMPTS):
        if goal.met(*best.rank):
            break
        if (attempt >= ATTEMPTS or fitted.late) and goal.kept(*best.rank):
            break
        trimmed = _trimmed(fitted, goal, latest)
        if goal.better(trimmed.rank, best.rank):
            best = trimmed
        if goal.met(*best.rank) or (fitted.late and goal.kept(*best.rank)):
            break
        here = (fitted.lmbda, _miss(goal, latest))
        exponent = (
            goal.exponent if before is None else measured_exponent(before, here, goal.exponent)
        )
        fitted.refit(corrected(*here, exponent))
        before, latest = here, fitted.written()
        if goal.better(latest.rank, best.rank):
            best = latest
    _check(goal, best, fitted.lmbda)
    return best.data


def _trimmed(fitted: Fitted, goal: Goal, latest: Candidate) -> Candidate:
    """The best file that another rounding of the same latents makes of one near the goal."""
    miss = _miss(goal, latest)
    if abs(miss) > NEAR:
        return latest
    smaller = (miss < 0) == (goal.psnr_db is None)
    best, low, high = latest, 0.0, MOST_DOWN if smaller else -MOST_UP
    for _ in range(TRIALS):
        offset = (low + high) / 2
        trial = fitted.written(latest.networks, offset)
        if not smaller and trial.psnr_db < latest.psnr_db:
            break  # bytes that buy nothing, whatever the loss
        if goal.better(trial.rank, best.rank):
            best = trial
        if goal.met(*best.rank):
            break
        if (_miss(goal, trial) < 0) == (miss < 0):
            low = offset
        else:
            high = offset
    return best


def _miss(goal: Goal, candidate: Candidate) -> float:
    """How far a file is from the goal: see `Goal.miss`."""
    return goal.miss(len(candidate.data), 10 ** (-candidate.psnr_db / 10))


def _check(goal: Goal, best: Candidate, lmbda: float) -> None:
    """Refuse a file beyond the size asked for; warn of one far below it, or below a PSNR."""
    if goal.psnr_db is not None and best.psnr_db < goal.psnr_db:
        reached = f"{best.psnr_db:.2f} dB of the {goal.psnr_db:g} asked for"
        warn(f"{reached}: the model can do no better", RateWarning)
    size, used = goal.size_bytes, len(best.data)
    if size is not None and used > size:
        raise RateError(
            f"{size} bytes are too few for this image: the smallest file found has {used}"
        )
    if size is not None and used < LEAST_USED * size:
        exhausted = lmbda <= FIRST_LAMBDA
        reason = "the model can use no more" if exhausted else "the search came no nearer"
        warn(f"{used} bytes of the {size} asked for: {reason}", RateWarning)
