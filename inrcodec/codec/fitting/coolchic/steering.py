"""Lambda corrected while a fit runs: towards a size, a PSNR, or the bits that MSE would take."""

from __future__ import annotations

import math
from collections.abc import Sequence

from inrcodec.codec.fitting.coolchic.fit import GridFit
from inrcodec.codec.fitting.coolchic.rehearsal import Rehearsal
from inrcodec.codec.fitting.coolchic.schedule import Schedule
from inrcodec.codec.fitting.losses import MSE, Loss
from inrcodec.codec.fitting.rate_control import Goal, corrected, over_end
from inrcodec.pixels import decibels

FEW_STEPS = 1.5
"""A correction that a few steps are to follow is so much larger."""


class Steering:
    """The lambda of the fits of all planes of an image, looked at a few times while they run.

    `goal` is what is asked for, `overhead_bytes` about what a file has beside its latents. `rounds`
    says how often a fit sees each latent; `trained`, whether it began with a trained
    initialisation. A `loss` other than MSE is rehearsed first (rehearsal.py).
    """

    def __init__(
        self,
        fits: Sequence[GridFit],
        goal: Goal,
        overhead_bytes: float,
        loss: Loss,
        rounds: float,
        schedule: Schedule,
        *,
        trained: bool,
    ) -> None:
        # for a quality, which only another loss needs corrected, alpha stays: its loss is MSE
        self._fits = fits[:1] if goal.fixed else fits
        self._goal, self._overhead, self._loss = goal, overhead_bytes, loss
        self._schedule, self._trained = schedule, trained
        self._model, self.lmbda = fits[0].model, fits[0].lmbda
        self._next = schedule.correct_from
        self._rounds, self._corrected_at = rounds, 0.0
        self._pending = 0.0  # of the logarithm of lambda, what the latents have not followed yet
        self.rehearsal = None if loss is MSE else Rehearsal(rounds, trained=trained)

    def look(self, share: float) -> None:
        """Rehearse or correct at a share of the fit, where it is time to."""
        if self.rehearsal is not None and not self.rehearsal.over:
            self._rehearse(self.rehearsal, share)
        ready = self.rehearsal.over if self.rehearsal else not self._goal.fixed
        if ready and self._next <= share <= self._schedule.correct_until:
            self._correct(share)
            self._next = share + self._schedule.correct_every

    def set_lambda(self, lmbda: float) -> None:
        """Go on under another lambda. Networks stay with the trained initialisation they began at:
        taken to that of the lambda, they lose up to 2 dB until they have settled. Another loss that
        was weighed for its initialisation is counted less or more instead."""
        before, self.lmbda = self.lmbda, lmbda
        weighed = self.rehearsal is not None and self.rehearsal.over
        for fit in self._fits:
            if not self._trained:
                fit.change_lambda(fit.lmbda * lmbda / before)
            elif weighed:
                fit.distortion.worth *= before / lmbda
            else:
                fit.lmbda = lmbda

    def seen(self, offset: float = 0.0) -> tuple[int, float]:
        """Bytes and PSNR in dB, roughly, of the file that would be written now; `offset` as in
        `GridFit.rounded`."""
        bits, error = self._measure(offset)
        return round(bits / 8 + self._overhead), decibels(error)

    @property
    def settled(self) -> bool:
        """Whether lambda may be aimed: not while another loss is rehearsed."""
        return self.rehearsal is None or self.rehearsal.over

    def aim(self) -> None:
        """Move lambda to where the latents as they are now meet the goal."""
        bits, error = self._measure()
        miss = self._goal.miss(bits / 8 + self._overhead, error)
        if miss < 0 or self._goal.psnr_db is not None:
            miss *= FEW_STEPS
        self.set_lambda(corrected(self.lmbda, miss, self._goal.exponent))

    def _rehearse(self, of: Rehearsal, share: float) -> None:
        """Learn from a rehearsal and, at its end, go on under the loss."""
        fit = self._fits[0]
        position = fit.position(share)
        if of.wants(position):
            of.note(position, self._measure()[0])
        if share >= self._schedule.rehearsal_share:
            of.end(self._measure()[0])
            fit.change_loss(self._loss)

    def _correct(self, share: float) -> None:
        """Move lambda towards the goal by what the rounded latents cost now."""
        bits, error = self._measure()
        goal = self._goal
        if self.rehearsal is not None and goal.fixed:
            miss = math.log(self.rehearsal.wanted(share) / max(bits, 1))
        else:
            latents = max(0.0, (goal.size_bytes or 0) - self._overhead)
            pixels = self._model.width * self._model.height
            ahead = over_end(goal.fall(8 * latents / pixels), share)
            miss = goal.miss(bits / ahead / 8 + self._overhead, error / ahead)
        schedule, before = self._schedule, self.lmbda
        since = (share - self._corrected_at) * self._rounds
        self._pending *= math.exp(-since / schedule.lag_steps)
        self._corrected_at = share
        if self.rehearsal is None:  # another loss, as it goes on, follows a curve of its own
            miss -= goal.exponent * self._pending
        miss *= schedule.corrected_share
        self.set_lambda(corrected(before, miss, goal.exponent, schedule.most_correction))
        self._pending += math.log(self.lmbda / before)

    def _measure(self, offset: float = 0.0) -> tuple[float, float]:
        """Bits of the steered planes' latents, rounded as they are now, and the largest mean
        squared error of one; of a large image, by a sample."""
        found = [fit.measured(offset) for fit in self._fits]
        return sum(bits for bits, _ in found), max(error for _, error in found)
