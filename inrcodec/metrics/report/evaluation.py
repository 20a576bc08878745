"""Judge files against their reference: everything a report says, as records.

    report = evaluate(File("a.png", reference), [File("a.inr", data)])
    report.versions[0].metrics["psnr"]

The first file is the one the report is about: reference codecs are brought to its size, or to the
two sizes around it between which their metrics are interpolated. Rendering
lives elsewhere: `page.to_html`, `text.to_markdown` and `text.to_dict` see the records of
`records.py` alone. Importing this imports neither torch nor a metric.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import PIL

from inrcodec import __version__
from inrcodec.errors import OptionError, RateError
from inrcodec.metrics.judge import Judge, check_gamma_max
from inrcodec.metrics.metric_choice import named_metrics, usable_metrics
from inrcodec.metrics.metric_table import METRICS
from inrcodec.metrics.report.files import (
    File,
    Opened,
    check_same_size,
    describe,
    open_file,
    size_of,
)
from inrcodec.metrics.report.matching import at_size
from inrcodec.metrics.report.options import (
    DAMAGE_METRICS,
    DEFAULT_CODECS,
    TUNED,
    ReportOptions,
    default_metrics,
)
from inrcodec.metrics.report.records import Damaged, Report, Version
from inrcodec.pixels import Picture

if TYPE_CHECKING:
    from inrcodec.metrics.references.baselines import Attempt, Coded


def evaluate(
    reference: File, files: Sequence[File], options: ReportOptions | None = None
) -> Report:
    """Decode and judge `files` against `reference`; raises `InrCodecError`."""
    job = Evaluation(reference, files, options)
    for _ in job:
        pass
    return job.finish()


@dataclass(slots=True)
class _Measured:
    """The results of an evaluation so far."""

    versions: list[Version] = field(default_factory=list)
    codecs: list[Version] = field(default_factory=list)
    curve: list[Version] = field(default_factory=list)
    damaged: list[Damaged] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)
    prepare_s: float = 0.0


class Evaluation:
    """An evaluation in steps: iterating yields what is done next, `finish` returns the report.

    Unknown names, unreadable files and sizes that differ are refused at once, before any work.
    """

    def __init__(
        self, reference: File, files: Sequence[File], options: ReportOptions | None = None
    ) -> None:
        self._options = options = options or ReportOptions()
        self._files = tuple(files)
        if not files:
            raise OptionError("a report needs at least one file beside the reference")
        self._measured = _Measured()
        self._codecs = self._usable_codecs(options.codecs)
        defaults = default_metrics(options.allow_download)
        wanted = named_metrics(options.metrics, defaults)
        check_gamma_max(options.gamma_max, wanted)
        self._reference = self._opened(reference)
        for file in files:
            check_same_size(self._reference, file, size_of(file))
        self._names, self.unavailable = usable_metrics(
            wanted, self._reference.picture, options.allow_download
        )
        pixels = self._reference.picture.width * self._reference.picture.height
        if options.metrics is None and pixels > options.iem_pixels:
            self._names.remove("iem")
            self.unavailable["iem"] = "takes long for an image of this size; name it to have it"
        self._judge: Judge
        self._damage_seeds = options.trials(pixels)

    @property
    def steps(self) -> int:
        """Count the steps that iterating yields."""
        encodes = len(self._codecs) * len(self._target_sizes())
        return 1 + len(self._files) + encodes + bool(self._codecs) + len(self._to_damage())

    def __iter__(self) -> Iterator[str]:
        fits = " (INRIQ fits a network)" if any("inriq" in name for name in self._names) else ""
        yield f"metrics: preparing{fits}"
        self._prepare()
        for file in self._files:
            yield f"{file.name}: decoding and judging"
            self._measured.versions.append(self._judged(file))
        for name in self._codecs:
            tried: dict[int, Attempt] = {}
            for size in self._target_sizes():
                yield f"{name}: encoding to {size} bytes"
                self._add_codec(name, size, tried)
        for file in self._to_damage():
            yield f"{file.name}: damaging"
            self._measured.damaged.append(self._damaged(file))
        if self._codecs:
            yield "memory: once more, each in a process of its own"
            done = self._measured
            done.versions = [self._with_memory(version) for version in done.versions]
            done.codecs = [self._with_memory(version) for version in done.codecs]

    def finish(self) -> Report:
        """Return the report, after iterating to the end."""
        done = self._measured
        return Report(
            reference=self._reference.file,
            picture=self._reference.picture,
            versions=tuple(done.versions),
            codecs=tuple(done.codecs),
            curve=tuple(done.curve),
            damaged=tuple(done.damaged),
            metrics=tuple(METRICS[name] for name in self._names),
            unavailable=self.unavailable,
            failures=done.failures,
            notes=self._judge.notes(),
            prepare_s=done.prepare_s,
            threads=self._threads(),
            software=software(with_codecs=bool(self._codecs)),
            command=self._options.command,
        )

    def _to_damage(self) -> list[File]:
        """The files whose robustness is measured: .inr files that are whole, if any."""
        described = [(file, describe(file)) for file in self._files if self._damage_seeds]
        return [file for file, about in described if about is not None and about.complete]

    def _damaged(self, file: File) -> Damaged:
        """Damage one file in every way, at the middle level of each."""
        from inrcodec.metrics.damage.robustness import MIDDLE, DamageBench

        metrics = [n for n in DAMAGE_METRICS if n in self._names] or self._names[:1]
        bench = DamageBench(
            file.data,
            self._judge,
            metrics=metrics,
            **self._options.decoding,
        )
        outcomes = tuple(bench.outcomes(MIDDLE, self._damage_seeds))
        return Damaged(name=file.name, undamaged=bench.clean, outcomes=outcomes)

    def _target_sizes(self) -> list[int]:
        """Bytes to bring the codecs to: those of the first file, then of others."""
        every = self._options.every_size
        others = [len(file.data) for file in self._files[1:] if every or file.is_inr()]
        return list(dict.fromkeys([len(self._files[0].data), *others]))

    def _usable_codecs(self, wanted: Sequence[str] | None) -> list[str]:
        """The codecs asked for; missing ones are an `OptionError` unless nobody asked for them."""
        if wanted is not None and not wanted:
            return []
        from inrcodec.metrics.references.baselines import available_codecs, codec_named

        if wanted is not None:
            return [codec_named(name).name for name in dict.fromkeys(wanted)]
        missing = available_codecs()
        tuned = next((pair for pair in TUNED if missing[pair[0]] is None), ())
        for name in DEFAULT_CODECS:
            if missing[name] is not None:
                self._measured.failures[name] = f"{name} is not available: {missing[name]}"
        return [name for name in (*DEFAULT_CODECS, *tuned) if missing[name] is None]

    def _threads(self) -> int:
        """Threads that torch uses."""
        from inrcodec.codec.runtime import torch_count

        return torch_count(self._options.threads)

    def _prepare(self) -> None:
        """Make the judge, which fits networks and loads weights."""
        from inrcodec.codec.runtime import torch_threads

        started = time.perf_counter()
        with torch_threads(self._options.threads):
            self._judge = Judge(
                self._reference.picture,
                self._names,
                **self._options.judging,
            )
        self._measured.prepare_s = time.perf_counter() - started

    def _score(self, picture: Picture) -> tuple[dict[str, float], float]:
        """The metrics of one image, and the seconds they took."""
        from inrcodec.codec.runtime import torch_threads

        started = time.perf_counter()
        with torch_threads(self._options.threads):
            scores = self._judge.score(picture)
        return scores, time.perf_counter() - started

    def _opened(self, file: File) -> Opened:
        """Decode a file within the limits of the options."""
        return open_file(file, **self._options.decoding)

    def _judged(self, file: File) -> Version:
        """Decode and score one file."""
        opened = self._opened(file)
        picture = opened.picture
        check_same_size(self._reference, file, (picture.width, picture.height))
        scores, elapsed = self._score(picture)
        return Version(
            name=file.name,
            title=file.name,
            kind="image" if opened.about is None else "inr",
            data=file.data,
            picture=picture,
            metrics=scores,
            encode_s=file.encode_s,
            decode_s=opened.decode_s,
            metrics_s=elapsed,
            about=opened.about,
        )

    def _with_memory(self, version: Version) -> Version:
        """The same with the memory of its encode and decode, as far as they can be repeated."""
        from inrcodec.metrics.references import memory

        if version.kind == "image":
            return version
        codec = version.name if version.kind == "codec" else memory.INRCODEC
        decode = memory.decode_memory_bytes(codec, version.data, threads=self._threads())
        version = replace(version, decode_memory_bytes=decode)
        if version.setting is None:
            return version
        pixels = self._reference.picture.pixels
        encode = memory.encode_memory_bytes(codec, pixels, version.setting)
        return replace(version, encode_memory_bytes=encode)

    def _add_codec(self, name: str, size: int, tried: dict[int, Attempt]) -> None:
        """Add a reference codec at one size, or the reason why there is none."""
        from inrcodec.metrics.references.baselines import encode_around_size

        primary = size == len(self._files[0].data)
        pixels = self._reference.picture.pixels
        try:
            around = encode_around_size(name, pixels, size, tried=tried)
        except (RateError, OptionError) as error:
            self._measured.failures[name if primary else f"{name} at {size} bytes"] = str(error)
            return
        found = [_codec_version(coded, *self._score(Picture(coded.pixels))) for coded in around]
        nearest, others = at_size(found, size)
        (self._measured.codecs if primary else self._measured.curve).append(nearest)
        self._measured.curve += others


def _codec_version(coded: Coded, scores: dict[str, float], elapsed: float) -> Version:
    """A codec's file as a version of the image."""
    from inrcodec.metrics.references.baselines import codec_named

    return Version(
        name=coded.codec,
        title=codec_named(coded.codec).title,
        kind="codec",
        data=coded.data,
        picture=Picture(coded.pixels),
        metrics=scores,
        decode_s=coded.decode_s,
        metrics_s=elapsed,
        encode_s=coded.encode_s,
        setting=coded.quality,
    )


def software(*, with_codecs: bool) -> dict[str, str]:
    """Versions of what the numbers depend on."""
    import torch

    found = {"inrcodec": __version__, "torch": torch.__version__, "pillow": PIL.__version__}
    if with_codecs:
        from inrcodec.metrics.references.baselines import library_versions

        found |= library_versions()
    return found | {"python": platform.python_version(), "system": platform.system()}
