"""The container: signature, header, sections in order, checksum of the whole.

docs/format.md is its specification; sections.py frames one section.

This file knows bytes, not images: it never imports torch or PIL and never decodes a symbol.
Reading checks a length before every read and a limit before every allocation.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from inrcodec.codec.format import leb128
from inrcodec.codec.format.header import Family, Header, Key, may_hold
from inrcodec.codec.format.metadata import Metadata, metadata_sections
from inrcodec.codec.format.sections import Kind, Section, partial_section, section_at, section_bytes
from inrcodec.errors import FormatError, LimitError, TruncatedError

__all__ = [
    "Container",
    "Family",
    "Header",
    "Key",
    "Kind",
    "Section",
    "overhead_bytes",
    "read",
    "section_bytes",
    "write",
]

SIGNATURE = b"\x89NIF"
VERSION = 1

MAX_SECTIONS = 1 << 16

REPEATED = frozenset({Kind.LATENTS, Kind.ALPHA_LATENTS, Kind.LAYER})
"""Critical kinds of which a file may hold many sections."""

PRECEDED_BY = {
    Kind.LATENTS: Kind.PARAMETERS,
    Kind.ALPHA_PARAMETERS: Kind.PARAMETERS,
    Kind.ALPHA_LATENTS: Kind.ALPHA_PARAMETERS,
    Kind.LAYER: Kind.PARAMETERS,
}
"""Kinds that not all files hold, and what must come before each."""

LEAST_CUT = 16
"""Bytes of a payload cut short by a gap that hold its head for sure, and some symbols."""

ALPHA_KINDS = frozenset({Kind.ALPHA_PARAMETERS, Kind.ALPHA_LATENTS})


@dataclass(frozen=True)
class Container:
    """A parsed file. `complete` is False for a prefix.

    `partial` is the section in which a prefix ends, with as much of its payload as is there and
    nothing of it checked; None if the prefix ends before its length is known. `gaps` are the
    numbers of the sections before which bytes are missing (`read_runs`), the number of sections
    itself if the end is.
    """

    header: Header
    sections: tuple[Section, ...]
    complete: bool
    partial: Section | None = None
    gaps: tuple[int, ...] = ()

    @property
    def metadata(self) -> dict[str, bytes]:
        """The ICC, EXIF and XMP blocks by name, unpacked when first asked for."""
        return self._metadata.blocks

    @property
    def damaged(self) -> tuple[str, ...]:
        """The names of metadata that is lost, in part or as a whole."""
        return self._metadata.damaged

    @cached_property
    def _metadata(self) -> Metadata:
        return Metadata.of(self.sections)

    def payload(self, kind: Kind) -> bytes:
        """The payload of the one section of this kind; `TruncatedError` if it is not there yet."""
        found = self.payloads(kind)
        if not found and self.complete:
            raise FormatError(f"the file has no section of kind {kind.name}")
        if not found:
            raise TruncatedError(f"the {kind.name} section is not there yet: the file is cut short")
        return found[0]

    def payloads(self, kind: Kind) -> list[bytes]:
        """The payloads of all whole sections of this kind, in file order."""
        return [s.payload for s in self.sections if s.kind == kind and (s.intact or s.ancillary)]

    def parts(self, kind: Kind) -> list[tuple[bytes, bool]]:
        """(payload, whether it is whole) of all sections of a kind, that in which a prefix ends and
        those that a gap cuts short included."""
        found = [(s.payload, s.intact) for s in self.sections if s.kind == kind]
        if self.partial is not None and self.partial.kind == kind:
            found.append((self.partial.payload, False))
        return found


def write(
    header: Header,
    sections: Iterable[tuple[Kind, bytes]],
    metadata: dict[str, bytes | None] | None = None,
) -> bytes:
    """Assemble a file: header, `sections`, then compressed ICC / EXIF / XMP, then the end.

    `sections` are the critical sections between header and end, (kind, payload) in file order.
    """
    file = bytearray(SIGNATURE + bytes([VERSION]))
    file += section_bytes(Kind.HEADER, header.to_bytes())
    for kind, payload in sections:
        file += section_bytes(kind, payload)
    end = zlib.crc32(file).to_bytes(4, "little")
    file += metadata_sections(metadata or {})
    return bytes(file + section_bytes(Kind.END, end))


def overhead_bytes(header: Header, metadata: dict[str, bytes | None], parameters_bytes: int) -> int:
    """What `write` adds to a PARAMETERS payload of this many bytes, if that is all there is."""
    empty = write(header, [(Kind.PARAMETERS, b"")], metadata)
    return len(empty) + len(leb128.to_bytes(parameters_bytes)) - 1


def read(data: bytes) -> Container:
    """Parse a file or a prefix of one that reaches past the header.

    Raises `FormatError` for anything damaged in a critical section, `TruncatedError` for a prefix
    that ends before the header is whole, `LimitError` for a file beyond the limits.
    """
    if not isinstance(data, (bytes, bytearray, memoryview)):
        raise FormatError(f"expected the bytes of a file, got {type(data).__name__}")
    data = bytes(data)
    sections: list[Section] = []
    complete, partial = False, None
    try:
        for section in _sections(data):
            sections.append(section)
        complete = True
    except TruncatedError:
        if not sections:
            raise
        partial = partial_section(data, sections[-1].offset + sections[-1].size)
    if sections[0].kind != Kind.HEADER:
        raise FormatError(f"the first section must be the header, got kind {sections[0].kind}")
    header = Header.from_bytes(sections[0].payload)
    _check_order(header, sections if partial is None else [*sections, partial])
    return Container(header, tuple(sections), complete, partial)


def read_runs(runs: Sequence[bytes]) -> Container:
    """Parse what is left of a file that lost bytes: the first run is its beginning, past the
    header, and every other one begins with a section. Raises as `read`.

    Sections that a run cuts short are left out, but for one that the only run ends in and for
    latents: those are among the sections, not `intact`, with as much of their payload as is there.
    """
    if not runs:
        raise TruncatedError("nothing of the file is there", at=0)
    first = read(runs[0])
    if len(runs) == 1:
        return first
    if first.complete:
        raise FormatError("bytes follow the end of the file")
    sections = [*first.sections, *_decodable(first.partial)]
    gaps, complete = [len(sections)], False
    for run in runs[1:]:
        at, found = 0, len(sections)
        while at < len(run):
            try:
                section = section_at(run, at)
            except TruncatedError:
                sections += _decodable(partial_section(run, at))
                break
            if complete or section.kind == Kind.HEADER or len(sections) >= MAX_SECTIONS:
                raise FormatError("sections of no file: one out of place", at=at)
            complete = section.kind == Kind.END
            sections.append(section)
            at += section.size
        if len(sections) > found:
            gaps.append(len(sections))
    ended = sections[-1].kind == Kind.END
    gaps = [gap for gap in dict.fromkeys(gaps) if gap < len(sections) or not ended]
    _check_order(first.header, sections)
    return Container(first.header, tuple(sections), False, None, tuple(gaps))


def _decodable(cut: Section | None) -> list[Section]:
    """A section that is cut short if something can be made of it."""
    latents = cut is not None and cut.kind in (Kind.LATENTS, Kind.ALPHA_LATENTS)
    return [cut] if cut is not None and latents and len(cut.payload) >= LEAST_CUT else []


def _check_order(header: Header, sections: list[Section]) -> None:
    """Refuse critical sections that repeat, come too early or do not belong to this family."""
    seen: set[int] = set()
    for section in sections:
        if section.ancillary:
            continue
        kind = Kind(section.kind)
        if kind in seen and kind not in REPEATED:
            raise FormatError(f"more than one section of kind {kind.name}", at=section.offset)
        seen.add(kind)
        before = PRECEDED_BY.get(kind)
        if before is None:
            continue
        if not may_hold(header.family, kind):
            raise FormatError(f"{kind.name} in a file of family {header.family.name}")
        if kind in ALPHA_KINDS and header.channels % 2:
            raise FormatError(f"{kind.name} in a file without alpha", at=section.offset)
        if before not in seen:
            raise FormatError(f"{kind.name} comes before {before.name}", at=section.offset)


def _sections(data: bytes) -> Iterator[Section]:
    """Every section in order; raises `TruncatedError` if the end section is missing."""
    start = len(SIGNATURE) + 1
    if not data.startswith(SIGNATURE[: len(data)]):
        raise FormatError("not an inrcodec file: the signature is missing", at=0)
    if len(data) < start:
        raise TruncatedError(f"a file has at least {start} bytes, got {len(data)}", at=len(data))
    if data[start - 1] != VERSION:
        raise FormatError(f"format version {data[start - 1]} is not known to this reader", at=4)
    checksum = zlib.crc32(data[:start])
    at = start
    for _ in range(MAX_SECTIONS):
        section = section_at(data, at)
        at += section.size
        if section.kind == Kind.END:
            if section.payload != checksum.to_bytes(4, "little"):
                raise FormatError(
                    "the checksum of the critical sections is wrong", at=section.offset
                )
            if at != len(data):
                raise FormatError(f"{len(data) - at} bytes follow the end of the file", at=at)
            yield section
            return
        if not section.ancillary:
            checksum = zlib.crc32(data[section.offset : at], checksum)
        yield section
    raise LimitError(f"more than {MAX_SECTIONS} sections", at=at)
