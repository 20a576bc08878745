"""What an effort costs and gains: one photograph of scikit-image, every effort up to a limit.

    python -m benchmarks.effort --most 7

Rows go to results/effort.jsonl and .md; a run skips what is there.
"""

import argparse
import json
import time
from pathlib import Path

import torch
from skimage import data

import inrcodec
from inrcodec.codec.runtime import DEFAULT_THREADS
from inrcodec.pixels import psnr

RESULTS = Path(__file__).parent / "results" / "effort.jsonl"
BPP = 0.3


def main() -> None:
    """Encode the astronaut (512 x 512) at each effort and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--most", type=int, default=7)
    most = parser.parse_args().most
    picture = data.astronaut()
    inrcodec.decode(inrcodec.encode(picture[:32, :32], effort=1, model="pe-siren"))  # warm up
    rows = [json.loads(line) for line in RESULTS.open()] if RESULTS.exists() else []
    for effort in range(1, most + 1):
        if any(row["effort"] == effort for row in rows):
            continue
        start = time.perf_counter()
        file = inrcodec.encode(picture, bpp=BPP, effort=effort, model="pe-siren")
        row = {
            "effort": effort,
            "encode_s": time.perf_counter() - start,
            "psnr_db": psnr(picture, inrcodec.decode(file)),
            "bits_per_pixel": len(file) * 8 / (512 * 512),
            "threads": DEFAULT_THREADS,
            "seed": 0,
            "inrcodec": inrcodec.__version__,
            "torch": torch.__version__,
        }
        rows.append(row)
        with RESULTS.open("a") as out:
            out.write(json.dumps(row) + "\n")
        print(effort, f"{row['encode_s']:.1f} s {row['psnr_db']:.2f} dB", flush=True)
    lines = ["| effort | encode (s) | PSNR (dB) | bpp |", "|---|---|---|---|"]
    lines += [
        f"| {r['effort']} | {r['encode_s']:.1f} | {r['psnr_db']:.2f} | {r['bits_per_pixel']:.3f} |"
        for r in rows
    ]
    RESULTS.with_suffix(".md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
