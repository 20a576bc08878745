"""Pixels -> bytes with latent-grid models: start, fit, quantise, meet the goal, write.

A picture is one plane of colours, and a second one if it has alpha; gray is a colour plane whose
three colours are equal. Planes are fitted side by side under one slope. The file's own bytes and
its own decoded error steer the slope, so a size or a PSNR asked for is that of the file.
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from inrcodec.codec import analysis, bitstream, latent_layout, meta
from inrcodec.codec.fit import Progress
from inrcodec.codec.header import Family, Header
from inrcodec.codec.latent_fit import LATENT_RATE, LatentFitting, latent_rate, random_parameters
from inrcodec.codec.latents import LatentPlane, file_sections
from inrcodec.codec.models import grids
from inrcodec.codec.models.coolchic import BUILDERS, CoolChic
from inrcodec.codec.network_steps import NetworkSearch
from inrcodec.codec.options import EncodeOptions
from inrcodec.codec.planes import plane_channels, plane_error, planes_of
from inrcodec.codec.rate_control import (
    SMALLEST_SLOPE,
    Goal,
    corrected,
    goal_of,
    measured_exponent,
)
from inrcodec.codec.runtime import torch_device, torch_threads
from inrcodec.errors import RateError, RateWarning
from inrcodec.pixels import Picture

EFFORT_STEPS = (0, 25, 50, 100, 180, 320, 640, 1280, 2560, 5000)
"""Training steps of each effort on one window of a picture."""

SMALL_PIXELS = 1 << 17

FAMILIES = {
    "coolchic": Family.COOLCHIC,
    "coolchic-v1": Family.COOLCHIC_V1,
    "coolchic-v2": Family.COOLCHIC_V2,
}

CORRECT_FROM, CORRECT_EVERY = 0.25, 0.06
"""Share of a fit at which its slope is first corrected, and between corrections."""

DAMPING, LARGEST_IN_FIT = 0.5, 0.25
"""Bits follow a new slope some twenty steps late, so corrections within a fit are small."""

ATTEMPTS, FORCED_ATTEMPTS = 5, 7
REFIT_SHARE, LEAST_REFIT = 0.17, 12
"""A goal missed takes up to so many further fits, each of this share of the steps; the forced ones
only while the file is too large, or not good enough, to be handed out at all."""

FIRST_GUESSES = 4
OPENING_GAIN = 0.75
"""Bits after a fit over bits of its start."""

FRAMING, MOST_NETWORKS, NETWORK_SHARE = 130, 800, 0.3
"""Usual bytes of header and section heads, most and usual share of the networks."""

LEAST_USED = 0.85
"""Share of a size asked for below which the user is warned."""

SECONDS_PER_PIXEL = 8e-7
"""Of a training step on one thread, roughly."""

RESERVE_SHARE, RESERVE_S = 0.06, 0.5
"""Of a time limit, kept for choosing network steps and writing."""


@dataclass(slots=True)
class _Candidate:
    """A file and what it is worth."""

    data: bytes
    psnr_db: float

    @property
    def rank(self) -> tuple[int, float]:
        """Bytes and dB, as `Goal.better` compares them."""
        return len(self.data), self.psnr_db


class LatentEncoding:
    """One encode with a latent-grid model; see `encoder.Encoding`."""

    def __init__(self, picture: Picture, options: EncodeOptions) -> None:
        started = time.monotonic()
        self.picture, self.options = picture, options
        self._device = torch_device(options.device)
        self._metadata: dict[str, bytes | None] = {}
        if options.metadata:
            self._metadata = {"icc": picture.icc, "exif": picture.exif, "xmp": picture.xmp}
        family = FAMILIES[options.model]
        self.model: CoolChic = BUILDERS[family](picture.width, picture.height)
        shapes = latent_layout.slice_shapes(self.model, options.slices)
        latent_layout.check_waves(self.model, shapes * (2 - picture.channels % 2))
        self.goal: Goal = goal_of(options, picture)
        self.slope = self.goal.slope
        self._targets = [t.to(self._device) for t in planes_of(picture)]
        self._steps = round(EFFORT_STEPS[options.effort] * _visits(self.model))
        self._clock = time.monotonic
        self._started = started
        self._limit = options.time_limit
        if self._limit is not None:
            self._steps = 1 << 40
        with torch_threads(options.threads):
            self._start = self._choose_start()
            self._fits = [self._fitting(target) for target in self._targets]

    def __iter__(self) -> Iterator[Progress]:
        """Fit all planes step by step, correcting the slope, reporting progress."""
        with torch_threads(self.options.threads):
            corrected = CORRECT_FROM
            for steps in zip(*self._fits, strict=True):
                share = steps[0].share
                if not self.goal.fixed and share >= corrected:
                    self._correct()
                    corrected = share + CORRECT_EVERY
                error = steps[0].mse
                elapsed = self._clock() - self._started
                yield Progress("fit", share, steps[0].step, _decibels(error), elapsed)

    def finish(self) -> bytes:
        """The file of what was fitted so far, brought to the size or PSNR asked for."""
        with torch_threads(self.options.threads):
            best = latest = self._written()
            before: tuple[float, float] | None = None
            for attempt in range(0 if self.goal.fixed else ATTEMPTS + FORCED_ATTEMPTS):
                if self.goal.met(len(best.data), best.psnr_db):
                    break
                if (attempt >= ATTEMPTS or self._late()) and self.goal.kept(*best.rank):
                    break
                before = self._change_slope(latest, before)
                latest = self._written()
                if self.goal.better(latest.rank, best.rank):
                    best = latest
        return self._checked(best)

    def _late(self) -> bool:
        """Whether a time limit has passed."""
        return self._limit is not None and self._clock() - self._started > self._limit

    def _change_slope(
        self, latest: _Candidate, before: tuple[float, float] | None
    ) -> tuple[float, float]:
        """Correct the slope by the latest file, and fit some more under it."""
        goal = self.goal
        miss = goal.miss(len(latest.data), 10 ** (-latest.psnr_db / 10))
        here = (self.slope, miss)
        exponent = goal.exponent
        if before is not None:
            exponent = measured_exponent(before, here, exponent)
        self._set_slope(corrected(self.slope, miss, exponent))
        steps = min(self._fits[0].step, self._steps)
        if steps == 0 and self._start is not None:  # the bare start: another one
            self._fits = [self._fitting(target) for target in self._targets]
        for fit in self._fits if steps else ():
            fit.refit(max(LEAST_REFIT, round(steps * REFIT_SHARE)))
        return here

    def _checked(self, best: _Candidate) -> bytes:
        """The file, if it keeps to the size asked for."""
        size = self.goal.size_bytes
        if size is not None and len(best.data) > size:
            raise RateError(
                f"{size} bytes are too few for this picture: the smallest file found has "
                f"{len(best.data)}"
            )
        if size is not None and len(best.data) < LEAST_USED * size:
            exhausted = self.slope <= SMALLEST_SLOPE
            reason = "the model can use no more" if exhausted else "the search came no nearer"
            warnings.warn(
                f"{len(best.data)} bytes of the {size} asked for: {reason}",
                RateWarning,
                stacklevel=3,
            )
        return best.data

    def _choose_start(self) -> tuple[int, int] | None:
        """(identity, index) of the trained networks for the slope, which is guessed first."""
        if not meta.has_start(self.model):
            return None
        if not self.goal.fixed:
            for _ in range(FIRST_GUESSES):
                self._guess()
        return meta.shipped_identity(), meta.start_index(self.slope)

    def _guess(self) -> None:
        """Correct the slope by what the bare start makes of one window of the picture."""
        index = meta.start_index(self.slope)
        bits, error, pixels = 0.0, 0.0, self.picture.width * self.picture.height
        for target in self._targets:
            window = grids.middle(self.model)
            top, bottom, left, right = window
            part = target[:, top:bottom, left:right].contiguous()
            model = BUILDERS[self.model.family](right - left, bottom - top)
            values = meta.start_parameters(meta.shipped_identity(), index, model)
            tensors = {name: part.new_tensor(value) for name, value in values.items()}
            latents = analysis.initial_latents(model, part, self.slope)
            rounded = [torch.round(y) for y in latents]
            with torch.no_grad():
                all_of_it = grids.whole(model)
                rate = float(grids.bits(model, tensors, rounded, all_of_it))
                made = grids.colours(model, tensors, rounded, all_of_it)
            bits += rate * OPENING_GAIN * pixels / (model.width * model.height)
            error = max(error, float((made - part).square().mean()))
        miss = self.goal.miss(bits / 8 + self._overhead(), error)
        self.slope = corrected(self.slope, miss, self.goal.exponent)

    def _fitting(self, target: Tensor) -> LatentFitting:
        """The fit of one plane from its start."""
        mean = target.mean((1, 2)).cpu().numpy().astype(np.float32)
        start = None
        if self._start is None:
            parameters = random_parameters(self.model, self.options.seed, mean)
            latents = [torch.zeros(shape) for shape in self.model.grids]
        else:
            parameters = start = meta.start_parameters(*self._start, self.model)
            latents = list(analysis.initial_latents(self.model, target, self.slope))
        seconds, steps = None, float(self._steps)
        if self._limit is not None:
            left = self._limit - (self._clock() - self._started)
            seconds = max(0.05, left * (1 - RESERVE_SHARE) - RESERVE_S)
            pixels = self.model.width * self.model.height * len(self._targets)
            steps = seconds / (SECONDS_PER_PIXEL * pixels)
        return LatentFitting(
            target,
            self.model,
            parameters,
            latents,
            slope=self.slope,
            steps=self._steps,
            start=start,
            latent_rate=LATENT_RATE if start is None else latent_rate(steps),
            seconds=seconds,
            seed=self.options.seed,
        )

    def _set_slope(self, slope: float) -> None:
        """Go on under another slope, from its own start if there is one."""
        before, self.slope = self.slope, slope
        if self._start is None:
            for fit in self._fits:
                fit.change_slope(slope)
            return
        identity, index = self._start
        self._start = (identity, meta.start_index(slope))
        for fit in self._fits:
            fit.slope = slope
            if self._start[1] != index:
                start = meta.start_parameters(*self._start, self.model)
                fit.change_start(slope, start, analysis.gains_between(self.model, before, slope))

    @torch.no_grad()
    def _correct(self) -> None:
        """Move the slope towards the goal by what the rounded latents cost now."""
        window = grids.middle(self.model)
        share = _area(window) / (self.model.width * self.model.height)
        bits, error = 0.0, 0.0
        for fit in self._fits:
            rounded = [torch.round(y) for y in fit.latents]
            bits += float(grids.bits(self.model, fit.parameters, rounded, window)) / share
            top, bottom, left, right = window
            made = grids.colours(self.model, fit.parameters, rounded, window).clamp_(0, 1)
            error = max(
                error, float((made - fit.target[:, top:bottom, left:right]).square().mean())
            )
        size = bits / 8 + self._overhead()
        miss = DAMPING * self.goal.miss(size, error)
        self._set_slope(corrected(self.slope, miss, self.goal.exponent, LARGEST_IN_FIT))

    def _overhead(self) -> float:
        """Bytes beside the latents of a file of the size asked for, roughly."""
        metadata = sum(len(block or b"") for block in self._metadata.values())
        networks = min(MOST_NETWORKS, NETWORK_SHARE * (self.goal.size_bytes or math.inf))
        return FRAMING + metadata + networks * len(self._targets) * (self._steps > 0)

    def _written(self) -> _Candidate:
        """Quantise what was fitted, write the file, and measure it."""
        start = {n: np.zeros(s, np.float32) for n, s in self.model.shapes.items()}
        if self._start is not None:
            start = meta.start_parameters(*self._start, self.model)
        planes, error, samples = [], 0.0, 0
        for number, fit in enumerate(self._fits):
            rounded = fit.rounded()
            search = NetworkSearch(self.model, start, rounded, fit.target, self.slope)
            chosen = search.run(fit.values())
            symbols = tuple(y.int().cpu().numpy() for y in rounded)
            plane = LatentPlane(self.model, chosen, start, symbols)
            planes.append(plane)
            channels = plane_channels(self.picture.channels, number)
            error += plane_error(plane, fit.target, channels) * channels
            samples += channels
        sections = file_sections(planes, self.options.slices)
        data = bitstream.write(self._header(), sections, self._metadata)
        return _Candidate(data, _decibels(error / samples))

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


def _visits(model: CoolChic) -> float:
    """What a step count is multiplied by: windows of a large picture, and up to 2 for a small one,
    whose steps take little time."""
    pixels = model.width * model.height
    return max(pixels / grids.MIDDLE_PIXELS, min(2.0, math.sqrt(SMALL_PIXELS / pixels)), 1.0)


def _area(window: grids.Window) -> int:
    """Pixels of a window."""
    return (window[1] - window[0]) * (window[3] - window[2])


def _decibels(error: float) -> float:
    """PSNR of a mean squared error with full range 1."""
    return math.inf if error <= 0 else -10 * math.log10(error)
