"""What a report says, as records: all that rendering sees."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from inrcodec.codec.describe import FileInfo
from inrcodec.metrics.damage.outcome import Outcome
from inrcodec.metrics.metric_facts import Metric
from inrcodec.metrics.report.files import File
from inrcodec.pixels import Picture


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpolated:
    """What a codec would reach at a size of which it has no file: `metrics` interpolated between
    its files of `between` = (smaller, larger) bytes, linearly in the logarithm of the size."""

    size_bytes: int
    metrics: Mapping[str, float]
    between: tuple[int, int]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Version:
    """The image as one file stores it.

    `kind` is "inr", "image" (any other file) or "codec" (made by a reference codec to compare).
    `setting` is the quality on a codec's own scale; `encode_s` is None where it is not known.
    `interpolated` stands for the file, the nearest in size that the codec has, in comparisons.
    Memory is by how much a process grows at most, None where that is not known.
    """

    name: str
    title: str
    kind: str
    data: bytes
    picture: Picture
    metrics: Mapping[str, float]
    decode_s: float
    metrics_s: float
    encode_s: float | None = None
    setting: float | None = None
    about: FileInfo | None = None
    interpolated: Interpolated | None = None
    encode_memory_bytes: int | None = None
    decode_memory_bytes: int | None = None

    @property
    def compared(self) -> Version | Interpolated:
        """What is compared: the file, or what its codec would reach at the size wanted."""
        return self if self.interpolated is None else self.interpolated

    @property
    def size_bytes(self) -> int:
        """Bytes of the whole file."""
        return len(self.data)

    @property
    def bits_per_pixel(self) -> float:
        """Bits of the whole file for each pixel."""
        return 8 * len(self.data) / (self.picture.width * self.picture.height)


@dataclass(frozen=True, slots=True, kw_only=True)
class Damaged:
    """How one .inr file stands damage: its metrics undamaged, and the outcomes of each kind."""

    name: str
    undamaged: Mapping[str, float]
    outcomes: tuple[Outcome, ...]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Report:
    """All that was measured. `versions[0]` is what the report is about.

    `codecs` are reference codecs at the size of `versions[0]`, `curve` their other files: those
    that were interpolated between, and those at the sizes of the other .inr files. `damaged` says
    how robust .inr files are; it is empty where that was not measured. `unavailable`
    says of metrics why they are missing, `failures` of codecs, in a sentence.
    """

    reference: File
    picture: Picture
    versions: tuple[Version, ...]
    codecs: tuple[Version, ...]
    curve: tuple[Version, ...]
    damaged: tuple[Damaged, ...]
    metrics: tuple[Metric, ...]
    unavailable: Mapping[str, str]
    failures: Mapping[str, str]
    notes: Mapping[str, Mapping[str, float]]
    prepare_s: float
    threads: int
    software: Mapping[str, str]
    command: str

    @property
    def raw_bytes(self) -> int:
        """Bytes of the reference's samples, uncompressed."""
        return int(self.picture.pixels.nbytes)
