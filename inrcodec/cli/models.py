"""`inrcodec models`: which models there are, how large they get, and what for."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from inrcodec.cli import console
from inrcodec.errors import OptionError


def models(
    size: Annotated[str, typer.Option(help="Size of the image, WIDTHxHEIGHT.")] = "768x512",
    bpp: Annotated[float, typer.Option(help="Bits per pixel of the file.")] = 0.3,
    as_json: Annotated[bool, typer.Option("--json", help="Report as JSON on stdout.")] = False,
) -> None:
    """List the models: parameters and work per pixel, and the rates they suit.

    Examples:

      inrcodec models

      inrcodec models --size 256x256 --bpp 1

      inrcodec models --json
    """
    from inrcodec.codec.catalogue import models as listed
    from inrcodec.pixels import MAX_PIXELS

    match = re.fullmatch(r"(\d{1,7})x(\d{1,7})", size.strip())
    width, height = (int(n) for n in match.groups()) if match else (0, 0)
    if not 1 <= width * height <= MAX_PIXELS:
        raise OptionError(f"size must look like 768x512, got {size!r}")
    if not 1e-6 <= bpp <= 64:
        raise OptionError(f"bpp must be in [1e-06, 64], got {bpp}")
    found = listed(width, height, bpp)
    if as_json:
        console.print_json([model.as_dict() for model in found])
        return
    rows: list[tuple[str, ...]] = [("model", "parameters", "MAC/pixel", "suits", "")]
    for model in found:
        rows.append(
            (
                model.name,
                str(model.parameters),
                str(model.macs_per_pixel),
                model.rates,
                model.about,
            )
        )
    console.show(f"For a colour image of {width} x {height} pixels at {bpp:g} bits per pixel:")
    console.show("")
    console.show(console.table(rows, "<>><<"))
    console.show("")
    console.show("Tiers of coolchic are chosen by `encode --complexity`, all else by `--model`.")
