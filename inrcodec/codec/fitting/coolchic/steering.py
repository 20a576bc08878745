"""Lambda corrected while a fit runs: towards a size, a PSNR, or the bits that MSE would take."""

from __future__ import annotations

import math
from typing import Protocol

import torch

from inrcodec.codec.coolchic import windows
from inrcodec.codec.coolchic.model import CoolChic
from inrcodec.codec.fitting.coolchic import forward
from inrcodec.codec.fitting.coolchic.fit import GridFit
from inrcodec.codec.fitting.coolchic.rehearsal import Rehearsal
from inrcodec.codec.fitting.coolchic.schedule import Schedule
from inrcodec.codec.fitting.losses import MSE, Loss
from inrcodec.codec.fitting.rate_control import Goal, corrected, over_end


class Steered(Protocol):
    """What is steered: fits of all planes of an image under one lambda, which has a goal."""

    model: CoolChic
    goal: Goal
    lmbda: float

    @property
    def steered(self) -> list[GridFit]:
        """The fits that corrections move."""

    def overhead(self) -> float:
        """Bytes beside the latents, roughly."""


class Steering:
    """Looks at an encode a few times while it is fitted, and moves its lambda.

    `rounds` says how often the fit sees each latent; `trained`, whether it began with a trained
    initialisation. A `loss` other than MSE is rehearsed first (rehearsal.py).
    """

    def __init__(
        self, encoding: Steered, rounds: float, loss: Loss, schedule: Schedule, *, trained: bool
    ) -> None:
        self._of, self._loss, self._schedule, self._trained = encoding, loss, schedule, trained
        settled = rounds * schedule.correct_every >= schedule.settled_steps
        self._hastiness = schedule.settled if settled else schedule.hasty
        self._next = schedule.correct_from
        self.rehearsal = None if loss is MSE else Rehearsal(rounds, trained=trained)

    def look(self, share: float) -> None:
        """Rehearse or correct at a share of the fit, where it is time to."""
        if self.rehearsal is not None and not self.rehearsal.over:
            self._rehearse(self.rehearsal, share)
        ready = self.rehearsal.over if self.rehearsal else not self._of.goal.fixed
        if ready and self._next <= share <= self._schedule.correct_until:
            self._correct(share)
            self._next = share + self._schedule.correct_every

    def set_lambda(self, lmbda: float) -> None:
        """Go on under another lambda. Networks stay with the trained initialisation they began at:
        taken to that of the lambda, they lose up to 2 dB until they have settled. Another loss that
        was weighed for its initialisation is counted less or more instead."""
        before, self._of.lmbda = self._of.lmbda, lmbda
        weighed = self.rehearsal is not None and self.rehearsal.over
        for fit in self._of.steered:
            if not self._trained:
                fit.change_lambda(fit.lmbda * lmbda / before)
            elif weighed:
                fit.distortion.worth *= before / lmbda
            else:
                fit.lmbda = lmbda

    def _rehearse(self, of: Rehearsal, share: float) -> None:
        """Learn from a rehearsal and, at its end, go on under the loss."""
        fit = self._of.steered[0]
        position = fit.position(share)
        if of.wants(position):
            of.note(position, self._measure()[0])
        if share >= self._schedule.rehearsal_share:
            of.end(self._measure()[0])
            fit.change_loss(self._loss)

    def _correct(self, share: float) -> None:
        """Move lambda towards the goal by what the rounded latents cost now."""
        bits, error = self._measure()
        goal = self._of.goal
        if self.rehearsal is not None and goal.fixed:
            miss = math.log(self.rehearsal.wanted(share) / max(bits, 1))
        else:
            overhead = self._of.overhead()
            latents = max(0.0, (goal.size_bytes or 0) - overhead)
            pixels = self._of.model.width * self._of.model.height
            ahead = over_end(goal.fall(8 * latents / pixels), share)
            miss = goal.miss(bits / ahead / 8 + overhead, error / ahead)
        damping, largest = self._hastiness
        self.set_lambda(corrected(self._of.lmbda, damping * miss, goal.exponent, largest))

    @torch.no_grad()
    def _measure(self) -> tuple[float, float]:
        """Bits of the steered planes' latents, rounded as they are now, and the largest mean
        squared error of one."""
        model = self._of.model
        window = windows.middle(model)
        share = windows.area(window) / (model.width * model.height)
        bits, error = 0.0, 0.0
        for fit in self._of.steered:
            rounded = [torch.round(y) for y in fit.latents]
            empty = forward.empty(rounded)
            bits += float(forward.bits(model, fit.parameters, rounded, window, empty)) / share
            top, bottom, left, right = window
            made = forward.colours(model, fit.parameters, rounded, window).clamp_(0, 1)
            wanted = fit.target[:, top:bottom, left:right]
            error = max(error, float((made - wanted).square().mean()))
        return bits, error
