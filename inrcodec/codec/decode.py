"""Bytes -> pixels, at any size and in any region, whatever the family. Never reaches fitting."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict

import numpy as np

from inrcodec.checks import whole
from inrcodec.codec import families
from inrcodec.codec.families import decoder_of
from inrcodec.codec.format import bitstream
from inrcodec.codec.format.bitstream import Container
from inrcodec.codec.limits import Limits
from inrcodec.codec.view import View, view_of
from inrcodec.errors import OptionError, PartialFileWarning, TruncatedError, warn
from inrcodec.extras import require
from inrcodec.files import Source, read_bytes
from inrcodec.pixels import Picture

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from inrcodec.codec.networks.init_tables import Initialisation
    from inrcodec.codec.networks.module import NetworkModule


class DecodeKeywords(TypedDict, total=False):
    """The keywords of `decode_picture`."""

    size: tuple[int, int] | None
    scale: float | None
    crop: tuple[int, int, int, int] | None
    bit_depth: int | None
    threads: int | None
    device: str
    init: str | os.PathLike[str] | None
    max_pixels: int | None
    max_work: float | None


@dataclass(frozen=True, slots=True, eq=False)
class Decoded:
    """An image, what it lacks (such as grids that have not arrived), and what its file lacks, both
    as texts for people: "" for nothing."""

    picture: Picture
    missing: str
    lacks: str


def decode_picture(source: Source | Sequence[bytes], **options: Unpack[DecodeKeywords]) -> Picture:
    """Decode a file, as `inrcodec.decode_picture` says, and warn of what it lacks."""
    decoded = decode_quietly(source, **options)
    if decoded.lacks:
        warn(decoded.lacks, PartialFileWarning)
    return decoded.picture


def decode_quietly(
    source: Source | Sequence[bytes],
    *,
    size: tuple[int, int] | None = None,
    scale: float | None = None,
    crop: tuple[int, int, int, int] | None = None,
    bit_depth: int | None = None,
    threads: int | None = None,
    device: str = "cpu",
    init: str | os.PathLike[str] | None = None,
    max_pixels: int | None = None,
    max_work: float | None = None,
) -> Decoded:
    """Decode a file and say what it lacks, without a warning, which would be the whole process's
    matter. Arguments and errors are those of `decode_picture`."""
    limits = Limits.of(max_pixels, max_work)
    runs = source if isinstance(source, (list, tuple)) else [read_bytes(source)]  # type: ignore[arg-type]
    container = bitstream.read_runs(runs)
    header = container.header
    _ = decoder_of(header).model  # raises
    view = view_of(header.width, header.height, size, scale, crop)
    depth = header.bit_depth if bit_depth is None else whole("bit_depth", bit_depth, 8, 16)
    if depth not in (8, 16):
        raise OptionError(f"bit_depth must be 8 or 16, got {depth}")
    if device != "cpu":
        require("torch", extra="encode")
        from inrcodec.codec.runtime import torch_device

        torch_device(device)  # raises OptionError also where it will not be used
    threads = None if threads is None else whole("threads", threads, 1, 1024)
    check_cost(container, view, limits)
    given = None if init is None else _initialisation(init)
    with np.errstate(all="ignore"):  # what weights overflow to is clipped, whatever the caller set
        stored = families.read(container, given, threads, device)
        pixels = stored.render(view, depth, threads=threads)
    lacks = _lacks(container, stored.missing)
    return Decoded(Picture(pixels, **container.metadata), stored.missing, lacks)


def load_network(source: Source, init: str | os.PathLike[str] | None = None) -> NetworkModule:
    """Load the coordinate network of a file; see `inrcodec.load_network`."""
    require("torch", extra="encode")
    from inrcodec.codec.networks.decoder import NetworkDecoder
    from inrcodec.codec.networks.module import NetworkModule

    container = bitstream.read(read_bytes(source))
    header = container.header
    decoder = decoder_of(header)
    if not isinstance(decoder, NetworkDecoder):
        raise OptionError(f"a network is loaded from files of networks, not {header.family.label}")
    if not container.complete:
        raise TruncatedError("the file is cut short; a network is loaded from a whole file")
    given = None if init is None else _initialisation(init)
    stored = decoder.read(container, given)
    return NetworkModule(header, stored.model, stored.network, container.metadata)


def _initialisation(path: str | os.PathLike[str]) -> Initialisation:
    """Read the file of an initialisation; raises `FormatError` and `OptionError`."""
    from inrcodec.codec.networks.init_tables import Initialisation

    return Initialisation.read(path)


def check_cost(container: Container, view: View, limits: Limits) -> None:
    """Raise `LimitError` if a view of a file is beyond the limits, as far as its sections tell."""
    limits.check_pixels(view)
    limits.check_work(decoder_of(container.header).work_s(container, view))


def _lacks(container: Container, missing: str) -> str:
    """What of a file is not there; `missing` is what the image itself lacks."""
    if missing:
        return f"the image is coarse: {missing}; the rest of the file is missing"
    if not container.complete or container.damaged:
        lost = ", ".join(container.damaged) or "the end of the file"
        return f"the image is whole, but {lost} is missing or damaged"
    return ""
