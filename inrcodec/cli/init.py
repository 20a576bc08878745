"""`inrcodec init`: meta-learned initialisations of coordinate networks, to list and to train."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from inrcodec.cli import console
from inrcodec.cli.progress import follow, interruptible
from inrcodec.errors import InputError, OptionError
from inrcodec.extras import require

if TYPE_CHECKING:
    from inrcodec.codec.networks.init_tables import Initialisation
    from inrcodec.pixels import Samples

app = typer.Typer(
    help="Meta-learned initialisations of coordinate networks, for `encode --init`.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)

IMAGES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")


@app.command("list")
def list_(
    as_json: Annotated[bool, typer.Option("--json", help="Report as JSON on stdout.")] = False,
) -> None:
    """List the initialisations that come with the package, which `encode --init meta` chooses from.

    Examples:

      inrcodec init list

      inrcodec init list --json
    """
    from inrcodec.codec.networks.init_tables import shipped

    if as_json:
        console.print_json([_facts(init) for init in shipped()])
        return
    rows: list[tuple[str, ...]] = [("identity", "model", "dimensions", "channels", "parameters")]
    rows += [tuple(str(value) for value in _facts(init).values()) for init in shipped()]
    console.show(console.table(rows, "<<<>>"))


@app.command()
def train(
    folder: Annotated[Path, typer.Argument(help="Photographs to train on.", metavar="DIR")],
    output: Annotated[str, typer.Option("-o", "--output", help="The file to write.")],
    model: Annotated[str, typer.Option(help="pe-siren or nif.")] = "pe-siren",
    parameters: Annotated[int, typer.Option(help="Parameters of the network, about.")] = 17000,
    minutes: Annotated[float, typer.Option(help="Minutes of training.")] = 20.0,
    steps: Annotated[int | None, typer.Option(help="Outer steps, instead of minutes.")] = None,
    inner_steps: Annotated[int, typer.Option(help="Steps of a fit that are trained for.")] = 4,
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 0,
    device: Annotated[str, typer.Option(help="Where to train: cpu, cuda, cuda:1.")] = "cpu",
    force: Annotated[bool, typer.Option("-f", "--force", help="Replace an existing file.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Report as JSON on stdout.")] = False,
) -> None:
    """Train an initialisation: a network that few steps turn into any photograph (Meta-SGD).

    Examples:

      inrcodec init train photos/ -o my.start

      inrcodec init train photos/ -o nif.start --model nif --parameters 25000 --minutes 60

      inrcodec encode photo.png --model pe-siren --init my.start

    A file encoded with an initialisation of your own needs it to decode: `inrcodec decode --init
    my.start`. Ctrl-C ends the training early and writes what there is.
    """
    if model not in ("pe-siren", "nif"):
        raise OptionError(f"meta-learned initialisations are for pe-siren and nif, not {model}")
    if not 50 <= parameters <= 1 << 20:
        raise OptionError(f"parameters must be in [50, {1 << 20}], got {parameters}")
    if not 0 < minutes <= 1e5 or not 1 <= inner_steps <= 100 or (steps is not None and steps < 1):
        raise OptionError(
            "minutes, steps and inner-steps must be positive, inner-steps at most 100"
        )
    if not 0 <= seed < 1 << 31:
        raise OptionError(f"seed must be in [0, {(1 << 31) - 1}], got {seed}")
    from inrcodec.codec.networks.init_tables import SUFFIX

    require("torch", extra="encode")
    (target,) = console.outputs_for([str(folder)], output, SUFFIX, force, as_json)
    images = _images(folder)
    from inrcodec.codec.fitting.networks.init_training import InitTraining
    from inrcodec.codec.networks.sizes import ImageShape, network_of
    from inrcodec.codec.runtime import torch_device, torch_threads

    training = InitTraining(
        images,
        network_of(ImageShape(768, 512, images[0].shape[2]), model, parameters),
        inner_steps=inner_steps,
        seconds=minutes * 60 if steps is None else float("inf"),
        steps=steps,
        seed=seed,
        device=str(torch_device(device)),
    )
    with (
        interruptible(f"{target}: writing what was trained so far") as pressed,
        torch_threads(None),
    ):
        last = follow(training, target, pressed, lambda step: f"{step.psnr:.2f} dB")
    init = training.result()
    console.write_output(target, init.to_bytes(), force=force)
    report = {
        "output": target,
        **_facts(init),
        "images": len(images),
        "steps": 0 if last is None else last.step,
        "psnr_db": None if last is None else last.psnr,
        "interrupted": bool(pressed),
    }
    if as_json:
        console.print_json(report)
    elif last is not None:
        console.note(
            f"{target}: initialisation {report['identity']}, {last.step} steps, "
            f"{last.psnr:.2f} dB after {inner_steps} steps of a fit"
        )
    if pressed:
        raise typer.Exit(console.INTERRUPTED)


def _facts(init: Initialisation) -> dict[str, Any]:
    """The facts of an initialisation, for JSON."""
    return {
        "identity": f"{init.identity:08x}",
        "model": init.family.label,
        "dimensions": " x ".join(map(str, init.dimensions)),
        "channels": init.channels,
        "parameters": len(init.numbers),
    }


def _images(folder: Path) -> list[Samples]:
    """All images of a folder with as many channels as the first; raises `InputError`."""
    from inrcodec.images.reading import read_image

    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder")
    paths = sorted(p for p in folder.iterdir() if p.suffix.lower() in IMAGES)
    images = [read_image(path).pixels for path in paths]
    images = [p for p in images if p.shape[2] == images[0].shape[2]]
    if not images:
        raise InputError(f"there are no images in {folder}")
    return images
