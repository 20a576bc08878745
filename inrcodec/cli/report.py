"""`inrcodec report`: measure the quality of files; write a page for people, or numbers."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from inrcodec import extras
from inrcodec.cli import console
from inrcodec.cli.batch import Choice
from inrcodec.cli.image_sets import is_folder, report_folders
from inrcodec.cli.parameters import (
    AllowDownload,
    Device,
    GammaMax,
    Jobs,
    MaxPixels,
    MaxWork,
    MetricThreads,
    Recursive,
    Scheduler,
)
from inrcodec.cli.progress import follow_names
from inrcodec.errors import OptionError

if TYPE_CHECKING:
    from inrcodec.metrics.report.files import File
    from inrcodec.metrics.report.records import Report

DEFAULT_OUTPUT = "report.html"


def report(
    reference: Annotated[
        str, typer.Argument(help="The original image, or a folder of them.", metavar="REFERENCE")
    ],
    inputs: Annotated[
        list[str],
        typer.Argument(
            help="Its encoded versions: .inr files or images; - for stdin. Of a folder: "
            "folders, one for each setting.",
            metavar="FILE...",
        ),
    ],
    output: Annotated[
        str | None,
        typer.Option(
            "-o", "--output", help=f"The page to write (default: {DEFAULT_OUTPUT}), - for stdout."
        ),
    ] = None,
    metrics: Annotated[
        str | None,
        typer.Option(
            help="Metric names separated by commas, default or all; `inrcodec metrics` lists "
            "them. default,inriq adds INRIQ, which takes half a minute."
        ),
    ] = None,
    codecs: Annotated[
        str | None,
        typer.Option(
            help="Codecs to compare at the first file's size, of jpeg, jpeg-444, jpeg2000, webp, "
            "avif, avif-ssim, avif-ssim-420, avif-iq, avif-iq-420 and jpegxl (default: "
            "jpeg,webp,avif,avif-iq,avif-iq-420), or none."
        ),
    ] = None,
    allow_download: AllowDownload = False,
    damage_seeds: Annotated[
        int | None,
        typer.Option(
            help="Random trials of each kind of damage to .inr files, 0 for none (default: 3 up "
            "to 1 megapixel and of single images)."
        ),
    ] = None,
    device: Device = "cpu",
    gamma_max: GammaMax = None,
    threads: MetricThreads = None,
    max_pixels: MaxPixels = None,
    max_work: MaxWork = None,
    recursive: Recursive = False,
    jobs: Jobs = None,
    scheduler: Scheduler = None,
    force: Annotated[bool, typer.Option("-f", "--force", help="Replace an existing page.")] = False,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json", help="Print JSON on stdout, of folders a line an image; a page only with -o."
        ),
    ] = False,
    as_markdown: Annotated[
        bool, typer.Option("--markdown", help="Print a table on stdout; write a page only with -o.")
    ] = False,
) -> None:
    """Compare files with the image they were made from, and with other codecs at the same size.

    Examples:

      inrcodec report photo.png photo.inr                    writes report.html

      inrcodec report photo.png small.inr large.inr -o rates.html

      inrcodec report photo.png photo.inr other.avif --codecs jpeg,jpeg2000

      inrcodec report photo.png photo.inr --metrics psnr,ssim --codecs none --json

      inrcodec report photo.png photo.inr --metrics default,inriq --damage-seeds 10

      inrcodec report originals/ low/ middle/ high/ -o report/

    The page is a single file that needs no network. Encoding AVIF takes most of the time. Files
    are damaged too, and judged again: see `inrcodec robustness`. Of folders, images are matched by
    their names: each has a page, and index.html has the mean curves over all of them and BD-rates
    by every metric, for which it takes three folders or more. The same command goes on where it was
    stopped. One image is judged at a time, so that times tell; --jobs takes more at once.
    """
    extras.check("torch", "scipy", "markupsafe", extra="metrics")
    from inrcodec.metrics.report.evaluation import Evaluation
    from inrcodec.metrics.report.options import ReportOptions

    if as_json and as_markdown:
        raise OptionError("give --json or --markdown, not both")
    folders = [is_folder(path) for path in (reference, *inputs)]
    if any(folders):
        if not all(folders):
            raise OptionError("give files or folders, not some of each")
        if as_markdown or output == "-":
            raise OptionError("a report of folders goes to a folder, or with --json to stdout")
    elif recursive or jobs is not None or scheduler is not None:
        raise OptionError("--recursive, --jobs and --scheduler are for folders")
    path = output if output or as_json or as_markdown else DEFAULT_OUTPUT
    if path == "-" and (as_json or as_markdown):
        raise OptionError("the page and the numbers would both go to stdout; name a file with -o")
    if path is not None and not any(folders):
        path = _page_path(path, [reference, *inputs], force)
    names = labels([reference, *inputs])
    unasked = any(folders) or (as_markdown and path is None)  # no place that would show it
    told: dict[str, object] = {"--metrics": metrics, "--codecs": codecs}
    told |= {"--damage-seeds": damage_seeds, "--gamma-max": gamma_max, "--threads": threads}
    options = ReportOptions(
        metrics=console.words(metrics),
        codecs=() if codecs == "none" else console.words(codecs),
        allow_download=allow_download,
        threads=threads,
        command=_command(names, told),
        device=device,
        gamma_max=gamma_max,
        damage_seeds=0 if damage_seeds is None and unasked else damage_seeds,
        max_pixels=max_pixels,
        max_work=max_work,
    )
    _limit_avif_decoder(threads or 1)
    if any(folders):
        at_once = 1 if jobs is None and scheduler is None else jobs
        every = [reference, *inputs]
        choice = Choice(every, output, recursive, at_once, scheduler, False, force, as_json)
        report_folders(choice, options)
        return
    first, *others = read_files([reference, *inputs], names)
    job = Evaluation(first, others, options)
    follow_names(job, job.steps)
    _deliver(job.finish(), path, force, as_json, as_markdown)


def _limit_avif_decoder(threads: int) -> None:
    """Limit Pillow's AVIF decoder, which takes every core: the report compares times."""
    from PIL import AvifImagePlugin

    AvifImagePlugin.DEFAULT_MAX_THREADS = threads


