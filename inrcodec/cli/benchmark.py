"""`inrcodec benchmark`: how well metrics agree with people, on data sets that lie on the disk."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict
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
    from inrcodec.metrics.metric_choice import ChosenMetrics
    from inrcodec.metrics.opinions.agreement import (
        ChoiceAgreement,
        Correlations,
        Estimate,
        RatedAgreement,
    )
    from inrcodec.metrics.opinions.records import DataSet
    from inrcodec.metrics.opinions.scoring import Scores

    Agreements = dict[str, RatedAgreement] | dict[str, ChoiceAgreement]

app = typer.Typer(
    help="Metrics against the opinions of people, on data sets that lie on the disk.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)

SUFFIX = ".jsonl"


@app.callback()
def _group() -> None:
    """Keep `iqa` a command of its own, although it is the only one."""


@app.command()
def iqa(
    folder: Annotated[Path, typer.Argument(help="The folder of a data set.", metavar="DIR")],
    data_set: Annotated[
        str | None,
        typer.Option(
            "--set",
            help="kadid10k, tid2013, csiq, live, pipal, bapps or nights (default: told by what "
            "the folder holds).",
        ),
    ] = None,
    metrics: MetricNames = None,
    references: Annotated[
        int | None, typer.Option(help="Take so many references, evenly spread (default: all).")
    ] = None,
    scores: Annotated[
        Path | None,
        typer.Option(help="Keep the values in this file, and measure only what it lacks."),
    ] = None,
    resamples: Annotated[int, typer.Option(help="Resamples of the intervals.")] = 1000,
    seed: Annotated[int, typer.Option(help="Seed of the resamples.")] = 0,
    allow_download: AllowDownload = False,
    device: Device = "cpu",
    gamma_max: GammaMax = None,
    threads: MetricThreads = None,
    as_json: AsJson = False,
) -> None:
    """Measure how well metrics agree with opinion scores, or with choices between two images.

    Rated sets (KADID-10k, TID2013, CSIQ, LIVE, PIPAL): rank correlations SRCC and KRCC, and PLCC
    after a logistic, over all images and for each type. Two alternatives, forced choice (BAPPS,
    NIGHTS): the share of people who agree with the metric. Intervals are 95 %, by resampling
    references.

    Examples:

      inrcodec benchmark iqa kadid10k/

      inrcodec benchmark iqa tid2013/ --metrics psnr,ssim,lpips-alex --scores tid2013.jsonl

      inrcodec benchmark iqa bapps/ --references 500 --json

    With --scores, a run that was stopped goes on where it was.
    """
    extras.check("torch", "scipy", extra="metrics")
    checks.whole("resamples", resamples, 1, 100_000)
    checks.whole("seed", seed, 0, (1 << 63) - 1)
    from inrcodec.metrics.judge import check_gamma_max
    from inrcodec.metrics.metric_choice import ChosenMetrics
    from inrcodec.metrics.metric_table import DEFAULT_METRICS
    from inrcodec.metrics.opinions.layouts import read_set
    from inrcodec.metrics.opinions.scoring import Scores, some, works

    chosen = ChosenMetrics(console.words(metrics), DEFAULT_METRICS, allow_download=allow_download)
    check_gamma_max(gamma_max, chosen.names)
    if scores is not None and scores.suffix != SUFFIX:
        raise OptionError(f"scores are kept in a file that ends in {SUFFIX}, got {str(scores)!r}")
    data = some(read_set(folder, data_set), references)
    names = _usable(chosen, works(data)[0].reference)
    kept = Scores(data, names, scores, {"gamma_max": gamma_max})
    how = {"allow_download": allow_download, "device": device, "gamma_max": gamma_max}
    missing = kept.missing()
    follow_names(
        _measured(kept, names, how, threads), sum(len(work.images) + 1 for work in missing)
    )
    found = _agreements(data, kept, names, seed, resamples)
    if as_json:
        facts = {name: asdict(value) for name, value in found.items()}
        told = {"set": data.name, "folder": str(folder), "seed": seed, "resamples": resamples}
        console.print_json({**told, "metrics": facts})
        return
    console.show(f"{data.name}: {_size(data)}")
    rows = _rows(found)
    console.show(console.table(rows, "<<" + ">" * (len(rows[0]) - 2)))


def _usable(chosen: ChosenMetrics, reference: Path) -> list[str]:
    """The metrics that can judge images of the size of a reference; say which cannot."""
    from inrcodec.images.reading import read_image

    names, skipped = chosen.usable(str(reference), read_image(reference))
    console.note_skipped(reference.name, skipped)
    if not names:
        raise OptionError("none of the metrics can be used")
    return names


def _measured(
    kept: Scores, names: list[str], how: dict[str, Any], threads: int | None
) -> Iterator[str]:
    """Measure what is missing, and yield what is done next."""
    from inrcodec.codec.runtime import torch_threads
    from inrcodec.metrics.judge import Judge

    for work in kept.missing():
        yield f"{work.reference.name}: preparing"
        with torch_threads(threads):
            judge = Judge(work.reference, names, **how)
        steps = kept.measure(work, judge)
        while True:
            with torch_threads(threads):
                image = next(steps, None)
            if image is None:
                break
            yield image.name


def _agreements(
    data: DataSet, kept: Scores, names: list[str], seed: int, resamples: int
) -> Agreements:
    """The agreement of every metric."""
    from inrcodec.metrics.opinions.agreement import choice_agreement, rated_agreement
    from inrcodec.metrics.opinions.records import RatedSet

    how: dict[str, Any] = {"seed": seed, "resamples": resamples}
    if isinstance(data, RatedSet):
        higher = data.higher_is_better
        images = [rating.image for rating in data.ratings]
        return {
            n: rated_agreement(n, kept.of(n, images), data.ratings, higher_is_better=higher, **how)
            for n in names
        }
    first, second = [c.first for c in data.choices], [c.second for c in data.choices]
    return {
        n: choice_agreement(n, kept.of(n, first), kept.of(n, second), data.choices, **how)
        for n in names
    }


def _size(data: DataSet) -> str:
    """How many images or choices there are."""
    from inrcodec.metrics.opinions.records import RatedSet

    if isinstance(data, RatedSet):
        references = len({rating.reference for rating in data.ratings})
        return f"{len(data.ratings)} images of {references} references"
    return f"{len(data.choices)} choices"


def _rows(found: Agreements) -> list[list[str]]:
    """The table: a row for each metric over all, then for each type."""
    from inrcodec.metrics.opinions.agreement import ChoiceAgreement

    rows: list[list[str]] = []
    for name, value in found.items():
        chosen = isinstance(value, ChoiceAgreement)
        if not rows:
            head = ["agree", "majority"] if chosen else ["SRCC", "KRCC", "PLCC", "images"]
            rows.append(["metric", "type", *head])
        whole = [f"{value.ceiling:.3f}"] if isinstance(value, ChoiceAgreement) else []
        rows.append([name, "all", *_cells(value.overall), *whole])
        for kind, part in value.types.items():
            rows.append([name, kind, *_cells(part), *([""] if chosen else [])])
    return rows


def _cells(value: Correlations | Estimate) -> list[str]:
    """The numbers of a row."""
    from inrcodec.metrics.opinions.agreement import Estimate

    if isinstance(value, Estimate):
        return [_estimate(value)]
    return [*map(_estimate, (value.srcc, value.krcc, value.plcc)), f"{value.images}"]


def _estimate(value: Estimate) -> str:
    """A number and its interval; a dash for NaN."""
    if math.isnan(value.value):
        return "-"
    if math.isnan(value.low):
        return f"{value.value:.3f}"
    return f"{value.value:.3f} ({value.low:.3f} to {value.high:.3f})"
