"""Pixels -> bytes with coordinate networks: picks a network for the rate, fits it, writes it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch

from inrcodec.codec.entropy.prior import PRIOR_BYTES
from inrcodec.codec.entropy.quantized import least_payload
from inrcodec.codec.fitting.networks.fit import Budget, NetworkFit
from inrcodec.codec.fitting.networks.schedule import SCHEDULE, Schedule
from inrcodec.codec.fitting.networks.several_fits import SeveralFits
from inrcodec.codec.fitting.plan import WITHOUT_LIMIT, EncodePlan
from inrcodec.codec.fitting.rate_control import LEAST_USED
from inrcodec.codec.fitting.robust import backward_of
from inrcodec.codec.format import bitstream
from inrcodec.codec.format.header import PHASES, Header
from inrcodec.codec.limits import Limits
from inrcodec.codec.networks import sections
from inrcodec.codec.networks.base import CoordinateModel
from inrcodec.codec.networks.families import network_from
from inrcodec.codec.networks.init_tables import (
    Initialisation,
    colours,
    phase_initialisation,
    shipped_for,
)
from inrcodec.codec.networks.sines import MOST_WEIGHTS
from inrcodec.codec.networks.sizes import (
    BITS_PER_PARAMETER,
    ImageShape,
    bpp_of_quality,
    network_for,
    smallest_network,
)
from inrcodec.codec.networks.work import own_size_s
from inrcodec.codec.progress import Progress, in_steps
from inrcodec.codec.runtime import fit_threads, torch_device, torch_threads
from inrcodec.errors import (
    EncoderLimitError,
    LimitError,
    OptionError,
    RateError,
    RateWarning,
    warn,
)
from inrcodec.pixels import Picture
from inrcodec.signals.records import Timing

MOST_BITS_PER_PARAMETER = 8
"""Where finer steps stop helping; a quality never spends more."""

SMALLEST_PAYLOAD = 192
"""Bytes of parameters a quality never goes below, however small the image."""

SOUND_OVER_IMAGES = 4
"""Bits that a quality means for a moment of sound beside what it means for a pixel."""


class NetworkEncoding:
    """One encode with a coordinate network; see `encode.Encoding`. With a `timing`, the picture is
    the sheet of a signal."""

    def __init__(
        self,
        picture: Picture,
        plan: EncodePlan,
        timing: Timing | None = None,
        *,
        schedule: Schedule = SCHEDULE,
    ) -> None:
        started = time.monotonic()
        device = torch_device(plan.device)
        self._plan = plan
        self._chosen = chosen = Choice.of(picture, plan, timing)
        model = chosen.model
        pixels = picture.width * picture.height
        seconds = None
        steps = schedule.steps(plan.effort, pixels)
        if plan.time_limit is not None:
            left = plan.time_limit - (time.monotonic() - started)
            seconds = max(0.05, left - schedule.reserve_s)
            steps = WITHOUT_LIMIT
        in_kernels = model.in_kernels and model.parameter_count <= MOST_WEIGHTS
        self._computing = fit_threads if in_kernels else torch_threads
        float32 = plan.robust is not None and plan.robust.in_float32

        def fit(seed: int, budget: Budget) -> NetworkFit:
            return NetworkFit(
                picture.pixels,
                model,
                budget,
                loss=plan.loss,
                backward=backward_of(plan.robust, model.units, plan.seed),
                precision=torch.float32 if float32 else None,
                seed=seed,
                device=str(device),
                residual_to=phase_initialisation(model),
                init=chosen.init,
                schedule=schedule,
                frames=chosen.header.frames,
            )

        each = steps
        if chosen.init is None:
            shortest = schedule.steps(1, pixels)
            each = schedule.steps_of_fit(model.family, chosen.payload_bytes, shortest, steps)
        budget = Budget(steps, chosen.payload_bytes, seconds)
        with self._computing(plan.threads):
            self._fits = SeveralFits(fit, plan.seed, budget, each, most=schedule.most_fits)
        asked = plan.goal.size_bytes
        overhead = _overhead(chosen.header, model, plan, chosen.payload_bytes)
        self._size = chosen.payload_bytes + overhead if asked is None else asked
        self._running = in_steps(self._progress(), lambda: self._computing(plan.threads))

    def __iter__(self) -> Iterator[Progress]:
        """Fit, reporting progress a few times a second."""
        return self._running

    @property
    def expected_s(self) -> float | None:
        """Not known before a step was made, but under a time limit."""
        return self._plan.time_limit

    def _progress(self) -> Iterator[Progress]:
        """Run the fits; the bytes of the file are known from the beginning."""
        for progress in self._fits:
            yield replace(progress, size_bytes=self._size)

    def finish(self) -> bytes:
        """The file holding the best network found so far."""
        with self._computing(self._plan.threads):
            stored = sections.sections_of(self._chosen.model, self._fits.best())
        data = bitstream.write(self._chosen.header, stored, self._plan.metadata)
        asked = self._plan.goal.size_bytes
        if asked is not None and len(data) < LEAST_USED * asked:
            warn(
                f"{len(data)} bytes of the {asked} asked for: the network can use no more",
                RateWarning,
            )
        return data


@dataclass(frozen=True, slots=True)
class Choice:
    """What to fit: the network, the meta-learned initialisation if there is one, and the bytes
    its parameters may take; `header` is that of the file."""

    model: CoordinateModel
    init: Initialisation | None
    payload_bytes: int
    header: Header

    @classmethod
    def of(cls, picture: Picture, plan: EncodePlan, timing: Timing | None = None) -> Choice:
        """The choice for the rate asked for. Raises `RateError` for a size that the network cannot
        meet, `EncoderLimitError` for an image too large for it, and `OptionError` without an
        initialisation such as the plan names."""
        shape, pixels = ImageShape.of(picture, timing), picture.width * picture.height

        def header_of(model: CoordinateModel, identity: int = PHASES) -> Header:
            return _header(picture, model, identity, timing)

        total = plan.goal.size_bytes
        if total is None:
            bits = bpp_of_quality(plan.quality) * (SOUND_OVER_IMAGES if shape.axes == 1 else 1)
            rough = max(int(bits * pixels / 8), SMALLEST_PAYLOAD)
        else:
            smallest = smallest_network(shape, plan.model)
            rough = total - _overhead(header_of(smallest), smallest, plan, total)
        init = _initialisation(picture, plan, rough)
        model = network_for(shape, plan.model, max(rough, 0))
        if init is not None:
            model = init.model_for(picture.width, picture.height)
        header = header_of(model, PHASES if init is None else init.identity)
        try:
            network_from(header)  # a decoder's limits
            Limits().check_work(own_size_s(model, shape.width, shape.height, shape.frames))
        except LimitError as error:
            raise EncoderLimitError(str(error)) from None
        least = _least_payload(model)
        overhead = _overhead(header, model, plan, least if total is None else total)
        if total is None:
            payload = min(rough, model.parameter_count * MOST_BITS_PER_PARAMETER // 8)
        else:
            payload = total - overhead
        if payload < least:
            size = least + _overhead(header, model, plan, least)
            kind = "image" if timing is None else timing.kind
            raise RateError(_too_little(plan, init, size, kind))
        return cls(model, init, payload, header)


def _too_little(plan: EncodePlan, init: Initialisation | None, size: int, kind: str) -> str:
    """What to say where even the smallest file, of `size` bytes, has more than was asked for."""
    total = plan.goal.size_bytes
    kept = ", metadata included" if any(plan.metadata.values()) else ""
    begun = "" if init is None else f" from the initialisation {init.identity:08x}"
    less = f"quality {plan.quality}" if total is None else f"{total} bytes"
    return (
        f"{less} is too little: the smallest {plan.model} file of this {kind}{begun} has {size} "
        f"bytes{kept}"
    )


def _least_payload(model: CoordinateModel) -> int:
    """The fewest bytes of parameters, nearly all of them 0: whole words up to what readers take."""
    return max(PRIOR_BYTES * len(model.shapes), least_payload(model.parameter_count) + 3)


def _overhead(header: Header, model: CoordinateModel, plan: EncodePlan, most: int) -> int:
    """At most what a file of a network has beside `most` bytes of parameters."""
    framing = bitstream.overhead_bytes(header, plan.metadata, most)
    return framing + sections.overhead_bytes(model)


def _initialisation(picture: Picture, plan: EncodePlan, payload: int) -> Initialisation | None:
    """The initialisation the plan names, of those shipped the one that suits a payload best; None
    for a random one. Raises `OptionError`."""
    if plan.init == "random":
        return None
    if plan.init == "meta":
        suited = max(1.0, payload * 8 / BITS_PER_PARAMETER)
        return shipped_for(plan.model, picture.channels, suited)
    init = Initialisation.read(plan.init)
    if init.family.label != plan.model:
        raise OptionError(f"{plan.init} is an initialisation of {init.family.label}")
    if init.channels != picture.channels:
        theirs, ours = (colours(n) for n in (init.channels, picture.channels))
        raise OptionError(f"{plan.init} is for {theirs}, not for the {ours} of this image")
    return init


def _header(
    picture: Picture, model: CoordinateModel, identity: int, timing: Timing | None
) -> Header:
    """The header of a file that holds this image, or the signal of this sheet, in this network,
    from an initialisation."""
    return Header(
        picture.width,
        picture.height if timing is None else picture.height // (timing.frames or 1),
        picture.channels,
        picture.bit_depth,
        model.family,
        model.dimensions,
        init=(identity, 0),
        timing=timing,
    )
