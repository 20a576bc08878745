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

MetricNames = Annotated[
    str | None,
    typer.Option(
        help="Metric names separated by commas, default or all (default: psnr,ssim,ms-ssim); "
        "`inrcodec metrics` lists them."
    ),
]
AllowDownload = Annotated[
    bool, typer.Option("--allow-download", help="Download missing weights of learned metrics.")
]
MetricThreads = Annotated[int | None, typer.Option(help="Threads (default: 1).")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.")]
Device = Annotated[
    str,
    typer.Option(help="Where metrics and coordinate networks are computed: cpu, cuda, cuda:1."),
]
GammaMax = Annotated[
    float | None,
    typer.Option(help="How fine a difference counts in IEM (default: 0.25; 1e6 suits textures)."),
]

BATCH = "A folder of files"
Recursive = Annotated[
    bool,
    typer.Option(
        "-r", "--recursive", help="Of a folder, also the folders below.", rich_help_panel=BATCH
    ),
]
Jobs = Annotated[
    int | None,
    typer.Option(
        help="Processes, of one thread each unless --threads says more (default: one a core).",
        rich_help_panel=BATCH,
    ),
]
Scheduler = Annotated[
    str | None,
    typer.Option(
        help="Work on a Dask cluster: tcp://HOST:PORT of its scheduler (docs/guides/clusters.md).",
        rich_help_panel=BATCH,
    ),
]
IfNewer = Annotated[
    bool,
    typer.Option(
        "--if-newer",
        help="Go by time alone: leave out what has an output that is not older.",
        rich_help_panel=BATCH,
    ),
]


class DecodeLimits(TypedDict, total=False):
    """The limits of every decode of a command."""

    max_pixels: int | None
    max_work: float | None
