"""What a file says about itself, without decoding a symbol and without torch."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from inrcodec.codec import bitstream
from inrcodec.codec.bitstream import Kind
from inrcodec.codec.models.registry import model_of, parameter_count
from inrcodec.pixels import CHANNEL_NAMES


@dataclass(frozen=True, slots=True)
class SectionInfo:
    """One section: its kind by name or number, where it starts, and its bytes, framing included."""

    kind: str
    offset: int
    size_bytes: int
    intact: bool


@dataclass(frozen=True, slots=True)
class FileInfo:
    """Everything the container says. `complete` is False for a prefix of a file."""

    width: int
    height: int
    channels: str
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

    def as_dict(self) -> dict[str, Any]:
        """Plain lists and dicts, ready for JSON."""
        return asdict(self)


def info(data: bytes) -> FileInfo:
    """Describe a file or a prefix that holds the header; raises `FormatError`."""
    container = bitstream.read(data)
    header = container.header
    model = model_of(header)
    parameters = parameter_count(model)
    payload = [s for s in container.sections if s.kind == Kind.PARAMETERS]
    return FileInfo(
        width=header.width,
        height=header.height,
        channels=CHANNEL_NAMES[header.channels],
        bit_depth=header.bit_depth,
        model=header.family.name.lower().replace("_", "-"),
        dimensions=header.dimensions,
        parameters=parameters,
        macs_per_pixel=model.macs_per_pixel,
        size_bytes=len(data),
        bits_per_pixel=len(data) * 8 / (header.width * header.height),
        bits_per_parameter=len(payload[0].payload) * 8 / parameters if payload else None,
        format_version=bitstream.VERSION,
        complete=container.complete,
        metadata=tuple(container.metadata),
        damaged=container.damaged,
        sections=tuple(
            SectionInfo(_kind_name(s.kind), s.offset, s.size, s.intact) for s in container.sections
        ),
    )


def _kind_name(kind: int) -> str:
    """The name of a section kind, or its number if this version does not know it."""
    return Kind(kind).name.lower() if kind in set(Kind) else f"unknown-{kind}"
