"""`inrcodec meta`: trained starts of coordinate networks, to list and to train."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from inrcodec.cli import console
from inrcodec.cli.progress import follow, interruptible
from inrcodec.errors import InputError, OptionError

if TYPE_CHECKING:
    from inrcodec.codec.networks.init_tables import Initialisation
    from inrcodec.pixels import Samples

app = typer.Typer(
    help="Trained starts of coordinate networks, for `encode --init`.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)

PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")


@app.command("list")
def list_(
    as_json: Annotated[bool, typer.Option("--json", help="Report as JSON on stdout.")] = False,
) -> None:
    """List the starts that come with the package, which `encode --init meta` chooses from.

    Examples:

      inrcodec meta list

      inrcodec meta list --json
    """
    from inrcodec.codec.networks.init_tables import shipped

    if as_json:
        console.print_json([_facts(start) for start in shipped()])
        return
    rows: list[tuple[str, ...]] = [("start", "model", "dimensions", "channels", "parameters")]
    rows += [tuple(str(value) for value in _facts(start).values()) for start in shipped()]
    console.show(console.table(rows, "<<<>>"))


@app.command()
def train(
    folder: Annotated[Path, typer.Argument(help="Photographs to train on.", metavar="DIR")],
    output: Annotated[str, typer.Option("-o", "--output", help="The start file to write.")],
    model: Annotated[str, typer.Option(help="pe-siren or nif.")] = "pe-siren",
    parameters: Annotated[int, typer.Option(help="Of the network, about.")] = 17000,
    minutes: Annotated[float, typer.Option(help="How long.")] = 20.0,
    steps: Annotated[int | None, typer.Option(help="Or so many outer steps.")] = None,
    inner_steps: Annotated[int, typer.Option(help="Steps of a fit that are trained for.")] = 4,
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 0,
    device: Annotated[str, typer.Option(help="Where to train: cpu, cuda, cuda:1.")] = "cpu",
    force: Annotated[bool, typer.Option("-f", "--force", help="Replace an existing file.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Report as JSON on stdout.")] = False,
) -> None:
    """Train a start: a network that a few steps make into any photograph (Meta-SGD).

    Examples:

      inrcodec meta train photos/ -o my.start

      inrcodec meta train photos/ -o nif.start --model nif --parameters 25000 --minutes 60

      inrcodec encode photo.png --model pe-siren --init my.start

    A file encoded with a start needs it to decode: `inrcodec decode --start my.start`. Ctrl-C ends
    the training early and writes the start as it is.
    """
    if model not in ("pe-siren", "nif"):
        raise OptionError(f"starts are for pe-siren and nif, not {model}")
    if not 50 <= parameters <= 1 << 20:
        raise OptionError(f"parameters must be in [50, {1 << 20}], got {parameters}")
    if not 0 < minutes <= 1e5 or not 1 <= inner_steps <= 100 or (steps is not None and steps < 1):
        raise OptionError(
            "minutes, steps and inner-steps must be positive, inner-steps at most 100"
        )
    if not 0 <= seed < 1 << 31:
        raise OptionError(f"seed must be in [0, {(1 << 31) - 1}], got {seed}")
    from inrcodec.codec.networks.init_tables import SUFFIX

    (target,) = console.outputs_for([str(folder)], output, SUFFIX, force, as_json)
    pictures = _pictures(folder)
    from inrcodec.codec.fitting.networks.init_training import StartTraining
    from inrcodec.codec.networks.sizes import ImageShape, network_of
    from inrcodec.codec.runtime import torch_device, torch_threads

    training = StartTraining(
        pictures,
        network_of(ImageShape(768, 512, pictures[0].shape[2]), model, parameters),
        inner_steps=inner_steps,
        seconds=minutes * 60 if steps is None else float("inf"),
        steps=steps,
        seed=seed,
        device=str(torch_device(device)),
    )
    with interruptible() as pressed, torch_threads(None):
        last = follow(training, target, pressed)
    start = training.result()
    console.write_output(target, start.to_bytes())
    report = {
        "output": target,
        **_facts(start),
        "pictures": len(pictures),
        "steps": 0 if last is None else last.step,
        "psnr_db": None if last is None else last.psnr,
        "interrupted": bool(pressed),
    }
    if as_json:
        console.print_json(report)
    elif last is not None:
        console.note(
            f"{target}: start {report['start']}, {last.step} steps, "
            f"{last.psnr:.2f} dB after {inner_steps} steps of a fit"
        )
    if pressed:
        raise typer.Exit(console.INTERRUPTED)


def _facts(start: Initialisation) -> dict[str, Any]:
    """One start for a program."""
    return {
        "start": f"{start.identity:08x}",
        "model": start.family.label,
        "dimensions": " x ".join(map(str, start.dimensions)),
        "channels": start.channels,
        "parameters": len(start.numbers),
    }


def _pictures(folder: Path) -> list[Samples]:
    """All pictures of a folder with as many channels as the first; raises `InputError`."""
    from inrcodec.images.reading import read_image

    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder")
    paths = sorted(p for p in folder.iterdir() if p.suffix.lower() in PICTURES)
    pictures = [read_image(path).pixels for path in paths]
    pictures = [p for p in pictures if p.shape[2] == pictures[0].shape[2]]
    if not pictures:
        raise InputError(f"there are no pictures in {folder}")
    return pictures
