"""Pixels -> bytes with coordinate networks: picks a network for the rate, fits it, writes it."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import torch

from inrcodec.codec.entropy.prior import PRIOR_BYTES
from inrcodec.codec.entropy.quantized import least_payload
from inrcodec.codec.fitting.losses import check_sides, loss_of
from inrcodec.codec.fitting.networks.batches import BATCH_PIXELS
from inrcodec.codec.fitting.networks.fit import Budget, Fitting
from inrcodec.codec.fitting.networks.multi_start import MultiStart, steps_of_start
from inrcodec.codec.fitting.robust import IN_FLOAT32, backward_of
from inrcodec.codec.format import bitstream
from inrcodec.codec.format.bitstream import Header
from inrcodec.codec.format.header import PHASES
from inrcodec.codec.networks import sections
from inrcodec.codec.networks.base import CoordinateModel
from inrcodec.codec.networks.families import network_from
from inrcodec.codec.networks.init_tables import TrainedStart, colours, phase_start, shipped_start
from inrcodec.codec.networks.sines import MOST_WEIGHTS
from inrcodec.codec.networks.sizes import (
    BITS_PER_PARAMETER,
    PictureShape,
    network_for,
    smallest_network,
)
from inrcodec.codec.options import (
    DEFAULT_QUALITY,
    FEWEST_STEPS,
    EncodeOptions,
    bpp_of_quality,
)
from inrcodec.codec.progress import Progress
from inrcodec.codec.runtime import fit_threads, torch_device, torch_threads
from inrcodec.errors import OptionError, RateError, RateWarning
from inrcodec.pixels import Picture

MOST_BITS_PER_PARAMETER = 8
"""Where finer steps stop helping; a quality never spends more."""

RESERVE_S = 0.3
"""Kept back from a time limit for the last measurement and writing, in seconds."""

SMALLEST_PAYLOAD = 192
"""Bytes of parameters a quality never goes below, however small the picture."""


class CoordinateEncoding:
    """One encode with a coordinate network; see `encoder.Encoding`."""

    def __init__(self, picture: Picture, options: EncodeOptions) -> None:
        started = time.monotonic()
        self.picture, self.options = picture, options
        loss = loss_of(options)
        check_sides(loss, picture.width, picture.height)
        device = torch_device(options.device)
        self._threads = options.threads
        self._metadata = picture.metadata if options.metadata else {}
        self._plan = plan = Plan.of(picture, options, self._metadata)
        seconds = None
        steps = steps_of_effort(options.effort, picture)
        if options.time_limit is not None:
            seconds = max(0.05, options.time_limit - (time.monotonic() - started) - RESERVE_S)
            steps = 1 << 40
        in_kernels = plan.model.in_kernels and plan.model.parameter_count <= MOST_WEIGHTS
        self._computing = fit_threads if in_kernels else torch_threads

        def fit(seed: int, budget: Budget) -> Fitting:
            return Fitting(
                picture.pixels,
                plan.model,
                budget,
                loss=loss,
                backward=backward_of(options, plan.model.units),
                precision=torch.float32 if options.robust in IN_FLOAT32 else None,
                seed=seed,
                device=str(device),
                start=phase_start(plan.model),
                trained=plan.trained,
            )

        each = steps
        if plan.trained is None:
            shortest = steps_of_effort(1, picture)
            each = steps_of_start(plan.model.family, plan.payload_bytes, shortest, steps)
        budget = Budget(steps, plan.payload_bytes, seconds)
        with self._computing(self._threads):
            self._starts = MultiStart(fit, options.seed, budget, each)

    def __iter__(self) -> Iterator[Progress]:
        """Fit, reporting progress a few times a second."""
        with self._computing(self._threads):
            yield from self._starts

    def finish(self) -> bytes:
        """The file holding the best network found so far."""
        with self._computing(self._threads):
            stored = sections.sections_of(self._plan.model, self._starts.best())
        data = bitstream.write(self._plan.header, stored, self._metadata)
        asked = self.options.asked_bytes(self.picture.width * self.picture.height)
        if asked is not None and len(data) < 0.95 * asked:
            warnings.warn(
                f"{len(data)} bytes of the {asked} asked for: the network can use no more",
                RateWarning,
                stacklevel=2,
            )
        return data


@dataclass(frozen=True, slots=True)
class Plan:
    """What to fit: the network, the start it was trained from if so, and the bytes its parameters
    may take; `header` is that of the file."""

    model: CoordinateModel
    trained: TrainedStart | None
    payload_bytes: int
    header: Header

    @classmethod
    def of(
        cls, picture: Picture, options: EncodeOptions, metadata: dict[str, bytes | None]
    ) -> Plan:
        """The plan for the rate asked for. Raises `RateError` for a size that the network cannot
        meet, `LimitError` for a picture too large for it, and `OptionError` without a start such as
        the options name."""
        shape, pixels = PictureShape.of(picture), picture.width * picture.height
        total = options.asked_bytes(pixels)
        quality = DEFAULT_QUALITY if options.quality is None else options.quality
        if total is None:
            rough = max(int(bpp_of_quality(quality) * pixels / 8), SMALLEST_PAYLOAD)
        else:
            smallest = smallest_network(shape, options.model)
            rough = total - _overhead(picture, smallest, metadata, total)
        trained = _trained_start(picture, options, rough)
        model = network_for(shape, options.model, max(rough, 0))
        if trained is not None:
            model = trained.model_for(picture.width, picture.height)
        header = _header(picture, model, PHASES if trained is None else trained.identity)
        network_from(header)  # a decoder's limits
        least = _least_payload(model)
        overhead = _overhead(picture, model, metadata, least if total is None else total)
        if total is None:
            payload = min(rough, model.parameter_count * MOST_BITS_PER_PARAMETER // 8)
        else:
            payload = total - overhead
        if payload < least:
            kept = ", metadata included" if any(metadata.values()) else ""
            start = "" if trained is None else f" from the trained start {trained.identity:08x}"
            less = f"quality {quality}" if total is None else f"{total} bytes"
            size = least + _overhead(picture, model, metadata, least)
            raise RateError(
                f"{less} is too little: the smallest {options.model} file of this picture{start} "
                f"has {size} bytes{kept}"
            )
        return cls(model, trained, payload, header)


def _least_payload(model: CoordinateModel) -> int:
    """The fewest bytes of parameters, nearly all of them 0: whole words up to what readers take."""
    return max(PRIOR_BYTES * len(model.shapes), least_payload(model.parameter_count) + 3)


def _overhead(
    picture: Picture, model: CoordinateModel, metadata: dict[str, bytes | None], most: int
) -> int:
    """At most what a file of a network has beside `most` bytes of parameters."""
    header = _header(picture, model, PHASES)
    return bitstream.overhead_bytes(header, metadata, most) + sections.overhead_bytes(model)


def _trained_start(picture: Picture, options: EncodeOptions, payload: int) -> TrainedStart | None:
    """The start the options name, of those shipped the one that suits a payload best; raises
    `OptionError`."""
    if options.init == "random":
        return None
    if options.init == "meta":
        suited = max(1.0, payload * 8 / BITS_PER_PARAMETER)
        return shipped_start(options.model, picture.channels, suited)
    trained = TrainedStart.read(options.init)
    if trained.family.label != options.model:
        raise OptionError(f"{options.init} is a start of {trained.family.label}")
    if trained.channels != picture.channels:
        theirs, ours = (colours(n) for n in (trained.channels, picture.channels))
        raise OptionError(f"{options.init} is for {theirs}, not for the {ours} of this picture")
    return trained


def _header(picture: Picture, model: CoordinateModel, start: int) -> Header:
    """The header of a file that holds this picture in this network, from a start."""
    return Header(
        picture.width,
        picture.height,
        picture.channels,
        picture.bit_depth,
        model.family,
        model.dimensions,
        start=(start, 0),
    )


def steps_of_effort(effort: int, picture: Picture) -> int:
    """Training steps: double with each effort, and more where a step sees fewer pixels."""
    cheap = math.sqrt(max(1.0, BATCH_PIXELS / (picture.width * picture.height)))
    return round(FEWEST_STEPS * float(2 ** (effort - 1)) * min(4.0, cheap))
