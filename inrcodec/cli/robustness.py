"""`inrcodec robustness`: what is left of a picture when weights or packets are damaged."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from inrcodec.cli import console
from inrcodec.errors import InputError, InrCodecError, OptionError

if TYPE_CHECKING:
    from inrcodec.metrics.robustness import Outcome


def robustness(
    files: Annotated[list[str], typer.Argument(help=".inr files.", metavar="FILE...")],
    reference: Annotated[
        str, typer.Option("-r", "--reference", help="The picture that the files show.")
    ],
    damage: Annotated[
        list[str] | None,
        typer.Option(
            help="A kind, or kind=level,level: gaussian, gaussian-relative, binary, neurons, "
            "layers, bits or packets; may be given several times (default: all)."
        ),
    ] = None,
    seeds: Annotated[int, typer.Option(help="Trials at each level.")] = 10,
    metric: Annotated[str, typer.Option(help="What to measure; see `inrcodec metrics`.")] = "psnr",
    plot: Annotated[
        str | None, typer.Option(help="Draw all files: a name in .png, .svg or .pdf.")
    ] = None,
    force: Annotated[bool, typer.Option("-f", "--force", help="Replace an existing plot.")] = False,
    threads: Annotated[
        int | None, typer.Option(help="Threads (default: one a core, at most 4; torch: 1).")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Report as JSON on stdout.")] = False,
) -> None:
    """Damage files in many ways, and measure what is left of the picture.

    Gaussian noise has two readings: `gaussian` adds sigma in units of the weights as papers write
    them (before w0 = 30 of sine layers), `gaussian-relative` sigma times each weight. `binary` sets
    weights to zero, `neurons` and `layers` silence so many, `bits` flips bits of stored symbols,
    `packets` loses packets of 1160 bytes: what came before the first is shown.

    Examples:

      inrcodec robustness photo.inr --reference photo.png

      inrcodec robustness plain.inr robust.inr -r photo.png --plot damage.png

      inrcodec robustness photo.inr -r photo.png --damage gaussian=0.001 --damage packets --json
    """
    from inrcodec.metrics.registry import metric as metric_of
    from inrcodec.metrics.robustness import check

    ladder = parse_ladder(damage)
    check(ladder, seeds)
    chosen = metric_of(metric)
    if plot is not None:
        from inrcodec.metrics.damage_plot import check_plot

        check_plot(plot)
        console.outputs_for([plot], plot, "", force, as_json=False)
    if reference == "-" and "-" in files:
        raise OptionError("only one input can come from stdin")
    results: dict[str, tuple[float, list[Outcome]]] = {}
    with console.exit_codes() as codes:
        levels = sum(map(len, ladder.values()))

        def steps() -> Iterator[str]:
            for name in dict.fromkeys(files):
                try:
                    bench = _bench(name, reference, metric, threads)
                    results[name] = bench.clean, []
                    yield name
                    for outcome in bench.outcomes(ladder, seeds):
                        results[name][1].append(outcome)
                        yield f"{name}: {outcome.kind} {outcome.level:g}"
                except InrCodecError as error:
                    console.show_error(error)
                    codes.append(console.exit_code(error))

        console.follow(steps(), (levels + 1) * len(files))
        if as_json:
            console.print_json(_facts(results, reference, metric, seeds))
        else:
            for name, (clean, outcomes) in results.items():
                unit = f" {chosen.unit}" if chosen.unit else ""
                console.show(f"{name}: {clean:.{chosen.digits}f}{unit} undamaged")
                console.show(console.table(_rows(outcomes, chosen.digits), "<>>>>>"))
        if plot is not None and results:
            from inrcodec.metrics.damage_plot import plot as draw

            draw(results, plot, metric)
            console.note(f"{plot}: written")


def parse_ladder(words: list[str] | None) -> dict[str, tuple[float, ...]]:
    """Levels by kind of damage from "kind" and "kind=level,level"; raises `OptionError`."""
    from inrcodec.metrics.robustness import LADDER

    if not words:
        return LADDER
    ladder: dict[str, tuple[float, ...]] = {}
    for word in words:
        kind, _, levels = word.partition("=")
        if kind not in LADDER:
            raise OptionError(f"unknown damage {kind!r}; known: {', '.join(LADDER)}")
        try:
            ladder[kind] = tuple(map(float, levels.split(","))) if levels else LADDER[kind]
        except ValueError:
            raise OptionError(f"damage must look like {kind}=0.001,0.01, got {word!r}") from None
    return ladder


def _bench(name: str, reference: str, metric: str, threads: int | None) -> Any:
    """The bench of one file; errors say which file they mean."""
    from inrcodec.metrics.report.files import File, check_same_size, open_file
    from inrcodec.metrics.robustness import DamageBench

    original = open_file(File(reference, console.read_input(reference)), threads=threads)
    file = File(name, console.read_input(name))
    decoded = open_file(file, threads=threads)
    if decoded.about is None:
        raise InputError(f"{name}: not a .inr file, so it has no weights to damage")
    check_same_size(original, file, (decoded.picture.width, decoded.picture.height))
    return DamageBench(file.data, original.picture, metric_name=metric, threads=threads)


def _rows(outcomes: list[Outcome], digits: int) -> list[list[str]]:
    """The table of one file."""
    rows = [["damage", "level", "mean", "spread", "worst", "no picture"]]
    for o in outcomes:
        values = (f"{v:.{digits}f}" for v in (o.mean, o.spread, o.worst))
        rows.append([o.kind, f"{o.level:g}", *values, f"{o.lost}/{len(o.values)}"])
    return rows


def _facts(
    results: dict[str, tuple[float, list[Outcome]]], reference: str, metric: str, seeds: int
) -> dict[str, Any]:
    """All files for a program."""
    return {
        "reference": reference,
        "metric": metric,
        "seeds": seeds,
        "files": [
            {"file": name, "undamaged": clean, "outcomes": [o.as_dict() for o in outcomes]}
            for name, (clean, outcomes) in results.items()
        ],
    }
