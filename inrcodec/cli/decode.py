"""`inrcodec decode`: .inr files in, images out, at any size; or sound, or the frames of a clip."""

from __future__ import annotations

import re
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any

import typer

from inrcodec.cli import console
from inrcodec.cli.batch import Choice
from inrcodec.cli.decode_batch import decode_batch
from inrcodec.cli.decode_signal import decode_signal, kind_of, measures
from inrcodec.cli.parameters import IfNewer, Jobs, MaxPixels, MaxWork, Recursive, Scheduler
from inrcodec.cli.progress import bar_of
from inrcodec.errors import FormatError, InrCodecError, OptionError

LONG_S = 1.0
"""Work, in seconds of one core (limits.py), from which on a decode shows that it works."""


def decode(
    inputs: Annotated[
        list[str],
        typer.Argument(help="Files, folders of them or patterns; - for stdin.", metavar="FILE..."),
    ],
    output: Annotated[
        str | None,
        typer.Option(
            "-o",
            "--output",
            help="An image (format by name), a folder, - for PNG on stdout; of sound a .wav; of a "
            "clip an animation or frames/%03d.png.",
        ),
    ] = None,
    image_format: Annotated[
        str,
        typer.Option(
            "--format", help="Ending of images whose name is not given: png, webp, tiff, ..."
        ),
    ] = "png",
    size: Annotated[str | None, typer.Option(help="Output size, WIDTHxHEIGHT.")] = None,
    scale: Annotated[float | None, typer.Option(help="Output size as a factor.")] = None,
    crop: Annotated[
        str | None, typer.Option(help="Render only x,y,width,height of the output.")
    ] = None,
    bit_depth: Annotated[int | None, typer.Option(help="8 or 16 (default: as encoded).")] = None,
    rate: Annotated[
        int | None, typer.Option(help="Of sound: samples a second (default: as encoded).")
    ] = None,
    frames: Annotated[
        int | None, typer.Option(help="Of a clip: how many frames (default: as encoded).")
    ] = None,
    threads: Annotated[
        int | None, typer.Option(help="Threads (default: one a core, at most 4).")
    ] = None,
    init: Annotated[
        str | None,
        typer.Option(help="The initialisation that a file was encoded with by --init FILE."),
    ] = None,
    device: Annotated[str, typer.Option(help="Where to render: cpu, cuda, cuda:1.")] = "cpu",
    max_pixels: MaxPixels = None,
    max_work: MaxWork = None,
    recursive: Recursive = False,
    jobs: Jobs = None,
    scheduler: Scheduler = None,
    if_newer: IfNewer = False,
    force: Annotated[bool, typer.Option("-f", "--force", help="Replace existing outputs.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Report as JSON on stdout; of a folder, a line a file.")
    ] = False,
) -> None:
    """Render a file as an image, at the original size or any other.

    Examples:

      inrcodec decode photo.inr                          writes photo.png

      inrcodec decode photo.inr -o large.png --scale 2

      inrcodec decode photo.inr -o part.png --size 3072x2048 --crop 100,200,640,480

      inrcodec decode coded/ -o images/ --recursive --format webp

      inrcodec decode speech.inr --rate 48000            writes speech.wav

      inrcodec decode clip.inr -o frames/%03d.png        or clip.gif, clip.webp, an animated PNG

    Of a folder, or several files that go to one, Ctrl-C drops what is in work, and the same command
    does the rest.
    """
    view: dict[str, Any] = {
        "scale": scale,
        "bit_depth": bit_depth,
        "rate": rate,
        "frames": frames,
        "threads": threads,
        "device": device,
        "init": init,
        "max_pixels": max_pixels,
        "max_work": max_work,
    }
    view["size"] = None if size is None else _numbers(size, r"(\d+)x(\d+)", "size", "1536x1024")
    view["crop"] = (
        None if crop is None else _numbers(crop, r"(\d+),(\d+),(\d+),(\d+)", "crop", "0,0,256,256")
    )
    extension = _extension(image_format)
    choice = Choice(inputs, output, recursive, jobs, scheduler, if_newer, force, as_json)
    if choice.is_batch():
        decode_batch(choice, view, extension)
        return

    def ending(name: str) -> str:
        return ".wav" if kind_of(name) == "sound" else extension

    paths = console.outputs_for(inputs, output, ending, force, as_json)
    console.check_binary_stdout(paths)
    reports = []
    with console.exit_codes() as codes:
        for name, path in zip(inputs, paths, strict=True):
            try:
                report = _decode_one(name, path, view, force)
            except InrCodecError as error:
                console.show_error(error)
                codes.append(console.exit_code(error))
                continue
            reports.append(report)
            if not as_json:
                console.note(f"{name} -> {path}: {measures(report)}")
        if as_json and reports:
            console.print_json(reports[0] if len(inputs) == 1 else reports)


def _numbers(text: str, pattern: str, name: str, example: str) -> tuple[int, ...]:
    """The integers of an option like 1536x1024; raises `OptionError`."""
    match = re.fullmatch(pattern, text.strip())
    if not match or any(len(group) > 9 for group in match.groups()):
        raise OptionError(f"{name} must look like {example}, got {text!r}")
    return tuple(int(group) for group in match.groups())


def _extension(name: str) -> str:
    """The ending ".webp" of "webp" or ".webp"; raises `OptionError` for one of no format."""
    if name in ("png", ".png"):  # what most want, and what needs no look at all formats
        return ".png"
    from inrcodec.images import writing

    extension = f".{name.lower().removeprefix('.')}"
    if Path(f"image{extension}").suffix != extension:
        raise OptionError(f"format must be an ending such as png or webp, got {name!r}")
    writing.image_format(f"image{extension}")
    return extension


def _decode_one(name: str, path: str, view: dict[str, Any], force: bool) -> dict[str, Any]:
    """Decode one file and write the image; return the report."""
    started = time.monotonic()
    data = console.read_input(name)
    from inrcodec.codec.format import bitstream

    try:
        container = bitstream.read(data)  # a bad file is refused before torch loads
        header = container.header
        if header.timing is not None:
            return decode_signal(name, path, data, header, view, force)
        from inrcodec.batch.decoding import decode_report, options_of, stretching
        from inrcodec.images import writing

        view = options_of("image", view, name)
        stretched = stretching(view["size"], (header.width, header.height))
        if stretched is not None:
            console.note(f"{name}: {stretched}")

        kind = writing.image_format(path)
        writing.check_format(kind, header.channels, view["bit_depth"] or header.bit_depth)
        from inrcodec.codec.decode import decode_picture
        from inrcodec.codec.families import decoder_of
        from inrcodec.codec.view import view_of

        wanted = view_of(header.width, header.height, view["size"], view["scale"], view["crop"])
        long = decoder_of(header).work_s(container, wanted) > LONG_S
        with bar_of(name, known=False) if long else nullcontext():
            picture = decode_picture(data, **view)
        console.write_output(path, writing.image_bytes(picture, kind), force=force)
    except FormatError as error:
        error.about(name)
        raise
    return decode_report(name, path, picture, time.monotonic() - started)
