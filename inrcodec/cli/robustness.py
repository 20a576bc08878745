"""`inrcodec robustness`: measure how an image suffers from damaged weights or lost packets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from inrcodec import extras
from inrcodec.cli import console
from inrcodec.cli.parameters import DecodeLimits, MaxPixels, MaxWork
from inrcodec.cli.progress import follow_names
from inrcodec.errors import FormatError, InputError, InrCodecError, OptionError

if TYPE_CHECKING:
    from inrcodec.metrics.damage.robustness import DamageBench, Outcome
    from inrcodec.metrics.metric_facts import Metric
    from inrcodec.metrics.report.files import Opened

    Results = dict[str, tuple[float, list[Outcome]]]
    """The metric of each file undamaged, and its outcomes."""


def robustness(
    files: Annotated[list[str], typer.Argument(help=".inr files.", metavar="FILE...")],
    reference: Annotated[str, typer.Option("-r", "--reference", help="The original image.")],
    damage: Annotated[
        list[str] | None,
        typer.Option(
            help="A kind of damage, or kind=level,level: gaussian, gaussian-relative, binary, "
            "neurons, layers, bits or packets; may be repeated (default: all)."
        ),
    ] = None,
    seeds: Annotated[int, typer.Option(help="Random trials at each level.")] = 10,
    metric: Annotated[
        str, typer.Option(help="The metric; `inrcodec metrics` lists them.")
    ] = "psnr",
    plot: Annotated[
        str | None, typer.Option(help="Draw all files as a plot: a name in .png, .svg or .pdf.")
    ] = None,
    force: Annotated[bool, typer.Option("-f", "--force", help="Replace an existing plot.")] = False,
    threads: Annotated[
        int | None, typer.Option(help="Threads (default: one a core, at most 4; torch: 1).")
    ] = None,
    max_pixels: MaxPixels = None,
    max_work: MaxWork = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the result as JSON on stdout.")
    ] = False,
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
    """
    extras.check("torch", extra="metrics")
    from inrcodec.metrics.damage.robustness import check
    from inrcodec.metrics.metric_table import metric as metric_of

    ladder = parse_ladder(damage)
    check(ladder, seeds)
    chosen = metric_of(metric)
    if plot is not None:
        from inrcodec.metrics.damage.plot import check_plot

        check_plot(plot)
        for name in (reference, *files):
            console.outputs_for([name], plot, "", force, as_json=False)
    if reference == "-" and "-" in files:
        raise OptionError("only one input can come from stdin")
    limits: DecodeLimits = {"max_pixels": max_pixels, "max_work": max_work}
    original = _reference(reference, threads, limits)
    results: Results = {}
    with console.exit_codes() as codes:
        levels = sum(map(len, ladder.values()))

        def bench_of(name: str) -> DamageBench:
            return _bench(name, original, metric, threads, limits)

        steps = _steps(files, bench_of, lambda bench: bench.outcomes(ladder, seeds), results, codes)
        follow_names(steps, (levels + 1) * len(files))
        if not results:
            return
        if as_json:
            console.print_json(_facts(results, reference, metric, seeds))
        else:
            _show(results, chosen)
        if plot is not None:
            from inrcodec.metrics.damage.plot import plot as draw

            console.write_output(plot, draw(results, plot, metric), force=force)
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
                yield f"{name}: {outcome.kind} {outcome.level:g}"
        except InrCodecError as error:
            console.show_error(error)
            codes.append(console.exit_code(error))


def _show(results: Results, metric: Metric) -> None:
    """Print a table for each file."""
    for name, (clean, outcomes) in results.items():
        unit = f" {metric.unit}" if metric.unit else ""
        console.show(f"{name}: {clean:.{metric.digits}f}{unit} undamaged")
        console.show(console.table(_rows(outcomes, metric.digits), "<>>>>>"))


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


def _reference(path: str, threads: int | None, limits: DecodeLimits) -> Opened:
    """Read the original image."""
    from inrcodec.metrics.report.files import File, open_file

    return open_file(File(path, console.read_input(path)), threads=threads, **limits)


def _bench(
    name: str, original: Opened, metric: str, threads: int | None, limits: DecodeLimits
) -> DamageBench:
    """Make the bench of one file; errors name the file."""
    from inrcodec.metrics.damage.robustness import DamageBench
    from inrcodec.metrics.report.files import File, check_same_size, describe

    file = File(name, console.read_input(name))
    about = describe(file)
    if about is None:
        raise InputError(f"{name}: not a .inr file, so it has no weights to damage")
    check_same_size(original, file, (about.width, about.height))
    try:
        return DamageBench(
            file.data, original.picture, metric_name=metric, threads=threads, **limits
        )
    except FormatError as error:
        error.about(name)
        raise


def _rows(outcomes: list[Outcome], digits: int) -> list[list[str]]:
    """Make the table of one file."""
    rows = [["damage", "level", "mean", "spread", "worst", "no image"]]
    for o in outcomes:
        values = (f"{v:.{digits}f}" for v in (o.mean, o.spread, o.worst))
        rows.append([o.kind, f"{o.level:g}", *values, f"{o.lost}/{len(o.values)}"])
    return rows


def _facts(results: Results, reference: str, metric: str, seeds: int) -> dict[str, Any]:
    """Describe all files as plain values, ready for JSON."""
    return {
        "reference": reference,
        "metric": metric,
        "seeds": seeds,
        "files": [
            {"file": name, "undamaged": clean, "outcomes": [o.as_dict() for o in outcomes]}
            for name, (clean, outcomes) in results.items()
        ],
    }
