"""Parameters that several commands have."""

from typing import Annotated, TypedDict

import typer

MaxPixels = Annotated[
    int | None,
    typer.Option(help="Most pixels of an image, and of what is decoded of it (default: 2^27)."),
]
MaxWork = Annotated[
    float | None,
    typer.Option(help="Most work that a file may take, in seconds of one core (default: 60)."),
]


class DecodeLimits(TypedDict, total=False):
    """The limits of every decode of a command."""

    max_pixels: int | None
    max_work: float | None
