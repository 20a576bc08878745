"""One row of a rate-distortion table: encode an image, decode it, score it.

`rd.py` decides which rows are missing and hands them to processes that call `measure`.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import platform
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np

import inrcodec
from inrcodec.errors import InrCodecError, OptionError, RateError
from inrcodec.images.reading import as_picture
from inrcodec.metrics.judge import Judge
from inrcodec.metrics.references import baselines
from inrcodec.pixels import Samples

INRCODEC = "inrcodec"
"""Name of this package among the codecs."""

CODEC_RATES = ("quality", "bpp", "target_size")
"""Ways to ask a reference codec for a rate, of which a point takes one."""

INRCODEC_RATES = (*CODEC_RATES, "psnr", "lmbda")
"""Ways to ask this package for a rate, of which a point takes one."""

RENAMED = {"alpha": "loss_weight", "slope": "lmbda"}
"""Options of this package by the name they had in older rows: both names mean the same row."""

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Point:
    """One codec at one rate, for every image: `Point("webp", {"bpp": 0.5})`.

    `options` hold one of quality, bpp and target_size (bytes); for the codec "inrcodec" also any
    other option of `inrcodec.encode`.
    """

    codec: str
    options: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Subject:
    """An image to encode: its name, the SHA-256 of its samples, and where it comes from."""

    name: str
    sha256: str
    source: object = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Task:
    """A row to make. `asked` is the rate in the caller's words, `settings` everything else."""

    subject: Subject
    codec: str
    asked: Mapping[str, float]
    settings: Mapping[str, Any]
    metrics: Sequence[str]
    seed: int
    threads: int

    def key(self) -> str:
        """Identify the row: image, codec, settings and the rate asked for."""
        return row_key(
            self.subject.name, self.subject.sha256, self.codec, self.settings, self.asked
        )

    def __str__(self) -> str:
        rate = ", ".join(f"{name} {value:g}" for name, value in self.asked.items())
        return f"{self.subject.name}, {self.codec} at {rate}"


def row_key(
    image: str,
    sha256: str,
    codec: str,
    settings: Mapping[str, object],
    asked: Mapping[str, object],
) -> str:
    """Identify a row by image (name and samples), codec, settings and rate.

    Options at their default do not count: a new one leaves the rows made without it valid.
    """
    told, rate = told_settings(codec, settings), current_names(asked)
    return json.dumps([image, sha256, codec, told, rate], sort_keys=True)


def told_settings(codec: str, settings: Mapping[str, object]) -> dict[str, object]:
    """Select the settings that identify a row: not at their default, under their current name."""
    if codec != INRCODEC:
        return dict(settings)
    defaults = _defaults()
    return {n: v for n, v in current_names(settings).items() if v != defaults.get(n)}


def current_names(options: Mapping[str, object]) -> dict[str, object]:
    """Put options under their current names."""
    return {RENAMED.get(name, name): value for name, value in options.items()}


DEFAULT_LOSS = "mse"
"""What a row has for a loss that was left open."""


@lru_cache(maxsize=1)
def _defaults() -> dict[str, object]:
    from inrcodec.codec.options import EncodeOptions

    return current_names(asdict(EncodeOptions())) | {"loss": DEFAULT_LOSS}


def stored_key(row: Row) -> str:
    """Identify a stored row, as `Task.key` does."""
    return row_key(row["image"], row["sha256"], row["codec"], row["settings"], row["asked"])


def to_line(row: Row) -> bytes:
    """Write a row as one line of strict JSON; infinite values become text."""
    metrics = {
        name: value if math.isfinite(value) else str(value)
        for name, value in row["metrics"].items()
    }
    return json.dumps({**row, "metrics": metrics}, allow_nan=False).encode() + b"\n"


def subject(name: str, source: object) -> Subject:
    """Read an image and identify it by its samples; raises `ImageError`.

    Processes read a path again; of anything else they are sent the samples.
    """
    pixels = as_picture(source).pixels
    kept = source if isinstance(source, (str, os.PathLike)) else pixels
    return Subject(name, _digest(pixels), kept)


def _digest(pixels: Samples) -> str:
    """Hash type, shape and samples: SHA-256 in hexadecimal."""
    digest = hashlib.sha256(f"{pixels.dtype} {pixels.shape} ".encode())
    digest.update(np.ascontiguousarray(pixels).data)
    return digest.hexdigest()


