"""`inrcodec compare`: quality metrics of a pair of images, or of two folders of them."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from inrcodec import extras
from inrcodec.cli import console
from inrcodec.cli.parameters import DecodeLimits, MaxPixels, MaxWork
from inrcodec.cli.progress import follow_names
from inrcodec.errors import ImageError, InputError, InrCodecError, OptionError

if TYPE_CHECKING:
    from inrcodec.metrics.metric_facts import Metric
    from inrcodec.pixels import Picture


def compare(
    reference: Annotated[
        str, typer.Argument(help="An image, a .inr file or a folder of them.", metavar="A")
    ],
    decoded: Annotated[
        str, typer.Argument(help="The same kind of input, compared with A.", metavar="B")
    ],
    metrics: Annotated[
        str | None,
        typer.Option(
            help="Metric names separated by commas, or all (default: psnr,ssim,ms-ssim); "
            "`inrcodec metrics` lists them."
        ),
    ] = None,
    allow_download: Annotated[
        bool, typer.Option("--allow-download", help="Download missing weights of learned metrics.")
    ] = False,
    threads: Annotated[int | None, typer.Option(help="Threads (default: 1).")] = None,
    max_pixels: MaxPixels = None,
    max_work: MaxWork = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the result as JSON on stdout.")
    ] = False,
) -> None:
    """Measure how much B differs from A; images of two folders are matched by their names.

    Examples:

      inrcodec compare photo.png photo.inr

      inrcodec compare photo.png photo.jpg --metrics psnr,lpips-alex --json

      inrcodec compare originals/ decoded/ --metrics all
    """
    from inrcodec.metrics.metric_table import metric

    extras.check("torch", "scipy", extra="metrics")
    names = console.words(metrics)
    for name in names or ():
        if name != "all":
            metric(name)
    limits: DecodeLimits = {"max_pixels": max_pixels, "max_work": max_work}
    judge = _Comparison(names, allow_download, threads, limits)
    folders = [os.path.isdir(path) for path in (reference, decoded)]
    if not any(folders):
        _compare_files(reference, decoded, judge, as_json)
    elif all(folders):
        _compare_folders(reference, decoded, judge, as_json)
    else:
        raise OptionError("give two files or two folders, not one of each")


class _Comparison:
    """Hold the metrics asked for, and measure them for a pair."""

    def __init__(
        self,
        names: tuple[str, ...] | None,
        allow_download: bool,
        threads: int | None,
        limits: DecodeLimits,
    ) -> None:
        from inrcodec.metrics.metric_table import DEFAULT_METRICS, METRICS

        self._every = names is not None and "all" in names
        self._optional = names is None or self._every
        self._names = (
            list(METRICS) if self._every else list(dict.fromkeys(names or DEFAULT_METRICS))
        )
        self._allow_download = allow_download
        self._threads, self._limits = threads, limits

    def measure(self, reference: str, decoded: str) -> dict[str, Any]:
        """Measure one pair: its size, metrics, their notes, and why any were left out."""
        from inrcodec.codec.runtime import torch_threads
        from inrcodec.metrics.judge import Judge
        from inrcodec.metrics.report.files import File, check_same_size, open_file

        first, second = (
            open_file(File(path, console.read_input(path)), threads=self._threads, **self._limits)
            for path in (reference, decoded)
        )
        picture = first.picture
        check_same_size(first, second.file, (second.picture.width, second.picture.height))
        names, skipped = self._usable(reference, picture)
        if any("inriq" in name for name in names):
            console.note(f"{reference}: fitting a network for INRIQ")
        with torch_threads(self._threads):
            judge = Judge(picture, names, allow_download=self._allow_download)
            values = judge.score(second.picture)
        row = {
            "reference": reference,
            "decoded": decoded,
            "width": picture.width,
            "height": picture.height,
            "metrics": values,
            "notes": judge.notes(),
            "skipped": skipped,
        }
        return {key: value for key, value in row.items() if value != {} or key == "metrics"}

    def _usable(self, name: str, picture: Picture) -> tuple[list[str], dict[str, str]]:
        """Split the metrics into usable and skipped (with reasons).

        A metric that was asked for by name and cannot be used is an error."""
        from inrcodec.metrics.metric_table import METRICS
        from inrcodec.metrics.report.evaluation import usable_metrics

        names, skipped = usable_metrics(self._names, picture, self._allow_download)
        if self._optional:
            return names, skipped
        for each, why in skipped.items():
            if min(picture.width, picture.height) < METRICS[each].smallest_side:
                raise ImageError(f"{each} {why}; {name} has {picture.width} x {picture.height}")
        return self._names, {}


def _compare_files(reference: str, decoded: str, judge: _Comparison, as_json: bool) -> None:
    """Compare one pair and print a line for each metric."""
    if reference == decoded == "-":
        raise OptionError("only one input can come from stdin")
    row = judge.measure(reference, decoded)
    if as_json:
        console.print_json(row)
        return
    _note_skipped(row)
    from inrcodec.metrics.metric_table import METRICS

    lines = [
        (name, _text(METRICS[name], value), METRICS[name].unit, _direction(METRICS[name]))
        for name, value in row["metrics"].items()
    ]
    if lines:
        console.show(console.table(lines, "<><<"))
    for name, notes in row.get("notes", {}).items():
        facts = ", ".join(f"{key} {value:.4g}" for key, value in notes.items())
        console.show(f"{name}: {facts}")


def _compare_folders(reference: str, decoded: str, judge: _Comparison, as_json: bool) -> None:
    """Compare all images of two folders; print a row for each, and the mean."""
    pairs, unmatched = match(reference, decoded)
    for name in unmatched:
        console.note(f"left out: {name} has no counterpart")
    if not pairs:
        raise InputError(f"no image in {reference} has the name of one in {decoded}")
    rows: list[dict[str, Any]] = []
    with console.exit_codes() as codes:

        def steps() -> Iterator[str]:
            for first, second in pairs:
                yield Path(first).name
                try:
                    rows.append(judge.measure(first, second))
                except InrCodecError as error:
                    console.show_error(error)
                    codes.append(console.exit_code(error))

        follow_names(steps(), len(pairs))
        if not rows:
            return
        means = _means(rows)
        if as_json:
            console.print_json(
                {
                    "reference": reference,
                    "decoded": decoded,
                    "metrics": means,
                    "images": rows,
                    "unmatched": unmatched,
                }
            )
            return
        for row in rows:
            _note_skipped(row)
        _show_rows(rows, means)


def match(reference: str, decoded: str) -> tuple[list[tuple[str, str]], list[str]]:
    """Match the images of two folders by stem; return pairs of paths, and the unmatched."""
    first, second = _pictures(reference), _pictures(decoded)
    pairs = [(first[stem], second[stem]) for stem in first if stem in second]
    unmatched = [path for stem, path in first.items() if stem not in second]
    return pairs, unmatched + [path for stem, path in second.items() if stem not in first]


def _pictures(folder: str) -> dict[str, str]:
    """List the images of a folder by stem, sorted; other files are left out."""
    from PIL import Image

    from inrcodec.files import EXTENSIONS

    known = {*EXTENSIONS, *Image.registered_extensions()}
    try:
        names = sorted(os.listdir(folder))
    except OSError as error:
        raise InputError(f"{folder}: cannot be read: {error.strerror}") from None
    found: dict[str, str] = {}
    for name in names:
        path = Path(folder, name)
        if name.startswith(".") or path.suffix.lower() not in known or not path.is_file():
            continue
        if path.stem in found:
            raise OptionError(f"{folder}: two files are called {path.stem}, which is meant?")
        found[path.stem] = str(path)
    return found


def _means(rows: list[dict[str, Any]]) -> dict[str, float]:
    """Average every metric that all images have."""
    shared = [n for n in rows[0]["metrics"] if all(n in row["metrics"] for row in rows)]
    return {name: sum(row["metrics"][name] for row in rows) / len(rows) for name in shared}


def _show_rows(rows: list[dict[str, Any]], means: dict[str, float]) -> None:
    """Print the table of two folders, and which direction is better."""
    from inrcodec.metrics.metric_table import METRICS

    names = list(dict.fromkeys(name for row in rows for name in row["metrics"]))
    units = [f"{name} ({METRICS[name].unit})" if METRICS[name].unit else name for name in names]
    values = [(Path(row["reference"]).stem, row["metrics"]) for row in rows] + [("mean", means)]
    lines = [["image", *units]]
    for title, scores in values:
        cells = [_text(METRICS[n], scores[n]) if n in scores else "-" for n in names]
        lines.append([title, *cells])
    console.show(console.table(lines, "<" + ">" * len(names)))
    for direction in ("higher is better", "lower is better"):
        those = [name for name in names if _direction(METRICS[name]) == direction]
        if those:
            console.show(f"{direction}: {', '.join(those)}")


def _note_skipped(row: dict[str, Any]) -> None:
    """Say on stderr what could not be measured."""
    for name, why in row.get("skipped", {}).items():
        console.note(f"left out: {name} of {row['reference']}: {why}")


def _text(metric: Metric, value: float) -> str:
    """Format a value with its digits; "inf" where the page would say ∞."""
    from inrcodec.metrics.report.text import shown

    return str(value) if math.isinf(value) else shown(metric, value)


def _direction(metric: Metric) -> str:
    """Say in words which direction is better."""
    return "higher is better" if metric.higher_is_better else "lower is better"
