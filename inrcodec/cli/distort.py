"""`inrcodec distort`: the distortions of KADID-10k, and MRI-style under-sampling, of one image."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from inrcodec import extras
from inrcodec.cli import console
from inrcodec.errors import OptionError

UNDERSAMPLE = "undersample"


def distort(
    image: Annotated[
        str | None, typer.Argument(help="An image or a .inr file; - for stdin.", metavar="IMAGE")
    ] = None,
    name: Annotated[
        str | None, typer.Argument(help="A distortion; --list names them.", metavar="DISTORTION")
    ] = None,
    output: Annotated[
        str | None,
        typer.Option("-o", "--output", help="An image (format by name), - for PNG on stdout."),
    ] = None,
    level: Annotated[
        int, typer.Option(help="How strong, 1 to 5; for undersample 1 in so many lines is kept.")
    ] = 3,
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 0,
    list_: Annotated[bool, typer.Option("--list", help="List the distortions and stop.")] = False,
    force: Annotated[
        bool, typer.Option("-f", "--force", help="Replace an existing output.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Report as JSON on stdout; with --list, list as JSON.")
    ] = False,
) -> None:
    """Distort an image in one of the 25 ways of KADID-10k, or as an under-sampled MRI scan.

    Examples:

      inrcodec distort --list

      inrcodec distort photo.png jpeg -o bad.png --level 4

      inrcodec distort slice.png undersample -o fast.png --level 8

    Gray images become RGB, 16 bit is rounded to 8. The same seed gives the same image.
    """
    extras.check("scipy", extra="metrics")
    if list_:
        _show_list(as_json)
        return
    if image is None or name is None:
        raise OptionError("give an image and a distortion, or --list")
    from inrcodec import checks
    from inrcodec.images.writing import image_bytes, image_format
    from inrcodec.metrics.distortions import kadid
    from inrcodec.metrics.report.files import File, open_file
    from inrcodec.pixels import Picture

    checks.known("distortion", name, (*kadid.DISTORTIONS, UNDERSAMPLE))
    inputs = [image if image == "-" or output else _beside(image, name, level)]
    (path,) = console.outputs_for(inputs, output, ".png", force, as_json)
    console.check_binary_stdout([path])
    kind = image_format(path)
    pixels = kadid.rgb_of(open_file(File(image, console.read_input(image))).picture)
    if name == UNDERSAMPLE:
        made = kadid.undersample(pixels, level, seed=seed)
    else:
        made = kadid.distort(pixels, name, level, seed=seed)
    console.write_output(path, image_bytes(Picture(made), kind), force=force)
    if as_json:
        facts = {"input": image, "output": path, "distortion": name, "level": level, "seed": seed}
        console.print_json(facts)
    else:
        console.note(f"{image} -> {path}: {name} {level}")


def _beside(image: str, name: str, level: int) -> str:
    """The name of a result that lies beside its input."""
    from pathlib import Path

    path = Path(image)
    return str(path.with_name(f"{path.stem}-{name}-{level}.png")) if path.name else image


def _show_list(as_json: bool) -> None:
    """Print every distortion with what its levels are given."""
    from inrcodec.metrics.distortions.kadid import DISTORTIONS

    facts: list[dict[str, Any]] = [
        {"name": each.name, "number": each.number, "title": each.title, "levels": each.levels}
        for each in DISTORTIONS.values()
    ]
    facts.append({"name": UNDERSAMPLE, "number": None, "title": "MRI under-sampling"})
    if as_json:
        console.print_json(facts)
        return
    rows: list[tuple[str, ...]] = [("distortion", "number", "levels 1 to 5", "title")]
    for row in facts:
        levels = ", ".join(f"{value:g}" for value in row["levels"]) if "levels" in row else ""
        levels = levels or "one in so many lines"
        rows.append((row["name"], str(row["number"] or ""), levels, row["title"]))
    console.show(console.table(rows, "<><<"))
