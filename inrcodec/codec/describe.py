"""What a file says about itself, without decoding a symbol and without torch."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from inrcodec.codec.families import Decoder, Model, decoder_of
from inrcodec.codec.format import bitstream
from inrcodec.codec.format.bitstream import Container, Kind, Section
from inrcodec.pixels import CHANNEL_NAMES
from inrcodec.signals.records import SOUND_NAMES


@dataclass(frozen=True, slots=True)
class SectionInfo:
    """One section: its kind by name or number, its offset in the file, and its bytes, framing
    included.

    A section of latents is named with its grid: "latents level 0 main".
    """

    kind: str
    offset: int
    size_bytes: int
    intact: bool


@dataclass(frozen=True, slots=True)
class FileInfo:
    """Everything the container says. `complete` is False for a prefix of a file.

    `channels` is 1 to 4, and `colours` names them: "gray", "gray+alpha", "RGB" or "RGB+alpha".

    `parameters` and `macs_per_pixel` count the networks of both planes of a latent model with
    alpha. `init` is the (identity, index) of the initialisation that a file's parameters add to,
    `slice_side` the side of the slices its grids are cut into, in symbols; None without.

    `kind` is "image", "sound" or "clip". Of sound, `width` counts its samples, the pixels of one
    row, and `colours` is "mono" or "stereo"; a clip has `frames` of that size; both have a `rate`,
    samples or frames a second.
    """

    width: int
    height: int
    channels: int
    colours: str
    bit_depth: int
    model: str
    dimensions: tuple[int, ...]
    parameters: int
    macs_per_pixel: int
    size_bytes: int
    bits_per_pixel: float
    bits_per_parameter: float | None
    format_version: int
    complete: bool
    metadata: tuple[str, ...]
    damaged: tuple[str, ...]
    sections: tuple[SectionInfo, ...]
    init: tuple[int, int] | None = None
    slice_side: int | None = None
    kind: str = "image"
    frames: int | None = None
    rate: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """Plain lists and dicts, ready for JSON."""
        return asdict(self)


def info(data: bytes) -> FileInfo:
    """Describe a file or a prefix that holds the header; raises `FormatError`."""
    container = bitstream.read(data)
    header = container.header
    decoder = decoder_of(header)
    model = decoder.model
    kind = "image" if header.timing is None else header.timing.kind
    return FileInfo(
        width=header.width,
        height=header.height,
        channels=header.channels,
        colours=(SOUND_NAMES if kind == "sound" else CHANNEL_NAMES)[header.channels],
        bit_depth=header.bit_depth,
        model=header.family.label,
        dimensions=header.dimensions,
        parameters=model.parameter_count * decoder.planes,
        macs_per_pixel=model.macs_per_pixel * decoder.planes,
        size_bytes=len(data),
        bits_per_pixel=len(data) * 8 / (header.width * header.height * header.frames),
        bits_per_parameter=_bits_per_parameter(container, model),
        format_version=bitstream.VERSION,
        complete=container.complete,
        metadata=tuple(container.metadata),
        damaged=container.damaged,
        sections=tuple(
            SectionInfo(_section_name(s, decoder), s.offset, s.size, s.intact)
            for s in container.sections
        ),
        init=header.init,
        slice_side=header.slice_side,
        kind=kind,
        frames=None if header.timing is None else header.timing.frames,
        rate=None if header.timing is None else float(header.timing.rate),
    )


def _bits_per_parameter(container: Container, model: Model) -> float | None:
    """Size of the networks' payloads by number of parameters; None if there is none yet."""
    planes = [p for k in (Kind.PARAMETERS, Kind.ALPHA_PARAMETERS) for p in container.payloads(k)]
    if not planes:
        return None
    payloads = planes + container.payloads(Kind.LAYER)
    return sum(map(len, payloads)) * 8 / (model.parameter_count * len(planes))


def _section_name(section: Section, decoder: Decoder) -> str:
    """What a section is called, or its number if this version does not know its kind."""
    if section.kind not in set(Kind):
        return f"unknown-{section.kind}"
    return decoder.section_name(section) or Kind(section.kind).name.lower().replace("_", " ")
