"""`inrcodec simulate`: a file over a bad link, beside progressive JPEG over the same."""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from inrcodec.cli import console
from inrcodec.cli.serve import side_of
from inrcodec.errors import InrCodecError, OptionError

if TYPE_CHECKING:
    from inrcodec.pixels import Samples
    from inrcodec.streaming.protocol.stream import Stream
    from inrcodec.streaming.simulated.session import Conditions, Frame, Transmission

MODES = ("fec", "nack", "reliable", "once")
JPEG = ("jpeg", "jpeg-once")


def simulate(
    file: Annotated[str, typer.Argument(help="A .inr file.", metavar="FILE")],
    reference: Annotated[
        str | None,
        typer.Option("-r", "--reference", help="The original (default: the decoded file)."),
    ] = None,
    loss: Annotated[
        str, typer.Option(help="none, bernoulli:10%, ge:10%:4 (mean, burst) or trace:FILE.")
    ] = "ge:10%:4",
    rtt: Annotated[float, typer.Option(help="Round trip in milliseconds.")] = 60.0,
    rate: Annotated[
        str, typer.Option(help="Bits a second: 1M, 500k; or none for no limit.")
    ] = "1M",
    modes: Annotated[
        str,
        typer.Option(help="Of fec, nack, reliable, once, jpeg (retransmitted) and jpeg-once."),
    ] = "fec,nack,reliable,once,jpeg,jpeg-once",
    slices: Annotated[
        str, typer.Option(help="Side of slices to cut grids into: auto, none, 96, ...")
    ] = "auto",
    seeds: Annotated[int, typer.Option(help="Runs of each mode; seeds 0, 1, ...")] = 1,
    plot: Annotated[
        str | None, typer.Option(help="Draw PSNR over time and bytes: a .png, .svg or .pdf.")
    ] = None,
    force: Annotated[bool, typer.Option("-f", "--force", help="Replace an existing plot.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Report as JSON on stdout.")] = False,
) -> None:
    """Stream a file over a simulated link: PSNR against time and bytes.

    fec: repair symbols, then what is still missing is asked for again

    nack: asked for again; reliable: sent again by an ideal transport, in order

    once: repair symbols and nothing else; what is lost is concealed

    jpeg: progressive JPEG of the same size, sent again in order

    jpeg-once: the same up to the first loss

    Examples:

      inrcodec simulate photo.inr --loss ge:10%:4 --rtt 60 --rate 1M

      inrcodec simulate photo.inr -r photo.png --loss bernoulli:20% --plot loss.png

      inrcodec simulate photo.inr --modes once,jpeg-once --seeds 10 --json
    """
    from inrcodec.streaming.simulated.link import Loss, bytes_per_s
    from inrcodec.streaming.transport import webrtc

    chosen = console.words(modes) or ()
    for mode in chosen:
        if mode not in (*MODES, *JPEG):
            raise OptionError(f"unknown mode {mode!r}; known: {', '.join((*MODES, *JPEG))}")
    if not 0 <= rtt <= 60000:
        raise OptionError(f"a round trip is 0 .. 60000 ms, got {rtt:g}")
    if not 1 <= seeds <= 1000:
        raise OptionError(f"seeds must be 1 .. 1000, got {seeds}")
    parsed, speed = Loss.of(loss), None if rate == "none" else bytes_per_s(rate)
    webrtc.require()
    if plot is not None:
        from inrcodec.metrics.damage_plot import check_plot

        check_plot(plot)
        console.outputs_for([file], plot, "", force, as_json=False)
    from inrcodec.streaming.simulated.session import Conditions

    links = [Conditions(parsed, rtt / 1000, speed, seed) for seed in range(seeds)]
    bench = Bench(file, reference, side_of(slices), jpeg=bool({*chosen} & {*JPEG}))
    rows: list[dict[str, Any]] = []

    def steps() -> Iterator[str]:
        for mode in chosen:
            for link in links:
                yield f"{mode}, seed {link.seed}"
                rows.append(bench.run(mode, link))

    console.follow(steps(), len(chosen) * len(links))
    report = {
        "file": file,
        "size_bytes": bench.size_bytes,
        "slice_side": bench.side,
        "whole_psnr_db": bench.whole,
        "loss": loss,
        "rtt_ms": rtt,
        "rate": rate,
        "runs": rows,
    }
    if as_json:
        console.print_json(report)
    else:
        console.show(console.table(_table(rows), "<>>>>>>"))
    if plot is not None:
        from inrcodec.cli.stream_plot import draw

        title = f"{file}: {loss}, round trip {rtt:g} ms, {rate} bits a second"
        console.write_output(plot, draw(rows, title, plot))
        console.note(f"{plot}: written")


