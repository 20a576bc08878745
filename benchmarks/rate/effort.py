"""What an effort costs and gains: one photograph of scikit-image at one lambda, every effort.

    python -m benchmarks.rate.effort --most 9

The lambda is the weight of the rate in  cost = squared error + lambda x bits per pixel, so two
files of one lambda compare by one number: to first order, bits at equal quality differ by the
difference of cost / lambda. Rows go to results/rate/effort.jsonl and .md; a run skips what is
there.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import torch
from skimage import data

import inrcodec
from benchmarks.common import stored_rows
from inrcodec.pixels import psnr

RESULTS = Path(__file__).parents[1] / "results/rate/effort.jsonl"
LAMBDA = 1e-3
THREADS = 1


def main() -> None:
    """Encode the astronaut (512 x 512) at each effort and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--most", type=int, default=7)
    most = parser.parse_args().most
    picture = data.astronaut()
    inrcodec.decode(inrcodec.encode(picture[:32, :32], effort=1))  # warm up
    rows = stored_rows(RESULTS)
    for effort in range(most + 1):
        if any(row["effort"] == effort for row in rows):
            continue
        start = time.perf_counter()
        file = inrcodec.encode(picture, lmbda=LAMBDA, effort=effort, threads=THREADS)
        row = {
            "effort": effort,
            "encode_s": time.perf_counter() - start,
            "psnr_db": psnr(picture, inrcodec.decode(file)),
            "bits_per_pixel": len(file) * 8 / (512 * 512),
            "lambda": LAMBDA,
            "threads": THREADS,
            "seed": 0,
            "inrcodec": inrcodec.__version__,
            "torch": torch.__version__,
        }
        rows.append(row)
        with RESULTS.open("a") as out:
            out.write(json.dumps(row) + "\n")
        print(effort, f"{row['encode_s']:.1f} s {row['psnr_db']:.2f} dB", flush=True)
    RESULTS.with_suffix(".md").write_text(table(rows))


def table(rows: list[dict[str, Any]]) -> str:
    """Time, quality, size, and bits saved over the effort below and over effort 1."""
    lines = [
        "| effort | encode (s) | s per megapixel | PSNR (dB) | bpp | bits vs effort 1 |",
        "|---|---|---|---|---|---|",
    ]
    base = next(row for row in rows if row["effort"] == 1)
    for row in sorted(rows, key=lambda row: int(row["effort"])):
        saved = (cost(row) - cost(base)) / LAMBDA / base["bits_per_pixel"]
        lines.append(
            f"| {row['effort']} | {row['encode_s']:.1f} | {row['encode_s'] / 0.262144:.0f} "
            f"| {row['psnr_db']:.2f} | {row['bits_per_pixel']:.3f} | {100 * saved:+.1f} % |"
        )
    return "\n".join(lines) + "\n"


def cost(row: dict[str, Any]) -> float:
    """Squared error (full range 1) + lambda x bits per pixel."""
    return float(10 ** (-row["psnr_db"] / 10) + LAMBDA * row["bits_per_pixel"])


if __name__ == "__main__":
    main()
