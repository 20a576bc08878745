"""What a fit under another loss learns from a short one by squared error before it.

Every loss is to take the bits that squared error takes at the same lambda. The rehearsal, a whole
fit in the first quarter of the budget, tells them nearly: those of a fit of four times the steps
are fewer by a factor that hardly depends on the image. How bits fall in a fit does depend on it,
and is read off the rehearsal too, so that the loss can be steered before its fit has ended.
"""

from __future__ import annotations

import math

import numpy as np

from inrcodec.codec.fitting.rate_control import measured_fall, over_end

HALF_WAY, STEEPEST = 0.5, 4.0
"""The fall of bits in a fit (`rate_control.over_end`) is measured from the first position on, and
is no more than the second."""

REHEARSED = {
    True: ((25, 100, 200, 400, 800, 3200), (1.0, 0.97, 0.91, 0.86, 0.93, 0.95)),
    False: ((200, 400, 1600, 6400), (0.63, 0.79, 0.89, 0.94)),
}
"""With a trained initialisation (True) or without: steps of a fit by squared error, and its bits
over those of one of a quarter of the steps (two Kodak crops, two lambdas: within 0.06 of this; with
one, from 800 on, within 0.02)."""


class Rehearsal:
    """Bits of the latents as a rehearsal goes on, and what they say of the fit after it.

    `rounds`: how often the whole fit sees each latent; `trained`: whether it has a trained
    initialisation.
    """

    def __init__(self, rounds: float, *, trained: bool) -> None:
        steps, ratios = REHEARSED[trained]
        self._kept = float(np.interp(math.log(max(rounds, 1.0)), np.log(steps), ratios))
        self._noted: tuple[float, float] | None = None
        self._bits, self._fall = 1.0, 0.0
        self.over = False

    def wants(self, position: float) -> bool:
        """Whether the bits at this position are worth measuring."""
        return self._noted is None and position >= HALF_WAY

    def note(self, position: float, bits: float) -> None:
        """Note the bits at a position in [0, 1) of the rehearsal."""
        self._noted = position, bits

    def end(self, bits: float) -> None:
        """Note the bits at the end of the rehearsal."""
        if self._noted is not None:
            position, before = self._noted
            fall = measured_fall(before / max(bits, 1), position)
            self._fall = max(0.0, min(STEEPEST, fall))
        self._bits = max(1.0, bits * self._kept)
        self.over = True

    def wanted(self, position: float) -> float:
        """Bits that squared error would take at a position of the fit after it."""
        return self._bits * over_end(self._fall, position)
