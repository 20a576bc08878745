"""`inrcodec sensitivity`: how strongly metrics respond to distortions, and whether people do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from inrcodec import checks, extras
from inrcodec.cli import console
from inrcodec.cli.parameters import (
    AllowDownload,
    AsJson,
    Device,
    GammaMax,
    MetricNames,
    MetricThreads,
)
from inrcodec.cli.progress import follow_names
from inrcodec.errors import OptionError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from inrcodec.metrics.distortions.relative_sensitivity import Agreement, Score, Sensitivity
    from inrcodec.metrics.metric_choice import ChosenMetrics

    Table = dict[str, dict[str, Sensitivity]]
    """By distortion, then by metric."""

Notes = dict[str, dict[str, dict[str, float]]]
"""What metrics say of their own reliability, by image, then by metric."""


def sensitivity(
    images: Annotated[list[str], typer.Argument(help="Photographs.", metavar="IMAGE...")],
    metrics: MetricNames = None,
    distortions: Annotated[
        str | None,
        typer.Option(
            help="Distortions separated by commas (default: all 25); `inrcodec distort --list` "
            "lists them."
        ),
    ] = None,
    crop: Annotated[
        str | None,
        typer.Option(help="Take the middle WIDTHxHEIGHT of each image; KADID-10k has 512x384."),
    ] = None,
    opinions: Annotated[
        str | None,
        typer.Option(
            help="Mean opinion scores, a CSV with the columns type, L1, ..., L5 (type: name or "
            "number): how well metrics agree with them."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 0,
    allow_download: AllowDownload = False,
    device: Device = "cpu",
    gamma_max: GammaMax = None,
    threads: MetricThreads = None,
    as_json: AsJson = False,
) -> None:
    """Distort photographs at five levels each, and measure how strongly metrics respond.

    The relative sensitivity S is the mean over levels of the relative change of the metric over
    that of the distortion's parameter (INRIQ paper, equations 1 and 2). A strong response is no
    merit by itself: --opinions tells whether people agree.

    Examples:

      inrcodec sensitivity photo.png

      inrcodec sensitivity a.png b.png --metrics psnr,ssim,inriq --crop 512x384 --json

      inrcodec sensitivity a.png b.png --distortions jpeg,white_noise --opinions mos.csv
    """
    extras.check("torch", "scipy", extra="metrics")
    extras.check("skimage", extra="distortions")
    from inrcodec.metrics.distortions.kadid import DISTORTIONS
    from inrcodec.metrics.distortions.opinions import read_opinions
    from inrcodec.metrics.judge import check_gamma_max
    from inrcodec.metrics.metric_choice import ChosenMetrics
    from inrcodec.metrics.metric_table import DEFAULT_METRICS

    types = list(dict.fromkeys(console.words(distortions) or DISTORTIONS))
    for name in types:
        checks.known("distortion", name, DISTORTIONS)
    checks.whole("seed", seed, 0, (1 << 63) - 1)
    size = _size(crop)
    words = console.words(metrics)
    chosen = ChosenMetrics(words, DEFAULT_METRICS, allow_download=allow_download)
    check_gamma_max(gamma_max, chosen.names)
    told = None if opinions is None else read_opinions(opinions)
    paths = list(dict.fromkeys(images))
    subjects = [_subject(path, size, chosen) for path in paths]
    how = {"allow_download": allow_download, "device": device, "gamma_max": gamma_max}
    rows: list[Score] = []
    notes: Notes = {}
    steps = _scored(subjects, types, _Run(how, seed, threads), rows, notes)
    follow_names(steps, len(paths) * (len(types) + 1))
    names = [n for n in chosen.names if all(n in subject.metrics for subject in subjects)]
    if not names:
        raise OptionError("none of the metrics can be used for every image")
    from inrcodec.metrics.distortions.relative_sensitivity import agreement
    from inrcodec.metrics.distortions.relative_sensitivity import sensitivity as measured

    found: Table = {t: {n: measured(rows, n, t, seed) for n in names} for t in types}
    agreed = None if told is None else {n: agreement(rows, n, told, seed) for n in names}
    if as_json:
        facts = _facts(paths, crop, seed, found, agreed)
        console.print_json(facts | {"notes": notes})
        return
    _show(found, names, agreed)
    for path, each in notes.items():
        for line in console.note_lines(each):
            console.show(f"{path}: {line}")


@dataclass(frozen=True, slots=True)
class _Subject:
    """An image to distort, uint8 RGB, and the metrics that can judge it."""

    name: str
    pixels: NDArray[np.uint8]
    metrics: list[str]


def _subject(path: str, size: tuple[int, int] | None, chosen: ChosenMetrics) -> _Subject:
    """Read one image; say which metrics are left out. Raises `InrCodecError`."""
    from inrcodec.metrics.distortions.kadid import rgb_of
    from inrcodec.metrics.report.files import File, open_file
    from inrcodec.pixels import Picture, middle

    pixels = rgb_of(open_file(File(path, console.read_input(path))).picture)
    if size is not None:
        pixels = middle(pixels, size[1], size[0])
    names, skipped = chosen.usable(path, Picture(pixels))
    console.note_skipped(path, skipped)
    return _Subject(path, pixels, names)


def _scored(
    subjects: list[_Subject], types: list[str], run: _Run, rows: list[Score], notes: Notes
) -> Iterator[str]:
    """Score every distorted version of every image into `rows`, and what metrics say of their own
    reliability into `notes`; yield what is done next."""
    from inrcodec.codec.runtime import torch_threads
    from inrcodec.metrics.distortions.relative_sensitivity import scores
    from inrcodec.metrics.judge import Judge

    for subject in subjects:
        stem = Path(subject.name).name
        yield f"{stem}: preparing"
        with torch_threads(run.threads):
            judge = Judge(subject.pixels, subject.metrics, **run.judge)
        if judge.notes():
            notes[subject.name] = judge.notes()
        for name in types:
            yield f"{stem}: {name}"
            with torch_threads(run.threads):
                rows += scores(subject.name, subject.pixels, judge, [name], seed=run.seed)


@dataclass(frozen=True, slots=True)
class _Run:
    """What all images have in common: options of `Judge`, seed and threads."""

    judge: dict[str, Any]
    seed: int
    threads: int | None


def _size(crop: str | None) -> tuple[int, int] | None:
    """Width and height of "512x384"; raises `OptionError`."""
    if crop is None:
        return None
    parts = crop.split("x")
    if len(parts) != 2 or not all(part.isdecimal() and len(part) < 9 for part in parts):
        raise OptionError(f"crop must look like 512x384, got {crop!r}")
    return int(parts[0]), int(parts[1])


def _show(found: Table, names: list[str], agreed: dict[str, Agreement] | None) -> None:
    """Print the table of sensitivities, what was left out of it, and the agreement."""
    rows = [["distortion", *names]]
    for distortion, row in found.items():
        rows.append([distortion, *(_cell(row[name]) for name in names)])
    console.show(console.table(rows, "<" + ">" * len(names)))
    out = sum(
        value.zero_values + value.not_finite + value.zero_severities
        for row in found.values()
        for value in row.values()
    )
    if out:
        console.show(f"* some steps left out: they begin at 0 or touch an infinity ({out} in all)")
    if agreed is None:
        return
    lines = [["metric", "SRCC", "95 %", "within a type", "conditions"]]
    for name, value in agreed.items():
        bounds = f"{value.low:.3f} to {value.high:.3f}"
        lines.append(
            [name, f"{value.srcc:.3f}", bounds, f"{value.within_types:.3f}", f"{value.conditions}"]
        )
    console.show("\nAgreement with the opinion scores:")
    console.show(console.table(lines, "<>>>>"))


def _cell(value: Sensitivity) -> str:
    """S, with a star where steps were left out; a dash where all were."""
    if value.mean is None:
        return "-"
    star = "*" if value.zero_values + value.not_finite + value.zero_severities else ""
    return f"{value.mean:.3f}{star}"


def _facts(
    paths: list[str],
    crop: str | None,
    seed: int,
    found: Table,
    agreed: dict[str, Agreement] | None,
) -> dict[str, Any]:
    """Describe everything as plain values, ready for JSON."""
    facts: dict[str, Any] = {
        "images": paths,
        "crop": crop,
        "seed": seed,
        "sensitivities": {t: {n: asdict(v) for n, v in row.items()} for t, row in found.items()},
    }
    if agreed is not None:
        facts["agreement"] = {name: asdict(value) for name, value in agreed.items()}
    return facts
