"""Bytes -> pixels, at any size and in any region. Never reaches fitting or encoding."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path

from inrcodec.codec.coolchic import render as grid_render
from inrcodec.codec.coolchic.model import CoolChic
from inrcodec.codec.coolchic.planes import read_latents
from inrcodec.codec.entropy.quantized import Quantized
from inrcodec.codec.families import model_of
from inrcodec.codec.format import bitstream
from inrcodec.codec.format.bitstream import Container
from inrcodec.codec.native.pool import kernel_threads
from inrcodec.codec.networks.base import CoordinateModel
from inrcodec.codec.networks.init_tables import TrainedStart, start_of
from inrcodec.codec.networks.sections import read_sections
from inrcodec.codec.networks.spinr import Spinr
from inrcodec.codec.view import view_of
from inrcodec.errors import OptionError, PartialFileWarning
from inrcodec.pixels import Picture


def decode_picture(
    data: bytes | list[bytes] | tuple[bytes, ...],
    *,
    size: tuple[int, int] | None = None,
    scale: float | None = None,
    crop: tuple[int, int, int, int] | None = None,
    bit_depth: int | None = None,
    threads: int | None = None,
    device: str = "cpu",
    start: str | Path | None = None,
) -> Picture:
    """Decode a file to pixels and metadata.

    `data` is a file, a prefix of one, or what is left of a file that lost bytes: runs of it, of
    which the first is its beginning and every other one begins with a section.
    `size` = (width, height) or `scale` = a factor choose the output size (default: as encoded);
    a coordinate network is a function, so any size is exact; latent grids have a picture of their
    own size, which is resampled. `crop` = (x, y, width, height) in pixels of that
    output renders only that region. `bit_depth` 8 or 16 overrides the file's.
    `threads` as for encoding. `device` is where coordinate networks are evaluated; latent grids are
    decoded on the CPU, without torch. `start` is the file of a trained start that does not come
    with the package, for files encoded with one.

    Raises `FormatError` for a damaged file, `TruncatedError` for a prefix without a picture and
    `OptionError` for a bad size. A file cut behind its networks decodes with `PartialFileWarning`:
    to the whole picture or, with latent grids, to a coarser one.
    """
    container = bitstream.read_runs(data if isinstance(data, (list, tuple)) else [data])
    header = container.header
    model = model_of(header)
    view = view_of(header.width, header.height, size, scale, crop)
    if bit_depth not in (None, 8, 16):
        raise OptionError(f"bit depth must be 8 or 16, got {bit_depth}")
    depth = bit_depth or header.bit_depth
    missing = ""
    if device != "cpu":
        from inrcodec.codec.runtime import torch_device

        torch_device(device)  # raises OptionError also where it will not be used
    if isinstance(model, CoolChic):
        if start is not None:
            TrainedStart.read(start)  # raises also where it is not needed
        with kernel_threads(threads):
            latents = read_latents(container, model)
            missing = latents.missing
            planes = [grid_render.Plane.of(plane) for plane in latents.planes]
            pixels = grid_render.render(planes, header.channels, view, depth)
    else:
        from inrcodec.codec.networks import render

        model, network = read_network(container, model, start)
        values = network.values()
        missing = missing_layers(container, model)
        pixels = render.render(model, values, view, depth, threads, device)
    _warn_of_losses(container, missing)
    return Picture(pixels, **container.metadata)


def read_network(
    container: Container, model: CoordinateModel, start: str | Path | None = None
) -> tuple[CoordinateModel, Quantized]:
    """The network of a parsed file without latents, as much of it as is there, and its parameters,
    still as integers; raises `FormatError` also for a start that this version does not have."""
    given = [] if start is None else [TrainedStart.read(start)]
    found, stored = read_sections(container, model)
    return found, replace(stored, start=start_of(container.header.start, found, given))


def missing_layers(container: Container, found: CoordinateModel) -> str:
    """What of a network that decodes layer by layer is not there, as a text; "" if nothing."""
    whole = container.header.dimensions
    if not isinstance(found, Spinr) or found.layers == whole[1]:
        return ""
    return f"layers {found.layers} of {whole[1]}"


def _warn_of_losses(container: Container, missing: str) -> None:
    """Say what of a file is not there; `missing` is what the picture itself lacks."""
    if missing:
        text = f"the picture is coarse: {missing}; the rest of the file is missing"
    elif not container.complete or container.damaged:
        lost = ", ".join(container.damaged) or "the end of the file"
        text = f"the picture is whole, but {lost} is missing or damaged"
    else:
        return
    warnings.warn(text, PartialFileWarning, 3)
