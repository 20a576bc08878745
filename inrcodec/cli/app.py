"""The commands of `inrcodec`. Nothing here imports torch; each command imports what it needs."""

from __future__ import annotations

import inspect
from typing import Annotated

import typer

from inrcodec import __version__
from inrcodec.cli.benchmark import app as benchmark
from inrcodec.cli.compare import compare
from inrcodec.cli.decode import decode
from inrcodec.cli.distort import distort
from inrcodec.cli.encode import encode
from inrcodec.cli.info import info
from inrcodec.cli.init import app as init
from inrcodec.cli.metrics import metrics
from inrcodec.cli.models import models
from inrcodec.cli.receive import receive
from inrcodec.cli.report import report
from inrcodec.cli.robustness import robustness
from inrcodec.cli.sensitivity import sensitivity
from inrcodec.cli.serve import serve
from inrcodec.cli.simulate import simulate

OVERVIEW = """Image compression with implicit neural representations: a file is a small network.

Examples:

  inrcodec encode photo.png -o photo.inr --bpp 0.3

  inrcodec decode photo.inr -o photo.png --scale 2

  inrcodec info photo.inr

  inrcodec report photo.png photo.inr

  inrcodec compare photo.png photo.inr --metrics psnr,ssim

  inrcodec robustness photo.inr --reference photo.png

  inrcodec distort photo.png jpeg -o bad.png --level 4

  inrcodec sensitivity photo.png --metrics psnr,ssim

  inrcodec serve photo.inr

  inrcodec receive http://127.0.0.1:8750/files/photo.inr -o photo.png

  inrcodec simulate photo.inr --packet-loss ge:10%:4 --rtt 60 --rate 1M
"""

app = typer.Typer(
    help=OVERVIEW,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _unwrapped(text: str | None) -> str:
    """A help text whose paragraphs are one line each, which is wrapped to the terminal; lines of
    examples, which are indented, stay as they are."""
    paragraphs = inspect.cleandoc(text or "").split("\n\n")
    return "\n\n".join(
        part if part.startswith(" ") else part.replace("\n", " ") for part in paragraphs
    )


for command in (
    encode,
    decode,
    info,
    models,
    report,
    compare,
    metrics,
    robustness,
    distort,
    sensitivity,
    serve,
    receive,
    simulate,
):
    app.command(help=_unwrapped(command.__doc__))(command)
app.add_typer(benchmark, name="benchmark")
app.add_typer(init, name="init")


def _print_version(wanted: bool) -> None:
    """Print the version and stop."""
    if wanted:
        typer.echo(f"inrcodec {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Hold the options that belong to no command; the help text is the application's."""