def labels(paths: list[str]) -> list[str]:
    """Shorten paths to names without folders, unless two names would be the same."""
    names = ["stdin" if path == "-" else Path(path).name for path in paths]
    longer = [path if path == "-" else str(Path(*Path(path).parts[-2:])) for path in paths]
    names = [
        long if names.count(name) > 1 else name for name, long in zip(names, longer, strict=True)
    ]
    return ["".join(c if c.isprintable() else "\ufffd" for c in name) for name in names]


def read_files(paths: list[str], names: list[str]) -> list[File]:
    """Read the bytes of every file; raises `InputError`."""
    from inrcodec.metrics.report.files import File

    if paths.count("-") > 1:
        raise OptionError("only one input can come from stdin")
    return [File(name, console.read_input(path)) for path, name in zip(paths, names, strict=True)]


def _page_path(path: str, inputs: list[str], force: bool) -> str:
    """Choose where the page goes; check it against every input before any work."""
    if path.endswith(("/", os.sep)) and not os.path.exists(path):
        return os.path.join(path, DEFAULT_OUTPUT)  # the folder is made with the page
    if os.path.isdir(path):
        path = os.path.join(path, DEFAULT_OUTPUT)
    for name in inputs:
        console.outputs_for([name], path, ".html", force, False)
    return path


def _command(names: list[str], told: dict[str, object]) -> str:
    """Write the command that measures the same, with file names but no folders."""
    files = ["-" if name == "stdin" else name for name in names]
    files = [f"./{name}" if name.startswith("-") and name != "-" else name for name in files]
    words = ["inrcodec", "report", *files]
    for option, value in told.items():
        words += [] if value is None else [option, str(value)]
    return shlex.join(words)


def _deliver(done: Report, path: str | None, force: bool, as_json: bool, as_markdown: bool) -> None:
    """Write the page and print the numbers, as asked for."""
    from inrcodec.metrics.report.text import left_out, to_dict, to_markdown

    for reason in left_out(done):
        console.note(f"left out: {reason}")
    if path is not None:
        from inrcodec.metrics.report.page import to_html

        page = to_html(done).encode("utf-8", "replace")
        console.write_output(path, page, force=force)
        console.note(f"{done.versions[0].name} -> {path}: {len(page)} bytes")
    if as_json:
        console.print_json(to_dict(done))
    if as_markdown:
        console.show(to_markdown(done))