def task(where: Subject, point: Point, metrics: Sequence[str], seed: int, threads: int) -> Task:
    """Make the task of an image and a point; raises `OptionError` for its options."""
    rates = INRCODEC_RATES if point.codec == INRCODEC else CODEC_RATES
    asked = {name: _number(point.options[name]) for name in rates if name in point.options}
    if len(asked) != 1:
        raise OptionError(f"{point.codec}: give one of {', '.join(rates)}, got {point.options}")
    if point.codec == INRCODEC:
        from inrcodec.codec.options import EncodeOptions

        options = {"seed": seed, "threads": threads, **point.options}
        if not isinstance(options.get("loss") or DEFAULT_LOSS, str):
            raise OptionError("a row needs its loss by name")
        settings = asdict(EncodeOptions.of(**options))
        settings["loss"] = settings["loss"] or DEFAULT_LOSS
        settings = {name: value for name, value in settings.items() if name not in INRCODEC_RATES}
    else:
        unknown = point.options.keys() - asked.keys()
        if unknown:
            raise OptionError(f"{point.codec} takes no option {', '.join(sorted(unknown))}")
        settings = dict(baselines.codec_named(point.codec).settings)
    return Task(where, point.codec, asked, settings, tuple(metrics), seed, threads)


def measure(work: Task) -> Row:
    """Make one row. An `InrCodecError` names image and codec; a `RateError` stays one.

    Any other exception is a bug: it keeps its type, and image and codec are added as a note.
    """
    try:
        return _measure(work)
    except RateError as error:
        raise RateError(f"{work}: {error}") from error
    except InrCodecError as error:
        raise InrCodecError(f"{work}: {error}") from error
    except Exception as error:
        if sys.version_info >= (3, 11):
            error.add_note(f"while measuring {work}")
        raise


def _measure(work: Task) -> Row:
    """Encode, decode and score."""
    pixels = _pixels(work.subject)
    judge = _judge(work.subject, tuple(work.metrics)) if work.metrics else None
    run = _run_inrcodec if work.codec == INRCODEC else _run_baseline
    decoded, columns = run(work, pixels)
    size_bytes = columns["size_bytes"]
    return {
        "image": work.subject.name,
        "sha256": work.subject.sha256,
        "width": pixels.shape[1],
        "height": pixels.shape[0],
        "channels": pixels.shape[2],
        "codec": work.codec,
        "asked": dict(work.asked),
        **columns,
        "bits_per_pixel": 8 * size_bytes / (pixels.shape[0] * pixels.shape[1]),
        "metrics": judge.score(decoded) if judge else {},
        "settings": dict(work.settings),
        "seed": work.seed,
        "threads": work.threads,
        "versions": _versions() | _torch_version(),
    }


def _run_baseline(work: Task, pixels: Samples) -> tuple[Samples, Row]:
    """Run a reference codec at the rate asked for."""
    ((rate, value),) = work.asked.items()
    if rate == "quality":
        coded = baselines.encode_at(work.codec, pixels, value)
    elif rate == "bpp":
        coded = baselines.encode_to_bpp(work.codec, pixels, value)
    elif rate == "target_size":
        coded = baselines.encode_to_size(work.codec, pixels, int(value))
    else:
        raise OptionError(f"{work.codec} cannot be asked for {rate}")
    return coded.pixels, {
        "quality": coded.quality,
        "size_bytes": coded.size_bytes,
        "encode_s": coded.encode_s,
        "decode_s": coded.decode_s,
        "search_s": coded.search_s,
    }


def _run_inrcodec(work: Task, pixels: Samples) -> tuple[Samples, Row]:
    """Run this package through the functions that every user calls."""
    import inrcodec.codec.decode
    import inrcodec.codec.encode  # loads torch, which is no part of the time to encode

    start = time.perf_counter()
    options = {**work.asked, **work.settings}
    data = inrcodec.encode(pixels, **options)
    encoded = time.perf_counter()
    decoded = inrcodec.decode(data, threads=work.threads)
    return decoded, {
        "quality": work.asked.get("quality"),
        "size_bytes": len(data),
        "encode_s": encoded - start,
        "decode_s": time.perf_counter() - encoded,
        "search_s": encoded - start,
    }


@lru_cache(maxsize=1)
def _pixels(where: Subject) -> Samples:
    """Read the samples, kept for the rows that follow; refuse a source that changed."""
    pixels = as_picture(where.source).pixels
    if _digest(pixels) != where.sha256:
        raise InrCodecError("the image changed while the run was going on")
    return pixels


@lru_cache(maxsize=1)
def _judge(where: Subject, metrics: tuple[str, ...]) -> Judge:
    """Make the judge of an image, kept for the rows that follow: INRIQ fits a network to it."""
    return Judge(_pixels(where), metrics)


@lru_cache(maxsize=1)
def _versions() -> dict[str, str]:
    """Collect the versions of everything that the numbers depend on."""
    own = {"inrcodec": inrcodec.__version__, "python": platform.python_version()}
    return {**own, "numpy": np.__version__, **baselines.library_versions()}


def _torch_version() -> dict[str, str]:
    """Give the version of torch if it was used."""
    return {"torch": str(sys.modules["torch"].__version__)} if "torch" in sys.modules else {}


def _number(value: Any) -> float:
    """Convert a rate to what JSON gives back: whole numbers as int; raises `OptionError`."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise OptionError(f"a rate must be a number, got {value!r}")
    return int(value) if value == int(value) else value
