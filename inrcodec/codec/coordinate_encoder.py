"""Pixels -> bytes with coordinate networks: picks a network for the rate, fits it, writes it."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Iterator
from dataclasses import replace

import torch

from inrcodec.codec import bitstream
from inrcodec.codec.bitstream import Header, Kind
from inrcodec.codec.entropy import PRIOR_BYTES
from inrcodec.codec.fit import Budget, Fitting, Progress
from inrcodec.codec.losses import check_sides, loss_of
from inrcodec.codec.models.registry import MAX_PICTURE_MACS, parameter_count
from inrcodec.codec.models.siren import ENCODING_BASE, MAX_FREQUENCIES, Siren
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

BITS_PER_PARAMETER = 4.8
"""Where a network of the right size ends up after quantisation; measured on Kodak."""

MOST_BITS_PER_PARAMETER = 8
"""Where finer steps stop helping; a quality never spends more."""

LARGEST_WIDTH = 256
"""Widest network chosen on its own: 400k parameters; beyond it a step takes seconds on a laptop."""

RESERVE_S = 0.3
"""Kept back from a time limit for the last measurement and writing, in seconds."""

SMALLEST_PAYLOAD = 192
"""Bytes of parameters a quality never goes below, however small the picture."""

FINEST_PERIOD = 5.0
"""Pixels in half a period of the finest encoding frequency (16 frequencies at 768 pixels)."""

LAYERS_OF_PARAMETERS = ((300, 2), (2000, 3), (6000, 4), (12000, 5), (math.inf, 6))
"""Sine layers of a network with at most so many parameters; measured on Kodak."""


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


def _header(picture: Picture, model: Siren) -> Header:
    """The header of a file that holds this picture in this network."""
    return Header(
        picture.width,
        picture.height,
        picture.channels,
        picture.bit_depth,
        model.family,
        model.dimensions,
    )


def asked_bytes(picture: Picture, options: EncodeOptions) -> int | None:
    """The file size asked for, in bytes; None if the options name a quality."""
    if options.bpp is not None:
        return int(options.bpp * picture.width * picture.height / 8)
    return options.target_size


def plan(
    picture: Picture, options: EncodeOptions, metadata: dict[str, bytes | None]
) -> tuple[Siren, int]:
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
    smallest = Siren(1, 1, 0 if options.model == "siren" else 1, picture.channels)
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


def network_for(picture: Picture, family: str, payload_bytes: int) -> Siren:
    """A network whose quantised parameters take about `payload_bytes`."""
    wanted = payload_bytes * 8 / BITS_PER_PARAMETER
    layers = next(layers for most, layers in LAYERS_OF_PARAMETERS if wanted <= most)
    frequencies = 0
    if family == "pe-siren":
        finest = max(picture.width, picture.height) / FINEST_PERIOD
        wavelengths = 1 + round(math.log(max(1.0, finest)) / math.log(ENCODING_BASE))
        frequencies = max(1, min(MAX_FREQUENCIES, wavelengths, int(wanted / 80) + 1))
    while layers > 1 and _tables(layers) > payload_bytes / 3:
        layers -= 1
    most_macs = MAX_PICTURE_MACS / (picture.width * picture.height)
    model = Siren(1, layers, frequencies, picture.channels)
    while model.width < LARGEST_WIDTH:
        wider = replace(model, width=model.width + 1)
        if parameter_count(wider) > wanted or wider.macs_per_pixel > most_macs:
            break
        model = wider
    even = replace(model, width=(model.width + 3) // 8 * 8) if model.width >= 32 else model
    return even if even.macs_per_pixel <= most_macs else model


def _tables(layers: int) -> int:
    """Bytes of the per-tensor codes of a network."""
    return PRIOR_BYTES * 2 * (layers + 1)