class Bench:
    """One file, what it is measured by, and a JPEG of its size."""

    def __init__(self, file: str, reference: str | None, slices: int | None, *, jpeg: bool) -> None:
        from inrcodec.codec.decoder import decode_picture
        from inrcodec.pixels import psnr
        from inrcodec.streaming.layers import slice_side, stream_of

        data = console.read_input(file)
        try:
            self.side = slice_side(data) if slices == 0 else slices
            self.stream: Stream = stream_of(data, slices=self.side)
            picture = decode_picture(data)
        except InrCodecError as error:
            error.args = (f"{file}: {error}",)
            raise
        self._shown = picture.pixels
        self._original: Samples = picture.pixels
        if reference is not None:
            from inrcodec.image_input import read_image

            self._original = read_image(reference).pixels
            if self._original.shape != self._shown.shape:
                raise OptionError(f"{reference} has another size than {file}")
        self.whole = psnr(self._original, self._shown)
        self.size_bytes = len(self.stream.data)
        self._seen: dict[tuple[bytes, ...], float] = {}
        self._jpeg = self._jpeg_of_size() if jpeg else b""

    def run(self, mode: str, link: Conditions) -> dict[str, Any]:
        """One session; times in seconds, PSNR in dB."""
        from inrcodec.streaming.protocol.messages import Mode
        from inrcodec.streaming.simulated.session import simulate as stream
        from inrcodec.streaming.simulated.session import simulate_bytes

        if mode in JPEG:
            reliable = mode == "jpeg"
            session = simulate_bytes(self._jpeg, reliable=reliable, conditions=link)
            whole = self._jpeg_psnr((self._jpeg,))
            frames = [(frame, self._jpeg_psnr(frame.runs)) for frame in session.frames]
        else:
            session = stream(self.stream, Mode[mode.upper()], link)
            whole = self.whole
            frames = [(frame, self._psnr(frame.runs)) for frame in session.frames]
        return _facts(mode, link, session, frames, whole)

    def _psnr(self, runs: tuple[bytes, ...]) -> float:
        from inrcodec.codec.decoder import decode_picture
        from inrcodec.pixels import psnr

        if runs not in self._seen:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self._seen[runs] = psnr(self._original, decode_picture(runs).pixels)
        return self._seen[runs]

    def _jpeg_of_size(self) -> bytes:
        from inrcodec.metrics.baselines import encode_to_size

        if self._original.dtype != "uint8" or self._original.shape[2] not in (1, 3):
            raise OptionError("JPEG holds 8-bit pictures without alpha; leave its modes out")
        return encode_to_size("jpeg", self._original, self.size_bytes).data

    def _jpeg_psnr(self, runs: tuple[bytes, ...]) -> float:
        """Of the beginning of the JPEG, closed by an end marker; nothing to see counts as NaN."""
        import numpy as np
        from PIL import Image

        from inrcodec.pixels import psnr

        if runs not in self._seen:
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    image = Image.open(io.BytesIO(runs[0] + b"\xff\xd9"))
                    pixels = np.asarray(image).reshape(self._original.shape)
                self._seen[runs] = psnr(self._original, pixels)
            except (OSError, ValueError, SyntaxError):
                self._seen[runs] = math.nan
        return self._seen[runs]


def _facts(
    mode: str,
    link: Conditions,
    session: Transmission,
    frames: Sequence[tuple[Frame, float]],
    whole: float,
) -> dict[str, Any]:
    """One run for a program."""
    seen = [(frame, value) for frame, value in frames if not math.isnan(value)]
    last = seen[-1][1] if seen else math.nan
    near = 0.95 * min(whole, 60.0)
    return {
        "mode": mode,
        "seed": link.seed,
        "complete": session.complete,
        "sent_bytes": session.sent_bytes,
        "lost": sum(session.mask),
        "datagrams": len(session.mask),
        "first_s": seen[0][0].time_s if seen else math.nan,
        "near_s": next((frame.time_s for frame, value in seen if value >= near), math.nan),
        "last_s": seen[-1][0].time_s if seen else math.nan,
        "last_psnr_db": last,
        "frames": [
            {
                "time_s": frame.time_s,
                "received_bytes": frame.received_bytes,
                "layers": frame.layers,
                "psnr_db": value,
            }
            for frame, value in seen
        ],
        "mask": "".join("01"[lost] for lost in session.mask),
    }


def _table(rows: list[dict[str, Any]]) -> list[list[str]]:
    """Means over seeds, a line for each mode."""
    table = [["mode", "first picture", "95 % of PSNR", "end", "PSNR", "worst", "bytes sent"]]
    for mode in dict.fromkeys(row["mode"] for row in rows):
        those = [row for row in rows if row["mode"] == mode]
        values = [row["last_psnr_db"] for row in those]
        times = (_mean([row[key] for row in those]) for key in ("first_s", "near_s", "last_s"))
        decibels = [f"{_mean(values):.2f} dB", f"{min(values):.2f} dB"]
        sent = f"{_mean([row['sent_bytes'] for row in those]):.0f}"
        table.append([mode, *(_time(value) for value in times), *decibels, sent])
    return table


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


def _time(seconds: float) -> str:
    return "never" if math.isnan(seconds) else f"{seconds:.3f} s"
