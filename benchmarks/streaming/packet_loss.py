"""PSNR against packet loss, without retransmission: what is lost stays lost.

    python -m benchmarks.streaming.packet_loss --processes 2

Eight Kodak photographs at 1 bit a pixel: `coolchic` (effort 1) cut into slices, with repair symbols
for the loss of the link and without; `spinr` and `pe-siren` (30 s), which have nothing to mend
them; a progressive JPEG, shown up to the first loss. Datagrams are lost by a seeded channel, seeds
0 to 4; a picture whose beginning is lost counts as mid-gray. Bytes are those sent, headers of
datagrams included, JPEG's without any. Files are kept in a temporary folder; rows go to
results/streaming/packet_loss.jsonl; a run skips what is there.
"""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from PIL import Image

import inrcodec
from benchmarks.common import parser_of, run_jobs, stored_rows, workers_of
from inrcodec.images.reading import read_image
from inrcodec.metrics.references.baselines import encode_to_bpp
from inrcodec.pixels import Samples, psnr
from inrcodec.streaming.decoding import decode_runs
from inrcodec.streaming.layers import slice_side, stream_of
from inrcodec.streaming.protocol.messages import Mode
from inrcodec.streaming.simulated.link import PacketLoss
from inrcodec.streaming.simulated.session import Conditions, simulate, simulate_bytes

RESULTS = Path(__file__).parents[1] / "results/streaming/packet_loss.jsonl"
TABLE = RESULTS.with_suffix(".md")
PLOT = Path(__file__).parents[2] / "docs" / "streaming-loss.png"

PICTURES = ("01", "05", "08", "12", "15", "19", "23", "24")
BITS_PER_PIXEL, SECONDS, SEEDS = 1.0, 30, 5
LOSSES = ("none", "bernoulli:1%", "bernoulli:5%", "bernoulli:10%", "bernoulli:20%", "bernoulli:30%")
LOSSES += ("ge:5%:4", "ge:10%:4", "ge:20%:4")
WAYS = ("coolchic, repaired", "coolchic", "spinr", "pe-siren", "jpeg")


def encoded(data: Path, picture: str, model: str) -> bytes:
    """Return the file of an image, which is encoded once."""
    kept = Path(tempfile.gettempdir()) / "inrcodec-streaming-loss" / f"{picture}-{model}"
    if not kept.exists():
        path, options = data / f"kodim{picture}.png", {"bpp": BITS_PER_PIXEL, "threads": 1}
        if model == "jpeg":
            made = encode_to_bpp("jpeg", read_image(path).pixels, BITS_PER_PIXEL).data
        elif model == "coolchic":
            made = inrcodec.encode(path, effort=1, **options)
        else:
            made = inrcodec.encode(path, model=model, time_limit=SECONDS, **options)
        kept.parent.mkdir(exist_ok=True)
        kept.write_bytes(made)
    return kept.read_bytes()


def shown(runs: tuple[bytes, ...], way: str, like: Samples) -> Samples:
    """Return the image of what arrived; mid-gray if there is none."""
    gray = np.full_like(like, 128)
    if not runs:
        return gray
    try:
        if way != "jpeg":
            return decode_runs(runs)[0].pixels
        image = Image.open(io.BytesIO(runs[0] + b"\xff\xd9"))
        return np.asarray(image.convert("RGB"))
    except (OSError, SyntaxError):
        return gray


def measure(job: tuple[str, str], data: Path) -> list[dict[str, Any]]:
    """Measure all packet losses and seeds for one image that is sent in one way."""
    picture, way = job
    torch.set_num_threads(1)
    original = read_image(data / f"kodim{picture}.png").pixels
    model = way.partition(",")[0]
    file = encoded(data, picture, model)
    stream = None if way == "jpeg" else stream_of(file, slices=slice_side(file))
    rows = []
    for text in LOSSES:
        for seed in range(1 if text == "none" else SEEDS):
            link = Conditions(PacketLoss.of(text), 0.06, None, seed)
            if stream is None:
                session = simulate_bytes(file, reliable=False, conditions=link)
            else:
                estimate = link.packet_loss.mean if way.endswith("repaired") else 0.0
                session = simulate(stream, Mode.ONCE, link, estimate)
            runs = session.frames[-1].runs if session.frames else ()
            value = psnr(original, shown(runs, way, original))
            rows.append({"picture": picture, "way": way, "loss": text, "seed": seed, "psnr": value})
            rows[-1] |= {"file_bytes": len(file), "sent_bytes": session.sent_bytes}
            rows[-1] |= {"inrcodec": inrcodec.__version__, "torch": torch.__version__}
    return rows


def table(rows: list[dict[str, Any]]) -> Iterator[str]:
    """Write the means over images and seeds."""
    ways = [way for way in WAYS if any(row["way"] == way for row in rows)]
    yield f"PSNR (dB) at {BITS_PER_PIXEL:g} bit a pixel, mean of {len(PICTURES)} photographs:\n"
    yield f"| loss | {' | '.join(ways)} |"
    yield "|---" * (len(ways) + 1) + "|"
    for text in LOSSES:
        cells = [mean(rows, way, text, "psnr") for way in ways]
        yield f"| {text} | {' | '.join(f'{cell:.2f}' for cell in cells)} |"
    sent = [mean(rows, way, "bernoulli:10%", "sent_bytes") for way in ways]
    yield f"| bytes sent at 10 % | {' | '.join(f'{cell:.0f}' for cell in sent)} |"


def mean(rows: list[dict[str, Any]], way: str, text: str, key: str) -> float:
    """Return a mean over images and seeds."""
    return fmean(row[key] for row in rows if row["way"] == way and row["loss"] == text)


def draw(rows: list[dict[str, Any]]) -> None:
    """Draw the packet losses without bursts."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4), layout="constrained")
    axes = figure.subplots()
    single = [text for text in LOSSES if not text.startswith("ge")]
    for way in WAYS:
        values = [mean(rows, way, text, "psnr") for text in single]
        shares = [100 * PacketLoss.of(text).mean for text in single]
        axes.plot(shares, values, marker="o", linestyle="--" if way == "jpeg" else "-", label=way)
    axes.set_xlabel("datagrams lost (%)")
    axes.set_ylabel("PSNR (dB), mean of 8 photographs")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=9)
    figure.savefig(PLOT, dpi=110)


def main() -> None:
    """Run what is missing, then write the table and the plot."""
    arguments = parser_of(__doc__, "kodak").parse_args()
    rows = stored_rows(RESULTS)
    done = {(row["picture"], row["way"]) for row in rows}
    jobs = [(p, w) for w in WAYS for p in PICTURES if (p, w) not in done]
    work = partial(measure, data=arguments.data)
    for row in run_jobs(RESULTS, jobs, work, **workers_of(arguments)):
        rows.append(row)
        print(*(row[key] for key in ("picture", "way", "loss", "seed")), flush=True)
    TABLE.write_text("\n".join(table(rows)) + "\n")
    print(TABLE.read_text())
    draw(rows)


if __name__ == "__main__":
    main()
