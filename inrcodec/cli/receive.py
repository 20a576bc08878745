"""`inrcodec receive`: receive an image that gets better as more of it arrives."""

from __future__ import annotations

import logging
import os
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from inrcodec.cli import console
from inrcodec.cli.encode import parse_size
from inrcodec.cli.loop_signals import calling
from inrcodec.cli.serve import TOKEN_VARIABLE
from inrcodec.errors import InrCodecError, OptionError, OutputError, StreamError

if TYPE_CHECKING:
    from inrcodec.pixels import Picture
    from inrcodec.streaming import ReceivedFrame, ReceiveOptions


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
        str, typer.Option(help="Share of lost packets that repair symbols are planned for.")
    ] = "5%",
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
    force: Annotated[bool, typer.Option("-f", "--force", help="Replace existing outputs.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Report as JSON on stdout.")] = False,
) -> None:
    """Receive a file, show progress layer by layer, write the image.

    What has arrived is kept when the connection is cut. Ctrl-C writes the best image so far.

    Examples:

      inrcodec receive http://127.0.0.1:8750/files/photo.inr -o photo.png

      inrcodec receive URL -o photo.png --progressive steps/ --mode nack

      inrcodec receive URL -o preview.png --budget 20K

      inrcodec receive URL -o photo.inr --transport http
    """
    from inrcodec.streaming import require

    require()
    from inrcodec.streaming import PacketLoss, ReceiveOptions, share_of

    layers, decibels = _until(until)
    options = ReceiveOptions(
        mode=mode,
        transport=transport,
        token=token or os.environ.get(TOKEN_VARIABLE) or None,
        layers=layers,
        budget_bytes=None if budget is None else parse_size(budget),
        patience_s=patience,
        expected_packet_loss=share_of(expected_packet_loss),
        simulated_packet_loss=PacketLoss.of(simulate_packet_loss),
        seed=seed,
    )
    if output is not None:
        (output,) = console.outputs_for([url], output, "", force, as_json)
        _check_name(output)
        if _is_ours(output) and (until or budget or patience or mode == "once"):
            raise OptionError("a .inr file is written whole: leave out what ends early")
    original = None
    if reference is not None:
        from inrcodec.images.reading import read_image

        original = read_image(reference)
    watcher = _Watcher(progressive, original, decibels, as_json, force)
    _receive(url, options, watcher, output, force, as_json)


def _receive(
    url: str,
    options: ReceiveOptions,
    watcher: _Watcher,
    output: str | None,
    force: bool,
    as_json: bool,
) -> None:
    """Receive, write the best image, and report; raises what went wrong after that."""
    import asyncio

    for name in ("aioice", "aiortc"):
        logging.getLogger(name).setLevel(logging.ERROR)
    begun, failure = time.monotonic(), None
    try:
        asyncio.run(_run(url, options, watcher))
    except InrCodecError as error:
        failure = error
    best = watcher.best
    if best is None:
        raise failure or StreamError(f"{url}: nothing arrived")
    if failure is not None:
        console.note("this is what had arrived")
        if output is not None and _is_ours(output):
            raise failure
    if output is not None:
        console.write_output(output, _content(best, output), force=force)
    elapsed_s = time.monotonic() - begun
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
    if failure is not None:
        raise failure


class _Watcher:
    """Shows, measures and writes every image on the way."""

    def __init__(
        self,
        folder: str | None,
        original: Picture | None,
        decibels: float | None,
        quiet: bool,
        force: bool,
    ) -> None:
        self._folder, self._original = folder, original
        self._decibels, self._quiet, self._force = decibels, quiet, force
        self.best: ReceivedFrame | None = None
        self.rows: list[dict[str, Any]] = []
        if folder is not None:
            try:
                Path(folder).mkdir(parents=True, exist_ok=True)
                if not force and any(Path(folder).iterdir()):
                    raise OutputError(f"{folder}: is not empty; use --force to write there")
            except OSError as error:
                raise OutputError(f"{folder}: cannot be made: {error.strerror}") from None

    def take(self, frame: ReceivedFrame) -> bool:
        """Take a frame; return whether it is good enough."""
        from inrcodec.pixels import psnr

        shown, before = frame.picture.pixels, self.best
        value = None
        if self._original is not None and self._original.pixels.shape == shown.shape:
            value = psnr(self._original.pixels, shown)
        elif self._original is not None:
            raise OptionError("the reference has another size than the image")
        elif before is not None and self._decibels is not None:
            value = psnr(before.picture.pixels, shown)
        self.best = frame
        row: dict[str, Any] = {
            "elapsed_s": round(frame.elapsed_s, 4),
            "layers": frame.layers,
            "of": frame.total_layers,
            "received_bytes": frame.received_bytes,
            "psnr_db": value,
        }
        if self._folder is not None:
            name = f"{len(self.rows) + 1:02d}-{frame.layers}of{frame.total_layers}.png"
            path = str(Path(self._folder) / name)
            console.write_output(path, _content(frame, path), force=self._force)
            row["file"] = path
        self.rows.append(row)
        if not self._quiet:
            measured = "" if value is None else f", {value:.2f} dB"
            console.note(
                f"{frame.elapsed_s:7.3f} s  layer {frame.layers} of {frame.total_layers}, "
                f"{frame.received_bytes} bytes{measured}"
            )
        return self._decibels is not None and value is not None and value >= self._decibels


async def _run(url: str, options: ReceiveOptions, watcher: _Watcher) -> None:
    """Receive until it is enough, or until Ctrl-C."""
    import asyncio
    import signal
    from contextlib import aclosing

    from inrcodec.streaming import receive as frames

    async def through() -> None:
        async with aclosing(frames(url, options)) as stream:
            async for frame in stream:
                if watcher.take(frame):
                    return

    task = asyncio.create_task(through())
    try:
        with calling(task.cancel, signal.SIGINT):
            await task
    except asyncio.CancelledError:
        if watcher.best is None:
            raise KeyboardInterrupt from None
        console.note("stopped; this is what had arrived")


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


def _is_ours(path: str) -> bool:
    """Whether a name is that of an .inr file."""
    from inrcodec.files import EXTENSIONS

    return Path(path).suffix.lower() in EXTENSIONS


def _check_name(path: str) -> None:
    """Raise `OptionError` for a name that is neither that of an image nor of an .inr file."""
    if path != "-" and not _is_ours(path):
        from inrcodec.images.writing import image_format

        image_format(path)


def _content(frame: ReceivedFrame, path: str) -> bytes:
    """Return what to write under this name."""
    from inrcodec.images.writing import image_bytes, image_format

    if _is_ours(path):
        if frame.data is None:
            raise OutputError(f"{path}: the file is not whole; write an image instead")
        return frame.data
    return image_bytes(frame.picture, "PNG" if path == "-" else image_format(path))
