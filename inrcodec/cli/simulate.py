"""`inrcodec simulate`: a file over a simulated link, beside a progressive JPEG over the same."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from inrcodec.cli import console
from inrcodec.cli.parameters import MaxPixels, MaxWork
from inrcodec.cli.progress import follow_names
from inrcodec.cli.serve import side_of
from inrcodec.errors import InrCodecError, OptionError

if TYPE_CHECKING:
    from inrcodec.pixels import Picture, Samples
    from inrcodec.streaming import Comparison, Conditions, Jpeg, Stream, Trial

    Decode = Callable[[Sequence[bytes]], tuple[Picture, str]]


def simulate(
    file: Annotated[str, typer.Argument(help="A .inr file.", metavar="FILE")],
    reference: Annotated[
        str | None,
        typer.Option("-r", "--reference", help="The original image (default: the decoded file)."),
    ] = None,
    packet_loss: Annotated[
        str, typer.Option(help="none, bernoulli:10%, ge:10%:4 (mean, burst) or trace:FILE.")
    ] = "ge:10%:4",
    rtt: Annotated[float, typer.Option(help="Round-trip time in milliseconds.")] = 60.0,
    rate: Annotated[str, typer.Option(help="Bits per second: 1M, 500k; none for no limit.")] = "1M",
    modes: Annotated[
        str,
        typer.Option(help="Modes to compare, with commas between them: see below."),
    ] = "fec,nack,reliable,once,jpeg,jpeg-once",
    slices: Annotated[
        str, typer.Option(help="Side of the slices that grids are cut into: auto, none, 96.")
    ] = "auto",
    seeds: Annotated[
        int, typer.Option(help="Number of runs of each mode, with seeds 0, 1, ...")
    ] = 1,
    max_pixels: MaxPixels = None,
    max_work: MaxWork = None,
    plot: Annotated[
        str | None, typer.Option(help="Draw PSNR over time and bytes: a .png, .svg or .pdf.")
    ] = None,
    force: Annotated[bool, typer.Option("-f", "--force", help="Replace an existing plot.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Report as JSON on stdout.")] = False,
) -> None:
    """Stream a file over a simulated link: PSNR against time and bytes.

    fec: repair symbols are sent ahead; the receiver asks again for what they do not mend

    nack: the receiver asks again for lost packets

    reliable: an ideal transport sends lost packets again, and delivers in order

    once: repair symbols and nothing else; what is lost is concealed

    jpeg: the progressive JPEG nearest in size over a reliable transport

    jpeg-once: the same JPEG up to the first lost packet

    Examples:

      inrcodec simulate photo.inr --packet-loss ge:10%:4 --rtt 60 --rate 1M

      inrcodec simulate photo.inr -r photo.png --packet-loss bernoulli:20% --plot loss.png

      inrcodec simulate photo.inr --modes once,jpeg-once --seeds 10 --json
    """
    from inrcodec.streaming import PacketLoss, bytes_per_s, require
    from inrcodec.streaming.simulated.comparison import JPEG_MODES, STREAM_MODES

    known = (*STREAM_MODES, *JPEG_MODES)
    chosen = console.words(modes) or ()
    for mode in chosen:
        if mode not in known:
            raise OptionError(f"unknown mode {mode!r}; known: {', '.join(known)}")
    if not 0 <= rtt <= 60000:
        raise OptionError(f"a round trip is 0 .. 60000 ms, got {rtt}")
    if not 1 <= seeds <= 1000:
        raise OptionError(f"seeds must be 1 .. 1000, got {seeds}")
    parsed, speed = PacketLoss.of(packet_loss), None if rate == "none" else bytes_per_s(rate)
    require()
    if plot is not None:
        from inrcodec.metrics.damage.plot import check_plot

        check_plot(plot)
        console.outputs_for([file], plot, "", force, as_json=False)
    from inrcodec.streaming import Conditions, decode_runs

    links = [Conditions(parsed, rtt / 1000, speed, seed) for seed in range(seeds)]
    decode = partial(decode_runs, max_pixels=max_pixels, max_work=max_work)
    wanted = bool({*chosen} & {*JPEG_MODES})
    comparison, about = _prepared(file, reference, slices, decode, jpeg=wanted)
    rows = _run(comparison, chosen, links)
    report = {"file": file, **about, "packet_loss": packet_loss, "rtt_ms": rtt, "rate": rate}
    if as_json:
        console.print_json(report | {"runs": rows})
    else:
        console.show(console.table(_table(rows), "<>>>>>>"))
        if "jpeg_bytes" in about:
            more = about["jpeg_bytes"] / about["size_bytes"] - 1
            console.note(
                f"the file has {about['size_bytes']} bytes, the JPEG nearest in size "
                f"{about['jpeg_bytes']} ({more:+.1%})"
            )
    if plot is not None:
        from inrcodec.cli.stream_plot import draw

        title = f"{file}: packet loss {packet_loss}, round trip {rtt:g} ms, {rate} bits per second"
        console.write_output(plot, draw(rows, title, plot), force=force)
        console.note(f"{plot}: written")


def _prepared(
    file: str, reference: str | None, slices: str, decode: Decode, *, jpeg: bool
) -> tuple[Comparison, dict[str, Any]]:
    """What is sent, and facts about it for the report."""
    from inrcodec.streaming import Comparison, slice_side, stream_of
    from inrcodec.streaming.decoding import Psnr

    data = console.read_input(file)
    try:
        side = slice_side(data) if slices == "auto" else side_of(slices)
        stream: Stream = stream_of(data, slices=side)
        pixels: Samples = decode([data])[0].pixels
    except InrCodecError as error:
        error.about(file)
        raise
    original = pixels
    if reference is not None:
        from inrcodec.images.reading import read_image

        original = read_image(reference).pixels
        if original.shape != pixels.shape:
            raise OptionError(f"{reference} has another size than {file}")
    quality = Psnr(original, lambda runs: decode(runs)[0].pixels)
    beside = _jpeg(original, len(stream.data)) if jpeg else None
    about = {
        "size_bytes": len(stream.data),
        "slice_side": side,
        "whole_psnr_db": quality((stream.data,)),
    }
    if beside is not None:
        about["jpeg_bytes"] = len(beside.data)
    return Comparison(stream, quality, beside), about


def _jpeg(original: Samples, size_bytes: int) -> Jpeg:
    """The progressive JPEG that is nearest to this size: its quality has steps of some percent."""
    from inrcodec.metrics.references.baselines import encode_around_size
    from inrcodec.streaming import Jpeg
    from inrcodec.streaming.decoding import Psnr, decode_jpeg_prefix

    if original.dtype != "uint8" or original.shape[2] not in (1, 3):
        raise OptionError("JPEG holds 8-bit images without alpha; leave its modes out")
    quality = Psnr(original, lambda runs: decode_jpeg_prefix(runs[0]))
    files = [coded.data for coded in encode_around_size("jpeg", original, size_bytes)]
    return Jpeg(min(files, key=lambda data: abs(len(data) - size_bytes)), quality)


def _run(
    comparison: Comparison, modes: tuple[str, ...], links: list[Conditions]
) -> list[dict[str, Any]]:
    """Run every mode over every link, with progress on a terminal."""
    rows: list[dict[str, Any]] = []

    def steps() -> Iterator[str]:
        for mode in modes:
            for link in links:
                yield f"{mode}, seed {link.seed}"
                rows.append(_row(comparison.run(mode, link)))

    follow_names(steps(), len(modes) * len(links))
    return rows


def _row(trial: Trial) -> dict[str, Any]:
    """One trial for a program."""
    return {
        "mode": trial.mode,
        "seed": trial.seed,
        "complete": trial.session.complete,
        "sent_bytes": trial.session.sent_bytes,
        "lost": sum(trial.session.mask),
        "datagrams": len(trial.session.mask),
        "first_s": trial.first_s,
        "near_s": trial.near_s,
        "last_s": trial.last_s,
        "last_psnr_db": trial.last_psnr_db,
        "frames": [
            {
                "time_s": frame.elapsed_s,
                "received_bytes": frame.received_bytes,
                "layers": frame.layers,
                "psnr_db": value,
            }
            for frame, value in trial.frames
        ],
        "mask": "".join("01"[lost] for lost in trial.session.mask),
    }


def _table(rows: list[dict[str, Any]]) -> list[list[str]]:
    """The means over seeds, a line for each mode."""
    table = [["mode", "first image", "95 % of PSNR", "end", "PSNR", "worst", "bytes sent"]]
    for mode in dict.fromkeys(row["mode"] for row in rows):
        those = [row for row in rows if row["mode"] == mode]
        values = [row["last_psnr_db"] for row in those]
        times = (_mean([row[key] for row in those]) for key in ("first_s", "near_s", "last_s"))
        decibels = [f"{_mean(values):.2f} dB", f"{min(values):.2f} dB"]
        sent = f"{_mean([row['sent_bytes'] for row in those]):.0f}"
        table.append([mode, *(_time(value) for value in times), *decibels, sent])
    return table


def _mean(values: list[float]) -> float:
    """The mean; NaN if a value is."""
    return sum(values) / len(values)


def _time(seconds: float) -> str:
    """A time for a person; what never happened is NaN."""
    return "never" if math.isnan(seconds) else f"{seconds:.3f} s"
