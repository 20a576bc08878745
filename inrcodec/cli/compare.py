"""`inrcodec compare`: quality metrics of a pair of images, or of two folders of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from inrcodec import extras
from inrcodec.cli import console
from inrcodec.cli.batch import Choice
from inrcodec.cli.image_sets import compare_folders, is_folder
from inrcodec.cli.pair_tables import direction, text
from inrcodec.cli.parameters import (
    AllowDownload,
    Device,
    GammaMax,
    Jobs,
    MaxPixels,
    MaxWork,
    MetricNames,
    MetricThreads,
    Recursive,
    Scheduler,
)
from inrcodec.errors import OptionError

if TYPE_CHECKING:
    from inrcodec.metrics.report.options import ReportOptions


def compare(
    reference: Annotated[
        str, typer.Argument(help="An image, a .inr file or a folder of them.", metavar="A")
    ],
    decoded: Annotated[
        str, typer.Argument(help="The same kind of input, compared with A.", metavar="B")
    ],
    output: Annotated[
        str | None,
        typer.Option(
            "-o", "--output", help="Of folders: where results and a page of all go, e.g. results/."
        ),
    ] = None,
    metrics: MetricNames = None,
    allow_download: AllowDownload = False,
    device: Device = "cpu",
    gamma_max: GammaMax = None,
    threads: MetricThreads = None,
    max_pixels: MaxPixels = None,
    max_work: MaxWork = None,
    recursive: Recursive = False,
    jobs: Jobs = None,
    scheduler: Scheduler = None,
    force: Annotated[bool, typer.Option("-f", "--force", help="Replace existing outputs.")] = False,
    as_json: Annotated[
        bool,
        typer.Option("--json", help="Print JSON on stdout; of folders, a line a pair."),
    ] = False,
) -> None:
    """Measure how much B differs from A; images of two folders are matched by their names.

    Examples:

      inrcodec compare photo.png photo.inr

      inrcodec compare photo.png photo.jpg --metrics psnr,lpips-alex --json

      inrcodec compare speech.wav speech.inr             SNR and PSNR; of a clip frames/ clip.inr

      inrcodec compare originals/ decoded/ --metrics all

      inrcodec compare originals/ decoded/ -o results/      goes on where it was stopped

    Of folders, `results/index.html` shows all images, those first that are worst beside the others.
    """
    from inrcodec.metrics.judge import check_gamma_max
    from inrcodec.metrics.metric_choice import named_metrics
    from inrcodec.metrics.metric_table import DEFAULT_METRICS
    from inrcodec.metrics.report.options import ReportOptions
    from inrcodec.metrics.report.signals import is_signal

    extras.check("torch", "scipy", extra="metrics")
    names = console.words(metrics)
    check_gamma_max(gamma_max, named_metrics(names, DEFAULT_METRICS))
    options = ReportOptions(
        metrics=names,
        allow_download=allow_download,
        threads=threads,
        device=device,
        gamma_max=gamma_max,
        max_pixels=max_pixels,
        max_work=max_work,
    )
    if any(map(is_signal, (reference, decoded))):
        if output is not None or (names or ("psnr",)) != ("psnr",):
            raise OptionError("sound and clips are compared one by one, by psnr and snr")
        _compare_signals(reference, decoded, options.decoding, as_json)
        return
    folders = [is_folder(path) for path in (reference, decoded)]
    if any(folders) and not all(folders):
        raise OptionError("give two files or two folders, not one of each")
    if all(folders):
        extras.check("markupsafe", extra="metrics")
        inputs = [reference, decoded]
        choice = Choice(inputs, output, recursive, jobs, scheduler, False, force, as_json)
        compare_folders(choice, options)
        return
    if recursive or jobs is not None or scheduler is not None or output is not None:
        raise OptionError("-o, --recursive, --jobs and --scheduler are for folders")
    _compare_files(reference, decoded, options, as_json)


def _compare_signals(reference: str, decoded: str, how: dict[str, Any], as_json: bool) -> None:
    """Compare sound with sound, or a clip with a clip."""
    from inrcodec.metrics.report.signals import measures, read_signal

    found = measures(*(read_signal(path, **how) for path in (reference, decoded)))
    if as_json:
        console.print_json({"reference": reference, "decoded": decoded, "metrics": found})
        return
    rows = [(name, f"{value:.2f}", "dB", "higher is better") for name, value in found.items()]
    console.show(console.table(rows, "<><<"))


def _compare_files(reference: str, decoded: str, options: ReportOptions, as_json: bool) -> None:
    """Compare one pair and print a line for each metric."""
    from inrcodec.metrics.report.files import File
    from inrcodec.metrics.report.pair import judge_pair

    if reference == decoded == "-":
        raise OptionError("only one input can come from stdin")
    first, second = (File(path, console.read_input(path)) for path in (reference, decoded))
    row, _ = judge_pair(first, second, options)
    if as_json:
        console.print_json(row)
        return
    console.note_skipped(row["reference"], row.get("skipped", {}))
    from inrcodec.metrics.metric_table import METRICS

    lines = [
        (name, text(METRICS[name], value), METRICS[name].unit, direction(METRICS[name]))
        for name, value in row["metrics"].items()
    ]
    if lines:
        console.show(console.table(lines, "<><<"))
    for line in console.note_lines(row.get("notes", {})):
        console.show(line)
