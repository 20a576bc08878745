"""`inrcodec info`: what a file says about itself, without decoding it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from inrcodec.cli import console
from inrcodec.errors import InrCodecError

if TYPE_CHECKING:
    from inrcodec.codec.describe import FileInfo


def info(
    inputs: Annotated[list[str], typer.Argument(help="Files; - for stdin.", metavar="FILE...")],
    as_json: Annotated[bool, typer.Option("--json", help="Report as JSON on stdout.")] = False,
) -> None:
    """Show size, network and sections of a file.

    Examples:

      inrcodec info photo.inr

      inrcodec info *.inr --json
    """
    from inrcodec.codec.describe import info as describe

    reports = []
    with console.exit_codes() as codes:
        for name in inputs:
            try:
                about = describe(console.read_input(name))
            except InrCodecError as error:
                console.show_error(error.about(name))
                codes.append(console.exit_code(error))
                continue
            reports.append({"file": name, **about.as_dict()})
            if not as_json:
                console.show(_described(name, about))
        if as_json and reports:
            console.print_json(reports[0] if len(inputs) == 1 else reports)


def _what(about: FileInfo) -> str:
    """What a file holds and how much of it, for a person."""
    if about.kind == "image":
        return f"{about.width} x {about.height} {about.colours}"
    rate = about.rate or 1.0
    if about.kind == "sound":
        return f"{about.width / rate:.3g} s of sound, {about.width} {about.colours} samples " + (
            f"at {rate:g} Hz"
        )
    size = f"{about.width} x {about.height} {about.colours}"
    return f"a clip of {about.frames} frames of {size}, {rate:.4g} a second"


def _described(name: str, about: FileInfo) -> str:
    """The report for a person: a few lines, then one a section."""
    dimensions = " x ".join(str(dimension) for dimension in about.dimensions)
    lines = [
        f"{name}: {_what(about)}, {about.bit_depth} bit",
        f"  model      {about.model} ({dimensions}), {about.parameters} parameters, "
        f"{about.macs_per_pixel} MAC/{'sample' if about.kind == 'sound' else 'pixel'}",
        f"  size       {about.size_bytes} bytes, {about.bits_per_pixel:.4f} "
        f"{'bits a sample' if about.kind == 'sound' else 'bpp'}",
    ]
    if about.bits_per_parameter:
        lines.append(f"  precision  {about.bits_per_parameter:.2f} bits/parameter")
    if about.init is not None:
        from inrcodec.codec.format.header import PHASES

        identity, index = about.init
        trained = f"trained networks {identity:08x}, number {index}"
        lines.append(f"  init       {'phases' if identity == PHASES else trained}")
    if about.slice_side is not None:
        lines.append(f"  slices     {about.slice_side} x {about.slice_side} symbols")
    if about.metadata:
        lines.append(f"  metadata   {', '.join(about.metadata)}")
    if not about.complete:
        lines.append("  incomplete: the file is cut short")
    longest = max(12, *(len(section.kind) for section in about.sections))
    lines.append(f"  {'sections':<{longest}}    offset      bytes")
    for section in about.sections:
        state = "" if section.intact else "  damaged"
        lines.append(
            f"    {section.kind:<{longest}}{section.offset:>8}{section.size_bytes:>11}{state}"
        )
    return "\n".join(lines)
