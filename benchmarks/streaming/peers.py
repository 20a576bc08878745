"""Real aiortc peers on one machine: when the first image is there, and when nearly all of it.

    python -m benchmarks.streaming.peers

Kodak 5 as a file of `coolchic` of about 100 KB (effort 1), and a progressive JPEG of its size
whose scans are layers, over one reliable channel. A relay delays every datagram by half a round
trip of 60 ms. Packets are lost either of "media": the server drops them, handshakes and messages of
the receiver are safe; or of "all": the relay loses datagrams both ways after the handshake.
Times are from before the HTTP request to the decoded image; "first" is the base layer, "near" 95
% of the PSNR of the whole file. Rows go to results/streaming/peers.jsonl; a run skips what is
there.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import logging
import math
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import inrcodec
from benchmarks.common import stored_rows
from benchmarks.streaming.relay import Between
from inrcodec.images.reading import read_image
from inrcodec.metrics.references.baselines import encode_to_size
from inrcodec.pixels import Picture, Samples, psnr
from inrcodec.streaming.client.receive import ReceiveOptions, receive
from inrcodec.streaming.layers import slice_side, stream_of
from inrcodec.streaming.protocol.stream import Stream
from inrcodec.streaming.server.app import Server, ServerOptions
from inrcodec.streaming.simulated.link import NO_PACKET_LOSS, PacketLoss

RESULTS = Path(__file__).parents[1] / "results/streaming/peers.jsonl"
TABLE = RESULTS.with_suffix(".md")

SIZE_BYTES, RTT_S, SEEDS = 100_000, 0.06, 10
LOSSES = ("none", "bernoulli:5%", "bernoulli:10%", "bernoulli:20%", "ge:10%:4")
MODES = (
    ("fec", "media"),
    ("nack", "media"),
    ("fec", "all"),
    ("nack", "all"),
    ("reliable", "all"),
    ("jpeg", "all"),
)
SPARE = 40
"""Datagrams of a handshake, never lost."""


class Shelf:
    """A library of streams that are already made."""

    def __init__(self, streams: dict[str, Stream]) -> None:
        self._streams = streams

    def names(self) -> list[str]:
        """Return the names, sorted."""
        return sorted(self._streams)

    def stream(self, name: str) -> Stream:
        """Return the stream of a name."""
        return self._streams[name]


def scans(data: bytes) -> list[int]:
    """Return the offsets of the scans of a progressive JPEG, 0 first."""
    starts = [i for i in range(len(data) - 1) if data[i : i + 2] == b"\xff\xda"]
    return [0, *starts[1:]]


def jpeg(runs: list[bytes]) -> tuple[Picture, str]:
    """Decode the beginning of a JPEG."""
    image = Image.open(io.BytesIO(runs[0] + b"\xff\xd9"))
    return Picture(np.asarray(image.convert("RGB"))), ""


@asynccontextmanager
async def path_to(shelf: Shelf, loss: PacketLoss, seed: int, rtt_s: float, media: bool) -> Any:
    """Serve behind a relay; the URL before the names of files."""
    dropped = loss if media else NO_PACKET_LOSS
    options = ServerOptions(port=0, simulated_packet_loss=dropped, seed=seed)
    server = Server(shelf, options)  # type: ignore[arg-type]
    await server.start()
    base = f"http://127.0.0.1:{server.port}"
    try:
        lost = NO_PACKET_LOSS if media else loss
        async with Between(base, lost, rtt_s, seed, SPARE) as (_, front):
            yield f"{front}/files"
    finally:
        await server.close()


async def session(
    shelf: Shelf, original: Samples, way: tuple[str, str], text: str, seed: int, rtt_s: float
) -> dict[str, Any]:
    """Receive once."""
    mode, where = way
    loss = PacketLoss.of(text)
    options = ReceiveOptions(
        mode="reliable" if mode == "jpeg" else mode,
        expected_packet_loss=loss.mean,
        transport="webrtc",
        connect_s=30,
        silence_s=30,
    )
    name, decode = ("photo.jpg", jpeg) if mode == "jpeg" else ("photo.inr", None)
    begun, frames = time.monotonic(), []
    async with path_to(shelf, loss, seed, rtt_s, where == "media") as base:
        begun = time.monotonic()
        async for frame in receive(f"{base}/{name}", options, decode):
            shown = time.monotonic() - begun
            value = psnr(original, frame.picture.pixels)
            frames.append((frame.elapsed_s, shown, frame.layers, frame.received_bytes, value))
    return {
        "mode": mode,
        "lost": where,
        "loss": text,
        "seed": seed,
        "rtt_s": rtt_s,
        "frames": frames,
        "inrcodec": inrcodec.__version__,
    }


def near(row: dict[str, Any]) -> float:
    """Return the seconds to 95 % of the PSNR at the end."""
    last = row["frames"][-1][4]
    return float(next(f[0] for f in row["frames"] if f[4] >= 0.95 * min(last, 99)))


def table(rows: list[dict[str, Any]]) -> Iterator[str]:
    """Write the median and the worst over seeds."""
    yield f"{SIZE_BYTES} bytes, {SEEDS} seeds; seconds, median / worst:\n"
    last = {r["mode"]: r["frames"][-1][4] for r in rows}
    yield f"PSNR of the whole file: {last['nack']:.2f} dB, JPEG {last['jpeg']:.2f} dB.\n"
    yield "| loss | of | mode | first bytes | first shown | near | whole |"
    yield "|---|---|---|---|---|---|---|"
    kinds = dict.fromkeys((r["rtt_s"], r["loss"], r["lost"], r["mode"]) for r in rows)
    for kind in kinds:
        those = [r for r in rows if (r["rtt_s"], r["loss"], r["lost"], r["mode"]) == kind]
        columns = [
            [r["frames"][0][0] for r in those],
            [r["frames"][0][1] for r in those],
            [near(r) for r in those],
            [r["frames"][-1][0] for r in those],
        ]
        shown = " | ".join(f"{statistics.median(c):.3f} / {max(c):.3f}" for c in columns)
        rtt, loss, lost, mode = kind
        path = "" if rtt else ", no delay"
        yield f"| {loss}{path} | {lost} | {mode} | {shown} |"


def main() -> None:
    """Run what is missing, then write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--data", type=Path, default=Path("../shared/data/kodak"))
    arguments = parser.parse_args()
    for name in ("aioice", "aiortc"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    path = arguments.data / "kodim05.png"
    original = read_image(path).pixels
    kept = Path(tempfile.gettempdir()) / "inrcodec-streaming-peers-05.inr"
    if not kept.exists():
        kept.write_bytes(inrcodec.encode(path, target_size=SIZE_BYTES, effort=1, threads=1))
    data = kept.read_bytes()
    coded = encode_to_size("jpeg", original, SIZE_BYTES).data
    shelf = Shelf(
        {
            "photo.inr": stream_of(data, slices=slice_side(data)),
            "photo.jpg": Stream(coded, scans(coded), []),
        }
    )
    rows = stored_rows(RESULTS)
    done = {(r["rtt_s"], r["loss"], r["lost"], r["mode"], r["seed"]) for r in rows}
    jobs = [(0.0, "none", ("nack", "media"), s) for s in range(SEEDS)]
    jobs += [(RTT_S, loss, way, s) for loss in LOSSES for way in MODES for s in range(SEEDS)]
    with RESULTS.open("a") as file:
        for rtt_s, text, way, seed in jobs:
            if (rtt_s, text, way[1], way[0], seed) in done or (
                text == "none" and way[1] == "all" and way[0] in ("fec", "nack")
            ):
                continue
            row = asyncio.run(session(shelf, original, way, text, seed, rtt_s))
            if not row["frames"] or math.isnan(row["frames"][-1][4]):
                raise SystemExit(f"nothing arrived: {way}, {text}, seed {seed}")
            rows.append(row)
            file.write(json.dumps(row) + "\n")
            file.flush()
            print(rtt_s, text, *way, seed, [round(row["frames"][i][0], 3) for i in (0, -1)])
    TABLE.write_text("\n".join(table(rows)) + "\n")
    print(TABLE.read_text())


if __name__ == "__main__":
    main()
