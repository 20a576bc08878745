"""Pixels -> bytes with latent-grid models: start, fit, quantise, meet the goal, write.

A picture is one plane of colours, and a second one if it has alpha; gray is a colour plane whose
three colours are equal. Planes are fitted side by side under one slope. The file's own bytes and
its own decoded error steer the slope, so a size or a PSNR asked for is that of the file.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from itertools import zip_longest

import numpy as np
import torch
from torch import Tensor

from inrcodec.codec import native
from inrcodec.codec.coolchic import init_tables, layout, windows
from inrcodec.codec.coolchic.model import (
    COMPLEXITIES,
    FEATURES,
    WIDE,
    CoolChic,
    grids_from,
    grids_model,
)
from inrcodec.codec.coolchic.planes import LatentPlane, file_sections
from inrcodec.codec.entropy.quantized import Quantized
from inrcodec.codec.fitting import goal_search
from inrcodec.codec.fitting.coolchic import forward, rehearsal
from inrcodec.codec.fitting.coolchic.first_lambda import may_widen, opening_slope, widened
from inrcodec.codec.fitting.coolchic.fit import LatentFitting, Step
from inrcodec.codec.fitting.coolchic.initialisation import starts_apart, trained_start
from inrcodec.codec.fitting.coolchic.network_steps import NetworkSearch
from inrcodec.codec.fitting.coolchic.rehearsal import Rehearsal
from inrcodec.codec.fitting.coolchic.schedule import FULL_RATES, rates_for, steps_of
from inrcodec.codec.fitting.coolchic.step_windows import windows_a_round
from inrcodec.codec.fitting.coolchic.targets import plane_channels, plane_error, planes_of
from inrcodec.codec.fitting.coolchic.untrained import random_parameters
from inrcodec.codec.fitting.goal_search import Candidate
from inrcodec.codec.fitting.losses import MSE, check_sides, loss_of
from inrcodec.codec.fitting.rate_control import Goal, corrected, goal_of
from inrcodec.codec.fitting.robust import backward_of
from inrcodec.codec.format import bitstream
from inrcodec.codec.format.header import Header
from inrcodec.codec.options import EncodeOptions
from inrcodec.codec.progress import Progress
from inrcodec.codec.runtime import fit_threads, torch_device
from inrcodec.pixels import Picture

FAMILIES = {family.label: family for family in FEATURES}

CORRECT_FROM, CORRECT_EVERY, CORRECT_UNTIL = 0.25, 0.06, 0.9
"""Shares of a fit at which its slope is first corrected, between corrections, and at the last: what
is left must suffice to settle."""

HASTY, SETTLED, SETTLED_STEPS = (0.8, 0.5), (0.7, 1.0), 30
"""Share of a miss that a correction makes good, and the largest change of the slope's logarithm.
Bits follow a new slope some twenty steps late: the second is for corrections so many steps apart.
"""

REFIT_SHARE, LEAST_REFIT = 0.17, 4
"""Of the steps of a fit, those of a further one for a goal that was missed."""

FAR_STARTS = 4
"""Trained starts between the slope a fit began under and another from which it begins anew."""

FRAMING, MOST_NETWORKS, NETWORK_SHARE = 130, 800, 0.3
"""Usual bytes of header and section heads, most and usual share of the networks."""

SECONDS_PER_PIXEL, SECONDS_PER_PIXEL_TORCH = 3e-7, 9e-7
"""Of a training step, with and without the compiled kernels, roughly."""

RESERVE_S, SEARCH_PER_PIXEL, WRITE_PER_PIXEL = 0.5, 3e-6, 5e-7
"""Of a time limit, kept for what follows the fit: seconds, and seconds a pixel of the window by
which network steps are chosen, and of the picture that is written."""


class LatentEncoding:
    """One encode with a latent-grid model; see `encoder.Encoding`."""

    def __init__(self, picture: Picture, options: EncodeOptions) -> None:
        started = time.monotonic()
        self.picture, self.options = picture, options
        self._device = torch_device(options.device)
        self._metadata = picture.metadata if options.metadata else {}
        family = FAMILIES[options.model]
        sizes = COMPLEXITIES[options.complexity] if options.complexity else {}
        self.model: CoolChic = grids_model(family, picture.width, picture.height, **sizes)
        self._start: tuple[int, int] | None = None
        grids_from(self._header())  # raises LimitError for a picture no decoder would take
        shapes = layout.slice_shapes(self.model, options.slices)
        layout.check_waves(self.model, shapes * (2 - picture.channels % 2))
        self._loss = loss_of(options)
        check_sides(self._loss, picture.width, picture.height)
        self.goal: Goal = goal_of(options, picture)
        self.slope = self.goal.slope
        self._targets = [t.to(self._device) for t in planes_of(picture)]
        self._steps = steps_of(options.effort, self.model)
        self._clock = time.monotonic
        self._started = started
        self._limit = options.time_limit
        if self._limit is not None:
            self._steps = 1 << 40
        with fit_threads(options.threads):
            self._start = self._choose_start()
            if self._start is not None and may_widen(options):
                self.model = widened(self.model, self._targets, self._start[1])
                self._start = init_tables.identity(str(self.model.complexity)), self._start[1]
            self._fits = self._fittings()
            rounds = self._budget()[1]
            self._hastiness = SETTLED if rounds * CORRECT_EVERY >= SETTLED_STEPS else HASTY
            self._rehearsal: Rehearsal | None = None
            if self._loss is not MSE:
                self._rehearsal = Rehearsal(rounds, trained=self._start is not None)

    def __iter__(self) -> Iterator[Progress]:
        """Fit all planes step by step, correcting the slope, reporting progress."""
        with fit_threads(self.options.threads):
            corrected = CORRECT_FROM
            steps: list[Step | None] = [None] * len(self._fits)
            for news in zip_longest(*self._fits):  # one may have nothing left to gain, or no time
                steps = [new or old for new, old in zip(news, steps, strict=True)]
                latest = [step for step in steps if step is not None]
                share = min(step.share for step in latest)
                if self._rehearsal is not None and not self._rehearsal.over:
                    self._rehearse(self._rehearsal, share)
                ready = self._rehearsal.over if self._rehearsal else not self.goal.fixed
                if ready and corrected <= share <= CORRECT_UNTIL:
                    self._correct(share)
                    corrected = share + CORRECT_EVERY
                elapsed = self._clock() - self._started
                first = latest[0]
                yield Progress("fit", share, first.step, _decibels(first.mse), elapsed)

    def finish(self) -> bytes:
        """The file of what was fitted so far, brought to the size or PSNR asked for."""
        with fit_threads(self.options.threads):
            return goal_search.search(self, self.goal)

    @property
    def late(self) -> bool:
        """Whether a time limit has passed."""
        return self._limit is not None and self._clock() - self._started > self._limit

    def refit(self, slope: float) -> None:
        """Fit some more under another slope; where that is far from the trained start, or nothing
        was fitted, anew from its own."""
        self._set_slope(slope)
        far = self._steps == 0 or starts_apart(slope, self._begun_at) > FAR_STARTS
        if far and self._start is not None and self._rehearsal is None:
            self._start = (self._start[0], init_tables.start_index(slope))
            self._fits = self._fittings()
            for fit in self._fits:
                for _ in fit:
                    pass
            return
        steps = min(self._fits[0].step, self._steps)
        for fit in self._fits if steps else ():
            fit.refit(max(LEAST_REFIT, round(steps * REFIT_SHARE)))

    def _choose_start(self) -> tuple[int, int] | None:
        """(identity, index) of the trained networks for the slope, which is guessed first."""
        tier = self.model.complexity
        if tier is None:
            return None
        if not self.goal.fixed:
            given = self.model, self._targets, self.goal, self._overhead()
            self.slope = opening_slope(*given, fitted=self._steps > 0)
        return init_tables.identity(tier), init_tables.start_index(self.slope)

    def _budget(self) -> tuple[float | None, float]:
        """Seconds for the fit, if there is a limit, and how often it sees each latent."""
        if self._limit is None:
            return None, self._steps / windows_a_round(self.model)
        left = self._limit - (self._clock() - self._started)
        pixels = self.model.width * self.model.height * len(self._targets)
        searched = _area(windows.middle(self.model)) * len(self._targets)
        reserve = RESERVE_S + SEARCH_PER_PIXEL * searched + WRITE_PER_PIXEL * pixels
        seconds = max(0.05, left - reserve)
        per_pixel = SECONDS_PER_PIXEL if native.library() else SECONDS_PER_PIXEL_TORCH
        return seconds, seconds / (per_pixel * pixels)

    def _rehearse(self, of: Rehearsal, share: float) -> None:
        """Learn from a rehearsal and, at its end, go on under the loss."""
        position = self._fits[0].position(share)
        if of.wants(position):
            of.note(position, self._measure()[0])
        if share >= rehearsal.SHARE:
            of.end(self._measure()[0])
            self._fits[0].change_loss(self._loss)

    @property
    def _steered(self) -> list[LatentFitting]:
        """The fits that corrections move: for a quality, which only another loss needs corrected,
        not alpha, whose loss is squared error always."""
        return self._fits[:1] if self.goal.fixed else self._fits

    def _fittings(self) -> list[LatentFitting]:
        """The fits of all planes; that of colours rehearses another loss than squared error."""
        self._begun_at = self.slope
        rehearsing = [self._loss is not MSE, False]
        return [self._fitting(t, r) for t, r in zip(self._targets, rehearsing, strict=False)]

    def _fitting(self, target: Tensor, rehearse: bool) -> LatentFitting:
        """The fit of one plane from its start."""
        mean = target.mean((1, 2)).cpu().numpy().astype(np.float32)
        start = None
        if self._start is None:
            parameters = random_parameters(self.model, self.options.seed, mean)
            latents = [torch.zeros(shape) for shape in self.model.grids]
        else:
            parameters, latents = trained_start(self.model, target, self._start[1], self.slope)
            start = parameters
        seconds, rounds = self._budget()
        wide = self.model.complexity == WIDE
        rates = FULL_RATES if start is None else rates_for(rounds, self.slope, wide=wide)
        return LatentFitting(
            target,
            self.model,
            parameters,
            latents,
            slope=self.slope,
            steps=self._steps,
            start=start,
            rates=rates,
            seconds=seconds,
            rehearse=rehearse,
            backward=backward_of(self.options, self.model.units),
            seed=self.options.seed,
        )

    def _set_slope(self, slope: float) -> None:
        """Go on under another slope. Networks stay with the trained start they began at: taken to
        that of the slope, they lose up to 2 dB until they have settled. Another loss that was
        weighed for its start is counted less or more instead."""
        before, self.slope = self.slope, slope
        weighed = self._rehearsal is not None and self._rehearsal.over
        for fit in self._steered:
            if self._start is None:
                fit.change_slope(fit.slope * slope / before)
            elif weighed:
                fit.distortion.worth *= before / slope
            else:
                fit.slope = slope

    def _correct(self, share: float) -> None:
        """Move the slope towards the goal by what the rounded latents cost now."""
        bits, error = self._measure()
        if self._rehearsal is not None and self.goal.fixed:
            miss = math.log(self._rehearsal.wanted(share) / max(bits, 1))
        else:
            overhead = self._overhead()
            latents = max(0.0, (self.goal.size_bytes or 0) - overhead)
            pixels = self.model.width * self.model.height
            ahead = 1 + self.goal.fall(8 * latents / pixels) * (1 - share) ** 2
            miss = self.goal.miss(bits / ahead / 8 + overhead, error / ahead)
        damping, largest = self._hastiness
        self._set_slope(corrected(self.slope, damping * miss, self.goal.exponent, largest))

    @torch.no_grad()
    def _measure(self) -> tuple[float, float]:
        """Bits of the steered planes' latents, rounded as they are now, and the largest mean
        squared error of one."""
        window = windows.middle(self.model)
        share = _area(window) / (self.model.width * self.model.height)
        bits, error = 0.0, 0.0
        for fit in self._steered:
            rounded = [torch.round(y) for y in fit.latents]
            empty = forward.empty(rounded)
            bits += float(forward.bits(self.model, fit.parameters, rounded, window, empty)) / share
            top, bottom, left, right = window
            made = forward.colours(self.model, fit.parameters, rounded, window).clamp_(0, 1)
            error = max(
                error, float((made - fit.target[:, top:bottom, left:right]).square().mean())
            )
        return bits, error

    def _overhead(self) -> float:
        """Bytes beside the latents of a file of the size asked for, roughly."""
        metadata = sum(len(block or b"") for block in self._metadata.values())
        networks = min(MOST_NETWORKS, NETWORK_SHARE * (self.goal.size_bytes or math.inf))
        return FRAMING + metadata + networks * len(self._targets) * (self._steps > 0)

    def written(self, networks: list[Quantized] | None = None, offset: float = 0.0) -> Candidate:
        """Quantise what was fitted, write the file, and measure it: with the networks as given or,
        without, at steps searched for; `offset` as in `LatentFitting.rounded`."""
        start = {n: np.zeros(s, np.float32) for n, s in self.model.shapes.items()}
        if self._start is not None:
            start = init_tables.start_parameters(*self._start, self.model)
        planes, error, samples = [], 0.0, 0
        for number, fit in enumerate(self._fits):
            rounded = fit.rounded(offset)
            if networks is None:
                search = NetworkSearch(self.model, start, rounded, fit.distortion, fit.slope)
                chosen = search.run(fit.values())
            else:
                chosen = networks[number]
            symbols = tuple(y.int().cpu().numpy() for y in rounded)
            plane = LatentPlane(self.model, chosen, start, symbols)
            planes.append(plane)
            channels = plane_channels(self.picture.channels, number)
            error += plane_error(plane, fit.target, channels) * channels
            samples += channels
        sections = file_sections(planes, self.options.slices)
        data = bitstream.write(self._header(), sections, self._metadata)
        return Candidate(data, _decibels(error / samples), [plane.networks for plane in planes])

    def _header(self) -> Header:
        """The header of the file."""
        return Header(
            self.picture.width,
            self.picture.height,
            self.picture.channels,
            self.picture.bit_depth,
            self.model.family,
            self.model.dimensions,
            start=self._start,
            slice_side=self.options.slices,
        )


def _area(window: windows.Window) -> int:
    """Pixels of a window."""
    return (window[1] - window[0]) * (window[3] - window[2])


def _decibels(error: float) -> float:
    """PSNR of a mean squared error with full range 1."""
    return math.inf if error <= 0 else -10 * math.log10(error)
