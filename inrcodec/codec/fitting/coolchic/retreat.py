"""When a long fit goes back to where its latents and networks were best.

A few long fits go astray for hundreds of steps: latents drift towards more symbols, the context
network follows, and bits rise at the same error (docs/research.md, "Rates of long fits"). So the
cost of rounded latents is looked at now and then, without the bytes of the networks; where it is
well above the least so far, latents and networks go back to what they were there, and the fit goes
on with more noise. A fit that is above the least when its latents are rounded for good ends with
those of the least, too.
"""

from __future__ import annotations

import math
from enum import Enum, auto

from inrcodec.codec.fitting.coolchic.schedule import Schedule


class Move(Enum):
    """What is to be done after a look."""

    KEEP = auto()
    """Remember latents and networks: they are the best so far."""

    GO_BACK = auto()
    """Put back those that were remembered."""

    GO_ON = auto()


class Retreat:
    """Looks at a fit of so many steps, and says what is to be done. Fits that time ends have more
    steps than any, so all of them are looked at."""

    def __init__(self, steps: int, schedule: Schedule) -> None:
        self._active, self._schedule = steps >= schedule.retreat_steps, schedule
        self._least, self._lmbda, self._ended = math.inf, math.nan, False

    def wants(self, step: int, share: float) -> bool:
        """Whether to look now: a look takes two thirds of a step."""
        if not self._active or share < self._schedule.retreat_from or self._ended:
            return False
        return step % self._schedule.retreat_every == 0 or self._last(share)

    def saw(self, share: float, cost: float, lmbda: float) -> Move:
        """Take the cost of the rounded latents under a lambda; costs under another are no match."""
        if lmbda != self._lmbda:
            self._least, self._lmbda = math.inf, lmbda
        self._ended = self._last(share)
        if cost < self._least:
            self._least = cost
            return Move.KEEP
        most = self._least * (1.0 if self._ended else self._schedule.retreat_cost)
        return Move.GO_BACK if cost > most else Move.GO_ON

    def _last(self, share: float) -> bool:
        """Whether latents are rounded for good from now on."""
        return share >= 1 - self._schedule.hard_share
