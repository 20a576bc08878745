"""`inrcodec receive`: receive an image that gets better as more of it arrives."""

from __future__ import annotations

import logging
import os
import re
import time
from typing import TYPE_CHECKING, Annotated

import typer

from inrcodec.cli import console
from inrcodec.cli.encode import parse_size
from inrcodec.cli.loop_signals import calling
from inrcodec.cli.parameters import MaxPixels, MaxWork
from inrcodec.cli.partial import Partial
from inrcodec.cli.serve import TOKEN_VARIABLE
from inrcodec.cli.watcher import Watcher, content, is_ours
from inrcodec.errors import FormatError, InrCodecError, OptionError, StreamError

if TYPE_CHECKING:
    from inrcodec.streaming import Beginning, ReceivedFrame, ReceiveOptions
    from inrcodec.streaming.client.receive import Keep


def receive(
    url: Annotated[str, typer.Argument(help="What `inrcodec serve` prints.", metavar="URL")],
    output: Annotated[
        str | None,
        typer.Option(
            "-o", "--output", help="Where to write the best image, or the whole .inr file."
        ),
    ] = None,
    progressive: Annotated[
        str | None, typer.Option(help="A folder for every image on the way.")
    ] = None,
    budget: Annotated[
        str | None, typer.Option(help="Ask for whole layers within this size: 20000, 20K.")
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(
            help="Stop at a number of layers (3) or a PSNR (35dB): against --reference or, without "
            "one, between an image and the one before it."
        ),
    ] = None,
    reference: Annotated[
        str | None, typer.Option("-r", "--reference", help="The original image, to measure PSNR.")
    ] = None,
    patience: Annotated[
        float | None, typer.Option(help="Seconds after which finer layers are not sent any more.")
    ] = None,
    mode: Annotated[
        str,
        typer.Option(
            help="Against packet loss: fec, nack, reliable, or once (repair symbols only)."
        ),
    ] = "fec",
    expected_packet_loss: Annotated[
        str | None,
        typer.Option(
            help="Share of lost packets that repair symbols are sent ahead for: by default "
            "5% in mode once, else 0, and repair symbols once loss is seen."
        ),
    ] = None,
    transport: Annotated[
        str, typer.Option(help="auto (HTTP where WebRTC fails), webrtc or http.")
    ] = "auto",
    token: Annotated[
        str | None, typer.Option(help=f"Bearer token (or set {TOKEN_VARIABLE}).")
    ] = None,
    simulate_packet_loss: Annotated[
        str,
        typer.Option(help="Drop packets on purpose: none, bernoulli:10%, ge:10%:4, trace:FILE."),
    ] = "none",
    seed: Annotated[int, typer.Option(help="Seed of the simulated packet loss.")] = 0,
    timeout: Annotated[
        float, typer.Option(help="Seconds after which a reception ends with what there is.")
    ] = 600.0,
    retries: Annotated[
        int,
        typer.Option(help="Attempts after a connection is cut, in a row without anything new."),
    ] = 5,
    other_hosts: Annotated[
        bool,
        typer.Option(
            "--other-hosts", help="Follow redirections to other hosts, without the token."
        ),
    ] = False,
    max_pixels: MaxPixels = None,
    max_work: MaxWork = None,
    force: Annotated[bool, typer.Option("-f", "--force", help="Replace existing outputs.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Report as JSON on stdout.")] = False,
) -> None:
    """Receive a file, show progress layer by layer, write the image.

    What has arrived is kept when the connection is cut. Ctrl-C writes the best image so far. Of a
    .inr file that did not arrive whole, the beginning stays beside it as .inr.part, and the same
    command goes on from there.

    Examples:

      inrcodec receive http://127.0.0.1:8750/files/photo.inr -o photo.png

      inrcodec receive URL -o photo.png --progressive steps/ --mode nack

      inrcodec receive URL -o preview.png --budget 20K

      inrcodec receive URL -o photo.inr --transport http
    """
    from inrcodec.streaming import require

    require()
    from inrcodec.streaming import PacketLoss, ReceiveOptions, share_of
    from inrcodec.streaming.client.urls import check_url

    check_url(url)
    layers, decibels = _until(until)
    options = ReceiveOptions(
        mode=mode,
        transport=transport,
        token=token or os.environ.get(TOKEN_VARIABLE) or None,
        layers=layers,
        budget_bytes=None if budget is None else parse_size(budget),
        patience_s=patience,
        expected_packet_loss=None
        if expected_packet_loss is None
        else share_of(expected_packet_loss),
        simulated_packet_loss=PacketLoss.of(simulate_packet_loss),
        seed=seed,
        timeout_s=timeout,
        retries=retries,
        other_hosts=other_hosts,
        max_pixels=max_pixels,
        max_work=max_work,
    )
    if output is not None:
        (output,) = console.outputs_for([url], output, "", force, as_json)
        _check_name(output)
        if is_ours(output) and (until or budget or patience or mode == "once"):
            raise OptionError("a .inr file is written whole: leave out what ends early")
    original = None
    if reference is not None:
        from inrcodec.images.reading import read_image

        original = read_image(reference)
    watcher = Watcher(progressive, original, decibels, as_json, force, output)
    _receive(url, options, watcher, output, force, as_json)


