"""Pixels -> bytes with coordinate networks: picks a network for the rate, fits it, writes it."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Iterator

import torch

from inrcodec.codec import bitstream
from inrcodec.codec.bitstream import Header, Kind
from inrcodec.codec.coordinate_starts import phase_start
from inrcodec.codec.entropy import PRIOR_BYTES
from inrcodec.codec.fit import Budget, Fitting, Progress
from inrcodec.codec.header import PHASES
from inrcodec.codec.losses import check_sides, loss_of
from inrcodec.codec.models.coordinate import CoordinateModel
from inrcodec.codec.models.registry import parameter_count
from inrcodec.codec.network_sizes import network_for, smallest_network
from inrcodec.codec.options import (
    DEFAULT_QUALITY,
    FEWEST_STEPS,
    EncodeOptions,
    bpp_of_quality,
)
from inrcodec.codec.pixel_grids import BATCH_PIXELS
from inrcodec.codec.robust import IN_FLOAT32, backward_of
from inrcodec.codec.runtime import torch_device, torch_threads
from inrcodec.errors import RateError, RateWarning
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
        self.model, payload_bytes = plan(picture, options, self._metadata)
        seconds = None
        steps = steps_of_effort(options.effort, picture)
        if options.time_limit is not None:
            seconds = max(0.05, options.time_limit - (time.monotonic() - started) - RESERVE_S)
            steps = 1 << 40
        with torch_threads(self._threads):
            self._fitting = Fitting(
                picture.pixels,
                self.model,
                Budget(steps, payload_bytes, seconds),
                loss=loss,
                backward=backward_of(options, self.model.units),
                precision=torch.float32 if options.robust in IN_FLOAT32 else None,
                seed=options.seed,
                device=str(device),
                start=phase_start(self.model),
            )

    def __iter__(self) -> Iterator[Progress]:
        """Fit, reporting progress a few times a second."""
        with torch_threads(self._threads):
            yield from self._fitting

    def finish(self) -> bytes:
        """The file holding the best network found so far."""
        with torch_threads(self._threads):
            parameters = self._fitting.best().to_bytes()
        sections = [(Kind.PARAMETERS, parameters)]
        data = bitstream.write(_header(self.picture, self.model), sections, self._metadata)
        asked = asked_bytes(self.picture, self.options)
        if asked is not None and len(data) < 0.95 * asked:
            warnings.warn(
                f"{len(data)} bytes of the {asked} asked for: the network can use no more",
                RateWarning,
                stacklevel=2,
            )
        return data


def _header(picture: Picture, model: CoordinateModel) -> Header:
    """The header of a file that holds this picture in this network."""
    return Header(
        picture.width,
        picture.height,
        picture.channels,
        picture.bit_depth,
        model.family,
        model.dimensions,
        start=(PHASES, 0),
    )


def asked_bytes(picture: Picture, options: EncodeOptions) -> int | None:
    """The file size asked for, in bytes; None if the options name a quality."""
    if options.bpp is not None:
        return int(options.bpp * picture.width * picture.height / 8)
    return options.target_size


def plan(
    picture: Picture, options: EncodeOptions, metadata: dict[str, bytes | None]
) -> tuple[CoordinateModel, int]:
    """The network for the rate asked for, and the bytes its parameters may take.

    Raises `RateError` if a size was asked for that no network can meet.
    """
    total = asked_bytes(picture, options)
    if total is None:
        pixels = picture.width * picture.height
        quality = DEFAULT_QUALITY if options.quality is None else options.quality
        payload = max(int(bpp_of_quality(quality) * pixels / 8), SMALLEST_PAYLOAD)
        model = network_for(picture, options.model, payload)
        return model, min(payload, parameter_count(model) * MOST_BITS_PER_PARAMETER // 8)
    smallest = smallest_network(picture, options.model)
    table = PRIOR_BYTES * len(smallest.shapes)
    least = table + bitstream.overhead_bytes(_header(picture, smallest), metadata, table)
    if total < least:
        kept = " (metadata included)" if any(metadata.values()) else ""
        raise RateError(
            f"{total} bytes are too few for this picture: the smallest file has {least}{kept}"
        )
    rough = total - least + table
    model = network_for(picture, options.model, rough)
    return model, total - bitstream.overhead_bytes(_header(picture, model), metadata, rough)


def steps_of_effort(effort: int, picture: Picture) -> int:
    """Training steps: double with each effort, and more where a step sees fewer pixels."""
    cheap = math.sqrt(max(1.0, BATCH_PIXELS / (picture.width * picture.height)))
    return round(FEWEST_STEPS * float(2 ** (effort - 1)) * min(4.0, cheap))
