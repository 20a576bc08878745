"""Going back, in long fits, to where the cost of the file was least.

A few long fits go astray for hundreds of steps: latents drift towards more symbols, the context
network follows, and bits rise at the same error (docs/research.md, "Rates of long fits"). So the
cost of rounded latents is looked at now and then; where it is well above the least so far, latents
and networks go back to what they were there, and the fit goes on with more noise. A fit that is
above the least when its latents are rounded for good ends with those of the least, too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from inrcodec.codec.fitting.coolchic.schedule import Schedule
from inrcodec.codec.native.networks import Array


class Retreat:
    """The best state of a fit of so many steps, which tells what it `saw`."""

    def __init__(self, steps: int, schedule: Schedule) -> None:
        self._active, self._schedule = steps >= schedule.retreat_steps, schedule
        self._least, self._lmbda, self._ended = math.inf, math.nan, False
        self._kept: list[Array] = []

    def wants(self, step: int, share: float) -> bool:
        """Whether to look now: a look takes two thirds of a step."""
        schedule = self._schedule
        if not self._active or share < schedule.retreat_from or self._ended:
            return False
        return step % schedule.retreat_every == 0 or self._last(share)

    def saw(self, share: float, cost: float, lmbda: float, state: Sequence[Array]) -> bool:
        """Take the cost of the rounded latents under a lambda and the arrays of the fit; puts the
        kept values into these where the cost is too far above theirs, and says whether it did."""
        if lmbda != self._lmbda:
            self._least, self._lmbda = math.inf, lmbda
        self._ended = self._last(share)
        if cost < self._least:
            self._least, self._kept = cost, [array.copy() for array in state]
            return False
        if cost <= self._least * (1.0 if self._ended else self._schedule.retreat_cost):
            return False
        for array, kept in zip(state, self._kept, strict=True):
            array[:] = kept
        return True

    def _last(self, share: float) -> bool:
        """Whether latents are rounded for good from now on."""
        return share >= 1 - self._schedule.hard_share