def _receive(
    url: str,
    options: ReceiveOptions,
    watcher: Watcher,
    output: str | None,
    force: bool,
    as_json: bool,
) -> None:
    """Receive, write the best image, and report; raises what went wrong after that."""
    import asyncio

    for name in ("aioice", "aiortc"):
        logging.getLogger(name).setLevel(logging.ERROR)
    from inrcodec.streaming import Beginning

    partial = None
    if output is not None and output != "-" and is_ours(output):
        partial = Partial(output, url)
    known = Beginning() if partial is None else partial.read()
    begun = time.monotonic()
    left = [known]
    failure = asyncio.run(_run(url, options, watcher, known, left.append))
    best, stopped = watcher.best, isinstance(failure, KeyboardInterrupt)
    if partial is not None and failure is not None:
        beginning = left[-1]
        if isinstance(failure, FormatError):  # beyond what could be seen it is of no use
            beginning = Beginning() if best is None else best.beginning
        _keep(partial, beginning, stopped)
        raise failure
    if best is None:
        if stopped:
            size = len(left[-1].data)
            console.note(f"stopped before there was an image; {size} bytes had arrived")
        raise failure or StreamError(f"{url}: nothing arrived")
    if failure is not None:
        console.note("stopped; this is what had arrived" if stopped else "this is what had arrived")
    if output is not None:
        console.write_output(output, content(best, output), force=force)
    if partial is not None:
        partial.remove()
    _report(url, output, best, watcher, time.monotonic() - begun, as_json)
    if failure is not None:
        raise failure


def _report(
    url: str,
    output: str | None,
    best: ReceivedFrame,
    watcher: Watcher,
    elapsed_s: float,
    as_json: bool,
) -> None:
    """Say what was received."""
    if as_json:
        console.print_json(
            {
                "url": url,
                "output": output,
                "elapsed_s": round(elapsed_s, 3),
                "complete": best.complete,
                "received_bytes": best.received_bytes,
                "transport": best.transport,
                "frames": watcher.rows,
            }
        )
    else:
        where = "" if output is None else f" -> {output}"
        state = "whole" if best.complete else f"{best.layers} of {best.total_layers} layers"
        console.note(f"{url}{where}: {state}, {best.received_bytes} bytes, {elapsed_s:.2f} s")


def _keep(partial: Partial, beginning: Beginning, stopped: bool) -> None:
    """Keep what had arrived of a file, and say so, or why not."""
    size = len(beginning.data)
    if partial.keep(beginning):
        said = f"{size} bytes are kept in {partial.path}; the same command goes on from there"
    elif size:
        said = f"{size} bytes had arrived, but the server names no version to go on from (ETag)"
    else:
        said = "nothing had arrived"
    if stopped or size:
        console.note(f"stopped; {said}" if stopped else said)


async def _run(
    url: str, options: ReceiveOptions, watcher: Watcher, known: Beginning, keep: Keep
) -> InrCodecError | KeyboardInterrupt | None:
    """Receive until it is enough, or until Ctrl-C; return what went wrong."""
    import asyncio
    import signal
    from contextlib import aclosing

    import aiortc  # noqa: F401  (takes a while, in which Ctrl-C must not wait for the loop)

    from inrcodec.streaming import decode_runs  # noqa: F401  (as well)
    from inrcodec.streaming import receive as frames

    async def through() -> None:
        async with aclosing(frames(url, options, known=known, keep=keep)) as stream:
            async for frame in stream:
                if await watcher.take(frame):
                    return

    task = asyncio.create_task(through())
    try:
        with calling(task.cancel, signal.SIGINT):
            await task
    except asyncio.CancelledError:
        return KeyboardInterrupt()
    except OptionError:
        raise
    except InrCodecError as error:
        return error
    return None


def _until(text: str | None) -> tuple[int | None, float | None]:
    """Parse `--until` to (layers, decibels), of which one is None; raises `OptionError`."""
    if text is None:
        return None, None
    match = re.fullmatch(r"(\d{1,3})|(\d+(?:\.\d+)?) ?dB", text.strip())
    if match is None:
        raise OptionError(f"until must look like 3 or 35dB, got {text!r}")
    if match[1] is not None:
        return int(match[1]), None
    return None, float(match[2])


def _check_name(path: str) -> None:
    """Raise `OptionError` for a name that is neither that of an image nor of an .inr file."""
    if path != "-" and not is_ours(path):
        from inrcodec.images.writing import image_format

        image_format(path)
