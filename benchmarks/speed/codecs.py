"""Seconds and memory of each codec on one photograph: encode, decode, and a process of its own.

    python -m benchmarks.speed.codecs --beside "nothing else"

Every codec encodes and decodes in a fresh process, whose peak memory is that of both and of Python
with what the codec needs. The reference codecs have one thread, as in `benchmarks.rate.coolchic`;
latent grids have two. They take turns in `--rounds` rounds, and the fastest counts. Files are the
largest of at most `--bpp` bits a pixel; the PSNR says what they are worth. Writes
results/speed/codecs.md. (Linux: elsewhere the system counts memory in other units.)
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import parser_of
from inrcodec.pixels import decibels

TABLE = Path(__file__).parents[1] / "results/speed/codecs.md"
REFERENCES = ("jpeg-444", "webp", "avif", "avif-iq", "jpegxl")
EFFORTS = (0, 1, 3, 5)
THREADS = 2


def once(codec: str, photograph: Path, bpp: float) -> dict[str, float]:
    """Encode and decode in this process: seconds of both, bits a pixel, PSNR in dB, and the peak
    memory of the process in MB."""
    from PIL import AvifImagePlugin, Image

    import inrcodec

    AvifImagePlugin.DEFAULT_MAX_THREADS = 1
    image = np.asarray(Image.open(photograph).convert("RGB"))
    if codec in REFERENCES:
        from inrcodec.metrics.references.baselines import encode_around_size

        coded = encode_around_size(codec, image, round(bpp * image[..., 0].size / 8))[0]
        took, decoded, size = (coded.encode_s, coded.decode_s), coded.pixels, coded.size_bytes
    else:
        started = time.perf_counter()
        data = inrcodec.encode(image, bpp=bpp, effort=int(codec.split()[-1]), threads=THREADS)
        between = time.perf_counter()
        decoded, size = inrcodec.decode(data, threads=THREADS), len(data)
        took = between - started, time.perf_counter() - between
    error = np.square((decoded.astype(np.float64) - image) / 255).mean()
    bits = 8 * size / image[..., 0].size
    found = {"encode": took[0], "decode": took[1], "bpp": bits, "psnr": decibels(float(error))}
    return found | {"memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def in_a_process(codec: str, photograph: Path, bpp: float) -> dict[str, float]:
    """The same in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.speed.codecs", "--once", codec]
    command += ["--photograph", str(photograph), "--bpp", str(bpp)]
    told = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
    result: dict[str, float] = json.loads(told)
    return result


def main() -> None:
    """Measure all, and write the table."""
    parser = parser_of(__doc__)
    photograph = Path("../shared/data/kodak/kodim05.png")
    parser.add_argument("--photograph", type=Path, default=photograph)
    parser.add_argument("--bpp", type=float, default=0.5)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--beside", default="not said", help="What else ran on the machine.")
    parser.add_argument("--once", help="A codec; used by this script itself.")
    arguments = parser.parse_args()
    given = arguments.photograph, arguments.bpp
    if arguments.once:
        print(json.dumps(once(arguments.once, *given)))
        return
    names = [*REFERENCES, *(f"inrcodec -e {effort}" for effort in EFFORTS)]
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    for _ in range(arguments.rounds):
        for name in names:
            runs[name].append(in_a_process(name, *given))
            print(name, runs[name][-1], flush=True)
    TABLE.write_text(table(runs, arguments.photograph.stem, arguments.beside))
    print(TABLE.read_text())


def table(runs: dict[str, list[dict[str, float]]], photograph: str, beside: str) -> str:
    """The fastest of each codec's runs, and its least memory."""
    lines = [
        f"`{photograph}`, {THREADS} threads for latent grids, one for others; beside: {beside}.",
        "",
        "| codec | bpp | PSNR (dB) | encode (s) | decode (s) | peak memory (MB) |",
        "|---|---|---|---|---|---|",
    ]
    for name, own in runs.items():
        least: dict[str, Any] = {key: min(run[key] for run in own) for key in own[0]}
        lines.append(
            f"| {name} | {least['bpp']:.3f} | {least['psnr']:.2f} | {least['encode']:.2f} | "
            f"{least['decode']:.3f} | {least['memory']:.0f} |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
