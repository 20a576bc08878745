"""`inrcodec robustness`: measure how an image suffers from damaged weights or lost packets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from inrcodec import extras
from inrcodec.cli import console
from inrcodec.cli.parameters import (
    AllowDownload,
    AsJson,
    DecodeLimits,
    Device,
    GammaMax,
    MaxPixels,
    MaxWork,
)
from inrcodec.cli.progress import follow_names
from inrcodec.errors import FormatError, InputError, InrCodecError, OptionError

if TYPE_CHECKING:
    from inrcodec.metrics.damage.outcome import Outcome
    from inrcodec.metrics.damage.robustness import DamageBench
    from inrcodec.metrics.judge import Judge
    from inrcodec.metrics.metric_choice import ChosenMetrics
    from inrcodec.metrics.report.files import File, Opened

    Results = dict[str, tuple[dict[str, float], list[Outcome]]]
    """The metrics of each file undamaged, and its outcomes."""

DEFAULT_METRICS = ("psnr",)


def robustness(
    files: Annotated[list[str], typer.Argument(help=".inr files.", metavar="FILE...")],
    reference: Annotated[str, typer.Option("-r", "--reference", help="The original.")],
    damage: Annotated[
        list[str] | None,
        typer.Option(
            help="A kind of damage, or kind=level,level: gaussian, gaussian-relative, binary, "
            "neurons, layers, bits or packets; may be repeated (default: all)."
        ),
    ] = None,
    seeds: Annotated[int, typer.Option(help="Random trials at each level.")] = 10,
    metrics: Annotated[
        str | None,
        typer.Option(
            help="Metric names separated by commas, default or all (default: psnr); "
            "`inrcodec metrics` lists them."
        ),
    ] = None,
    allow_download: AllowDownload = False,
    device: Device = "cpu",
    gamma_max: GammaMax = None,
    plot: Annotated[
        str | None, typer.Option(help="Draw all files as a plot: a name in .png, .svg or .pdf.")
    ] = None,
    force: Annotated[bool, typer.Option("-f", "--force", help="Replace an existing plot.")] = False,
    threads: Annotated[
        int | None, typer.Option(help="Threads (default: one a core, at most 4; torch: 1).")
    ] = None,
    max_pixels: MaxPixels = None,
    max_work: MaxWork = None,
    as_json: AsJson = False,
) -> None:
    """Damage files in several ways, and measure the quality of the image that remains.

    gaussian: noise on weights, sigma in the units of papers (before the factor w0 = 30)

    gaussian-relative: noise on weights, sigma relative to each weight

    binary: weights set to zero, with a probability

    bits: flipped bits of stored symbols, with a probability

    neurons, layers: a number of hidden neurons or layers that output zero

    packets: lost packets of 1160 bytes, with a probability; the part before the first is decoded

    Examples:

      inrcodec robustness photo.inr --reference photo.png

      inrcodec robustness plain.inr robust.inr -r photo.png --plot damage.png

      inrcodec robustness photo.inr -r photo.png --damage gaussian=0.001 --damage packets --json

      inrcodec robustness photo.inr -r photo.png --metrics psnr,ssim,inriq --seeds 3

      inrcodec robustness speech.inr -r speech.wav
    """
    extras.check("torch", extra="metrics")
    from inrcodec.metrics.damage.robustness import DamageBench, check
    from inrcodec.metrics.judge import check_gamma_max
    from inrcodec.metrics.metric_choice import ChosenMetrics
    from inrcodec.metrics.report.signals import is_signal

    ladder = parse_ladder(damage)
    check(ladder, seeds)
    words = console.words(metrics)
    chosen = ChosenMetrics(words, DEFAULT_METRICS, allow_download=allow_download)
    check_gamma_max(gamma_max, chosen.names)
    if plot is not None:
        from inrcodec.metrics.damage.plot import check_plot

        check_plot(plot)
        for name in (reference, *files):
            console.outputs_for([name], plot, "", force, as_json=False)
    if reference == "-" and "-" in files:
        raise OptionError("only one input can come from stdin")
    limits: DecodeLimits = {"max_pixels": max_pixels, "max_work": max_work}
    where: dict[str, Any] = {"threads": threads, "device": device, **limits}
    signal = is_signal(reference) or any(map(is_signal, files))
    if signal and list(chosen.names) != ["psnr"]:
        raise OptionError("sound and clips are judged by psnr alone")
    original = _opened(reference, where, signal)
    how = {"allow_download": allow_download, "device": device, "gamma_max": gamma_max}
    judge = _judge(original, chosen, threads, how)
    results: Results = {}
    with console.exit_codes() as codes:
        levels = sum(map(len, ladder.values()))

        def bench_of(name: str) -> DamageBench:
            file = _file(name, original)
            try:
                return DamageBench(file.data, judge, **where)
            except FormatError as error:
                error.about(name)
                raise

        steps = _steps(files, bench_of, lambda bench: bench.outcomes(ladder, seeds), results, codes)
        follow_names(steps, (levels * len(judge.names) + 1) * len(files))
        if not results:
            return
        if as_json:
            console.print_json(_facts(results, reference, judge, seeds))
        else:
            _show(results)
            for line in console.note_lines(judge.notes()):
                console.show(f"{reference}: {line}")
        if plot is not None:
            from inrcodec.metrics.damage.plot import plot as draw

            console.write_output(plot, draw(results, plot), force=force)
            console.note(f"{plot}: written")


def _steps(
    files: list[str],
    bench_of: Callable[[str], DamageBench],
    outcomes_of: Callable[[DamageBench], Iterator[Outcome]],
    results: Results,
    codes: list[int],
) -> Iterator[str]:
    """Measure every file into `results`, and yield what is done; an error costs its file alone."""
    for name in dict.fromkeys(files):
        try:
            bench = bench_of(name)
            results[name] = bench.clean, []
            yield name
            for outcome in outcomes_of(bench):
                results[name][1].append(outcome)
                yield f"{name}: {outcome.kind} {outcome.level:g} {outcome.metric}"
        except InrCodecError as error:
            console.show_error(error)
            codes.append(console.exit_code(error))


def _show(results: Results) -> None:
    """Print a table for each file and metric."""
    from inrcodec.metrics.metric_table import METRICS
    from inrcodec.metrics.report.text import shown

    for name, (clean, outcomes) in results.items():
        for metric in (METRICS[each] for each in clean):
            unit = f" {metric.unit}" if metric.unit else ""
            value = shown(metric, clean[metric.name])
            console.show(f"{name}: {metric.title} {value}{unit} undamaged")
            those = [o for o in outcomes if o.metric == metric.name]
            console.show(console.table(_rows(those, metric.digits), "<>>>>>"))


def parse_ladder(words: list[str] | None) -> dict[str, tuple[float, ...]]:
    """Parse "kind" and "kind=level,level" into levels by kind; raises `OptionError`."""
    from inrcodec.metrics.damage.robustness import LADDER

    if not words:
        return LADDER
    ladder: dict[str, tuple[float, ...]] = {}
    for word in words:
        kind, equals, levels = word.partition("=")
        if kind not in LADDER:
            raise OptionError(f"unknown damage {kind!r}; known: {', '.join(LADDER)}")
        try:
            given = tuple(map(float, levels.split(","))) if equals else LADDER[kind]
            ladder[kind] = tuple(dict.fromkeys((*ladder.get(kind, ()), *given)))
        except ValueError:
            raise OptionError(f"damage must look like {kind}=0.001,0.01, got {word!r}") from None
    return ladder


def _opened(path: str, where: dict[str, Any], signal: bool) -> Opened:
    """Read the original image; sound or a clip as what metrics of images see."""
    from inrcodec.metrics.report.files import File, Opened, open_file
    from inrcodec.metrics.report.signals import judged, read_signal

    if signal:
        return Opened(File(path, b""), judged(read_signal(path, **where)), None, 0.0)
    return open_file(File(path, console.read_input(path)), **where)


def _judge(
    original: Opened, chosen: ChosenMetrics, threads: int | None, how: dict[str, Any]
) -> Judge:
    """Make the judge of the original image for all files; say which metrics are left out."""
    from inrcodec.codec.runtime import torch_threads
    from inrcodec.metrics.judge import Judge

    name = original.file.name
    names, skipped = chosen.usable(name, original.picture)
    console.note_skipped(name, skipped)
    if not names:
        raise OptionError("none of the metrics can be used")
    if any("inriq" in each for each in names):
        console.note(f"{name}: fitting a network for INRIQ")
    with torch_threads(threads):
        return Judge(original.picture, names, **how)


def _file(name: str, original: Opened) -> File:
    """Read one file and check that it can be damaged and judged."""
    from inrcodec.metrics.report.files import File, check_same_size, describe
    from inrcodec.metrics.report.signals import judged_size

    file = File(name, console.read_input(name))
    about = describe(file)
    if about is None:
        raise InputError(f"{name}: not a .inr file, so it has no weights to damage")
    check_same_size(original, file, judged_size(about))
    return file


def _rows(outcomes: list[Outcome], digits: int) -> list[list[str]]:
    """Make the table of one file."""
    rows = [["damage", "level", "mean", "spread", "worst", "no image"]]
    for o in outcomes:
        values = (f"{v:.{digits}f}" for v in (o.mean, o.spread, o.worst))
        rows.append([o.kind, f"{o.level:g}", *values, f"{o.lost}/{len(o.values)}"])
    return rows


def _facts(results: Results, reference: str, judge: Judge, seeds: int) -> dict[str, Any]:
    """Describe all files as plain values, ready for JSON."""
    return {
        "reference": reference,
        "metrics": list(judge.names),
        "notes": judge.notes(),
        "seeds": seeds,
        "files": [
            {"file": name, "undamaged": clean, "outcomes": [o.as_dict() for o in outcomes]}
            for name, (clean, outcomes) in results.items()
        ],
    }
