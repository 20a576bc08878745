"""Several random starts for tiny networks, one after the other; the best rounded network counts.

How well a network does after rounding varies with its start, the more the fewer bytes it has, and
below some hundred bytes a longer fit makes it no better, or worse: weights grow, and grown weights
round badly. So the work of a higher effort goes into more starts there (docs/networks.md).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from inrcodec.codec.entropy.quantized import Quantized
from inrcodec.codec.fitting.networks.fit import Budget, Fitting
from inrcodec.codec.format.header import Family
from inrcodec.codec.progress import Progress

LONGEST = ((400, 2), (1000, 4))
LONGEST_OF_NIF = ((120, 2), (1000, 8))
"""Payloads below so many bytes take starts of at most so many times the steps of effort 1. The
narrowing layers of NIF learn more slowly: 288 bytes by twice or eight times, efforts 3 and 4, the
middle 48 x 48 pixels of four Kodak photographs: 27.4 and 27.9 or 28.2 and 28.6 dB."""

MOST_STARTS = 64


def steps_of_start(family: Family, payload_bytes: int, shortest: int, steps: int) -> int:
    """Steps of one start, of `steps` in all; `shortest` are those of effort 1."""
    limits = LONGEST_OF_NIF if family == Family.NIF else LONGEST
    longest = next((times * shortest for most, times in limits if payload_bytes < most), steps)
    return min(steps, longest)


class MultiStart:
    """Iterate for `Progress`; `best()` at any time.

    `fit` makes a fit of a seed and a budget. `budget` is for all starts together; each has at most
    `steps_each` steps, and the last may be cut short by the time.
    """

    def __init__(
        self,
        fit: Callable[[int, Budget], Fitting],
        seed: int,
        budget: Budget,
        steps_each: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fit, self._seed, self._budget, self._each = fit, seed, budget, steps_each
        self._clock, self._begun = clock, clock()
        self._starts = max(1, min(MOST_STARTS, round(budget.steps / steps_each)))
        self._current = self._next(0)
        self._found: tuple[float, Quantized] | None = None

    def __iter__(self) -> Iterator[Progress]:
        """Fit from start after start, as long as there is time for one more like the last."""
        for number in range(self._starts):
            before = self._clock()
            if number:
                self._current = self._next(number)
            for progress in self._current:
                yield self._of_all(number, progress)
            self._keep()
            if self._left() < self._clock() - before:
                break

    def best(self) -> Quantized:
        """The best network measured so far, rounded and within the byte budget."""
        if self._found is None or self._current.measured:
            self._keep()
        if self._found is None:
            return self._current.best()
        return self._found[1]

    def _keep(self) -> None:
        """Let the current fit count."""
        network = self._current.best()
        if self._found is None or self._current.score < self._found[0]:
            self._found = self._current.score, network

    def _next(self, number: int) -> Fitting:
        steps = self._each if self._starts > 1 else self._budget.steps
        seconds = None if self._budget.seconds is None else max(0.05, self._left())
        budget = replace(self._budget, steps=steps, seconds=seconds)
        return self._fit(_seed_of_start(self._seed, number), budget)

    def _left(self) -> float:
        """Seconds."""
        if self._budget.seconds is None:
            return math.inf
        return self._budget.seconds - (self._clock() - self._begun)

    def _of_all(self, number: int, progress: Progress) -> Progress:
        """Progress of one start as that of all."""
        if self._starts == 1:
            return progress
        share = (number + progress.share) / self._starts
        if self._budget.seconds is not None:
            share = max(share, 1 - self._left() / self._budget.seconds)
        step = number * self._each + progress.step
        elapsed = self._clock() - self._begun
        return replace(progress, share=min(1.0, share), step=step, elapsed_s=elapsed)


def _seed_of_start(seed: int, number: int) -> int:
    """The seed itself, then seeds that no other one leads to."""
    if not number:
        return seed
    return int(np.random.SeedSequence([seed, number]).generate_state(1)[0])
