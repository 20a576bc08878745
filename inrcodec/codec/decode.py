"""Bytes -> pixels, at any size and in any region, whatever the family, and sound and clips.

Never reaches fitting.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, TypedDict

import numpy as np

from inrcodec.checks import whole
from inrcodec.codec import families
from inrcodec.codec.families import decoder_of
from inrcodec.codec.format import bitstream
from inrcodec.codec.format.bitstream import Container, Header
from inrcodec.codec.limits import Limits
from inrcodec.codec.view import View, view_of
from inrcodec.errors import KindError, OptionError, PartialFileWarning, TruncatedError, warn
from inrcodec.extras import require
from inrcodec.files import Source, read_bytes
from inrcodec.pixels import MAX_SIDE, Picture, Samples
from inrcodec.signals.records import MAX_RATE, Clip, Sound, Timing, nearest_rate

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
    container = _container(source)
    header = container.header
    check_kind(header, "image")
    _ = decoder_of(header).model  # raises
    view = view_of(header.width, header.height, size, scale, crop)
    depth = _depth(header, bit_depth)
    limits = Limits.of(max_pixels, max_work)
    pixels, missing = _rendered(container, view, depth, limits, threads, device, init)
    lacks = _lacks(container, missing)
    return Decoded(Picture(pixels, **container.metadata), missing, lacks)


def decode_sound(
    source: Source | Sequence[bytes],
    *,
    rate: int | None = None,
    threads: int | None = None,
    device: str = "cpu",
    max_pixels: int | None = None,
    max_work: float | None = None,
) -> Sound:
    """Decode a file of sound, or a prefix of one whose network has layers (`spinr`).

    `rate` is the samples a second, instead of the file's: a network is a function of time, and any
    rate is exact. `threads`, `device`, `max_pixels` and `max_work` are those of
    `inrcodec.decode_picture`. Raises `KindError` for a file of an image or a clip, and otherwise
    what `decode_picture` does.
    """
    container = _container(source)
    timing = check_kind(container.header, "sound")
    native = int(timing.rate)
    wanted = native if rate is None else whole("rate", rate, 1, MAX_RATE)
    count = max(1, round(Fraction(wanted, native) * container.header.width))
    if count > MAX_SIDE:
        raise OptionError(f"{count} samples at this rate; the limit is {MAX_SIDE}")
    view = view_of(container.header.width, 1, (count, 1), None, None)
    limits = Limits.of(max_pixels, max_work)
    sheet, missing = _rendered(container, view, 16, limits, threads, device, None)
    _warn(container, missing)
    return Sound.of_sheet(sheet, wanted)


def decode_clip(
    source: Source | Sequence[bytes],
    *,
    frames: int | None = None,
    size: tuple[int, int] | None = None,
    scale: float | None = None,
    crop: tuple[int, int, int, int] | None = None,
    bit_depth: int | None = None,
    threads: int | None = None,
    device: str = "cpu",
    max_pixels: int | None = None,
    max_work: float | None = None,
) -> Clip:
    """Decode a file of a clip, or a prefix of one whose network has layers (`spinr`).

    `frames` says into how many frames its time is divided, instead of the file's. The other options
    are those of `inrcodec.decode_picture`. Raises `KindError` for a file of an image or of sound,
    and otherwise what `decode_picture` does.
    """
    container = _container(source)
    header = container.header
    timing = check_kind(header, "clip")
    view = view_of(header.width, header.height, size, scale, crop, header.frames, frames)
    if view.frames * view.crop[3] > MAX_SIDE:
        raise OptionError(f"{view.frames} frames of {view.crop[3]} rows are over {MAX_SIDE} rows")
    limits, depth = Limits.of(max_pixels, max_work), _depth(header, bit_depth)
    sheet, missing = _rendered(container, view, depth, limits, threads, device, None)
    _warn(container, missing)
    rate = nearest_rate(timing.rate * view.frames / header.frames)
    return Clip.of_sheet(sheet, Timing(rate, view.frames), container.metadata.get("icc"))


def check_kind(header: Header, kind: str) -> Timing:
    """The timing of a file of this kind, "image", "sound" or "clip"; of an image it says nothing.
    Raises `KindError` for a file of another kind, with the function for it."""
    timing = header.timing or Timing(Fraction(1))
    found = "image" if header.timing is None else timing.kind
    if found == kind:
        return timing
    names = {"image": "an image", "sound": "sound", "clip": "a clip"}
    raise KindError(
        f"a file of {names[found]}, not of {names[kind]}: `inrcodec decode` and "
        f"`decode{'' if found == 'image' else '_' + found}` take it"
    )


def _container(source: Source | Sequence[bytes]) -> Container:
    """The parsed file of a source, or of what is left of one."""
    runs = source if isinstance(source, (list, tuple)) else [read_bytes(source)]  # type: ignore[arg-type]
    return bitstream.read_runs(runs)


def _depth(header: Header, bit_depth: int | None) -> int:
    """The bits of a sample that are asked for; raises `OptionError`."""
    depth = header.bit_depth if bit_depth is None else whole("bit_depth", bit_depth, 8, 16)
    if depth not in (8, 16):
        raise OptionError(f"bit_depth must be 8 or 16, got {depth}")
    return depth


def _rendered(
    container: Container,
    view: View,
    depth: int,
    limits: Limits,
    threads: int | None,
    device: str,
    init: str | os.PathLike[str] | None,
) -> tuple[Samples, str]:
    """The samples of a view, and what the signal lacks."""
    if device != "cpu":
        require("torch", extra="encode")
        from inrcodec.codec.runtime import torch_device

        torch_device(device)  # raises OptionError also where it will not be used
    threads = None if threads is None else whole("threads", threads, 1, 1024)
    check_cost(container, view, limits)
    given = None if init is None else _initialisation(init)
    with np.errstate(all="ignore"):  # what weights overflow to is clipped, whatever the caller set
        stored = families.read(container, given, threads, device)
        return stored.render(view, depth, threads=threads), stored.missing


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


def _warn(container: Container, missing: str) -> None:
    """Warn of what the file of a signal lacks."""
    if lacks := _lacks(container, missing):
        warn(lacks, PartialFileWarning)


def _lacks(container: Container, missing: str) -> str:
    """What of a file is not there; `missing` is what the signal itself lacks."""
    timing = container.header.timing
    kind = "image" if timing is None else timing.kind
    if missing:
        return f"the {kind} is coarse: {missing}; the rest of the file is missing"
    if not container.complete or container.damaged:
        lost = ", ".join(container.damaged) or "the end of the file"
        return f"the {kind} is whole, but {lost} is missing or damaged"
    return ""
