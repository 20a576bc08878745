"""Files of one size by `--tune psnr` and `--tune ssimulacra2`, beside AVIF, by three metrics.

    python -m benchmarks.rate.ssimulacra2

Photographs of scikit-image at 0.5 bits per pixel, effort 3. AVIF (4:4:4, speed 2) is tuned for PSNR
and as its users do (tune=iq); of its files just below and above the size, the values are
interpolated in the logarithm of the size. Rows go to results/rate/ssimulacra2.jsonl as they are
made; a run skips what is there.
"""

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from skimage import data

import inrcodec
from inrcodec.metrics.judge import compare
from inrcodec.metrics.references.baselines import encode_around_size
from inrcodec.pixels import Samples

RESULTS = Path(__file__).parents[1] / "results/rate/ssimulacra2.jsonl"
TABLE = RESULTS.with_suffix(".md")

IMAGES = ("chelsea", "coffee", "rocket", "astronaut")
BPP, EFFORT = 0.5, 3
TUNES = ("psnr", "perceptual", "ms-ssim", "ssimulacra2")
CODECS = ("avif", "avif-iq")
METRICS = ("psnr", "ssimulacra2", "butteraugli-3norm")

Row = dict[str, Any]


def main() -> None:
    """Run what is missing, then write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", nargs="+", choices=IMAGES, default=IMAGES)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    rows = [json.loads(line) for line in RESULTS.read_text().splitlines()] if there() else []
    done = {(row["image"], row["codec"]) for row in rows}
    for image in arguments.images:
        for row in measured(image, arguments.threads, done):
            rows.append(row)
            with RESULTS.open("a") as file:
                file.write(json.dumps(row) + "\n")
            print(image, row["codec"], row["size_bytes"], row["metrics"], flush=True)
    TABLE.write_text(table(rows))
    print(TABLE.read_text())


def there() -> bool:
    """Whether there are rows."""
    return RESULTS.is_file()


def measured(image: str, threads: int, done: set[tuple[str, str]]) -> Iterator[Row]:
    """The rows of an image that are missing."""
    pixels: Samples = getattr(data, image)()
    size_bytes = int(BPP * pixels.shape[0] * pixels.shape[1] / 8)
    for tune in TUNES:
        if (image, tune) in done:
            continue
        start = time.monotonic()
        options = {"tune": tune, "effort": EFFORT, "threads": threads, "seed": 0}
        file = inrcodec.encode(pixels, target_size=size_bytes, **options)
        taken = time.monotonic() - start
        yield row(image, tune, len(file), judged(pixels, inrcodec.decode(file)), taken, threads)
    for codec in CODECS:
        if (image, codec) in done:
            continue
        files = encode_around_size(codec, pixels, size_bytes)
        sizes = [np.log(file.size_bytes) for file in files]
        found = [judged(pixels, file.pixels) for file in files]
        values = {
            name: float(np.interp(np.log(size_bytes), sizes, [one[name] for one in found]))
            for name in METRICS
        }
        yield row(image, codec, size_bytes, values, None, 1)


def judged(pixels: Samples, decoded: Samples) -> dict[str, float]:
    """The metrics of one file."""
    return {name: float(value) for name, value in compare(pixels, decoded, METRICS).items()}


def row(
    image: str,
    codec: str,
    size_bytes: int,
    metrics: dict[str, float],
    encode_s: float | None,
    threads: int,
) -> Row:
    """One row of the results."""
    return {
        "image": image,
        "codec": codec,
        "size_bytes": size_bytes,
        "metrics": metrics,
        "encode_s": encode_s,
        "threads": threads,
        "settings": {"bpp": BPP, "effort": EFFORT},
        "inrcodec": inrcodec.__version__,
    }


def table(rows: list[Row]) -> str:
    """One line for each file."""
    lines = [
        f"Files of {BPP} bits per pixel, effort {EFFORT}; AVIF interpolated to that size.",
        "",
        "| image | file | PSNR (dB) | SSIMULACRA2 | Butteraugli (3-norm) |",
        "|---|---|---|---|---|",
    ]
    order = (*TUNES, *CODECS)
    for one in sorted(rows, key=lambda row: (row["image"], order.index(row["codec"]))):
        named = one["codec"] if one["codec"] in CODECS else f"`--tune {one['codec']}`"
        values = one["metrics"]
        lines.append(
            f"| {one['image']} | {named} | {values['psnr']:.2f} | {values['ssimulacra2']:.1f} "
            f"| {values['butteraugli-3norm']:.2f} |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
