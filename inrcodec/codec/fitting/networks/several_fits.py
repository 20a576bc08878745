"""Several fits of a tiny network from different random initialisations; the best one counts.

How well a network does after rounding varies with its initialisation, the more the fewer bytes it
has, and below some hundred bytes a longer fit makes it no better, or worse: weights grow, and grown
weights round badly. So the work of a higher effort goes into more fits there (docs/networks.md).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from inrcodec.codec.entropy.quantized import Quantized
from inrcodec.codec.fitting.networks.fit import Budget, NetworkFit
from inrcodec.codec.fitting.networks.schedule import SCHEDULE
from inrcodec.codec.progress import Progress


class SeveralFits:
    """Fits several networks in turn. Iterate for `Progress`; `best()` at any time.

    `fit` makes a fit of a seed and a budget. `budget` is for all fits together; each has at most
    `steps_each` steps, and the last may be cut short by the time.
    """

    def __init__(
        self,
        fit: Callable[[int, Budget], NetworkFit],
        seed: int,
        budget: Budget,
        steps_each: int,
        clock: Callable[[], float] = time.monotonic,
        *,
        most: int = SCHEDULE.most_fits,
    ) -> None:
        self._fit, self._seed, self._budget, self._each = fit, seed, budget, steps_each
        self._clock, self._begun = clock, clock()
        self._count = max(1, min(most, round(budget.steps / steps_each)))
        self._current = self._next(0)
        self._found: tuple[float, Quantized] | None = None

    def __iter__(self) -> Iterator[Progress]:
        """Fit one after the other, as long as there is time for one more like the last."""
        for number in range(self._count):
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
        """Keep the network of the current fit if it is the best."""
        network = self._current.best()
        if self._found is None or self._current.score < self._found[0]:
            self._found = self._current.score, network

    def _next(self, number: int) -> NetworkFit:
        steps = self._each if self._count > 1 else self._budget.steps
        seconds = None if self._budget.seconds is None else max(0.05, self._left())
        budget = replace(self._budget, steps=steps, seconds=seconds)
        return self._fit(_seed_of(self._seed, number), budget)

    def _left(self) -> float:
        """Seconds left of the budget."""
        if self._budget.seconds is None:
            return math.inf
        return self._budget.seconds - (self._clock() - self._begun)

    def _of_all(self, number: int, progress: Progress) -> Progress:
        """Progress of one fit as that of all."""
        if self._count == 1:
            return progress
        share = (number + progress.share) / self._count
        if self._budget.seconds is not None:
            share = max(share, 1 - self._left() / self._budget.seconds)
        step = number * self._each + progress.step
        elapsed = self._clock() - self._begun
        return replace(progress, share=min(1.0, share), step=step, elapsed_s=elapsed)


def _seed_of(seed: int, number: int) -> int:
    """The seed itself, then seeds that no other one leads to."""
    if not number:
        return seed
    return int(np.random.SeedSequence([seed, number]).generate_state(1)[0])
