"""Which model is best for a picture of a size and a rate: what `--model auto` goes by.

    python -m benchmarks.rate.model_choice --processes 2

The middle 48 x 48 and 128 x 128 pixels of four Kodak photographs at four rates, effort 3: small
enough for both kinds of model to be the better one. Bytes are those of the file, PSNR that of its
decode. A model that can not make so small a file has no row of numbers there. Rows go to
results/rate/model_choice.jsonl as they are made; a run skips what is there.
"""

import os
import time
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch

import inrcodec
from benchmarks.common import parser_of, run_jobs, stored_rows, workers_of
from inrcodec.errors import InrCodecError
from inrcodec.images.reading import read_image
from inrcodec.pixels import middle, psnr

RESULTS = Path(__file__).parents[1] / "results/rate/model_choice.jsonl"
TABLE = RESULTS.with_suffix(".md")

PICTURES = ("kodim05", "kodim15", "kodim20", "kodim23")
SIDES = (48, 128)
RATES = (0.1, 0.3, 1.0, 3.0)
MODELS = ("coolchic", "pe-siren", "nif")
EFFORT = 3
Job = tuple[str, int, float, str]


def main() -> None:
    """Run what is missing, then write the table."""
    parser = parser_of(__doc__, "kodak")
    arguments = parser.parse_args()
    done = {key(row) for row in stored_rows(RESULTS)}
    jobs = [(p, s, r, m) for s in SIDES for r in RATES for p in PICTURES for m in MODELS]
    missing = [job for job in jobs if job not in done]
    work = partial(measure, data=arguments.data)
    for row in run_jobs(RESULTS, missing, work, **workers_of(arguments)):
        print(row["picture"], row["side"], row["bpp"], row["model"], row.get("psnr"), flush=True)
    TABLE.write_text(table(stored_rows(RESULTS)))
    print(TABLE.read_text())


def key(row: dict[str, Any]) -> Job:
    """The job that made a row."""
    return row["picture"], row["side"], row["bpp"], row["model"]


def measure(job: Job, data: Path) -> dict[str, Any]:
    """Encode and decode one crop."""
    picture, side, bpp, model = job
    torch.set_num_threads(1)
    pixels = middle(read_image(data / f"{picture}.png").pixels, side, side)
    row: dict[str, Any] = {"picture": picture, "side": side, "bpp": bpp, "model": model}
    row |= {"effort": EFFORT, "seed": 0, "threads": 1}
    row |= {"inrcodec": inrcodec.__version__, "torch": torch.__version__}
    begun = time.process_time()
    try:
        file = inrcodec.encode(pixels, model=model, bpp=bpp, effort=EFFORT, threads=1)
    except InrCodecError as error:
        return row | {"error": str(error)}
    cpu_s = time.process_time() - begun
    return row | {
        "size_bytes": len(file),
        "psnr": psnr(pixels, inrcodec.decode(file)),
        "cpu_s": cpu_s,
    }


def table(rows: Iterable[dict[str, Any]]) -> str:
    """Mean PSNR of the pictures by side, rate and model."""
    rows = list(rows)
    text = [
        f"Mean PSNR (dB) of the middles of {len(PICTURES)} Kodak photographs, effort {EFFORT}:",
        "",
        f"| side | bits per pixel | {' | '.join(MODELS)} |",
        "|---" * (len(MODELS) + 2) + "|",
    ]
    for side in SIDES:
        for rate in RATES:
            cells = []
            for model in MODELS:
                found = [
                    r["psnr"] for r in rows if key(r)[1:] == (side, rate, model) and "psnr" in r
                ]
                cells.append(f"{fmean(found):.2f}" if len(found) == len(PICTURES) else "-")
            text.append(f"| {side} | {rate:g} | {' | '.join(cells)} |")
    return "\n".join(text) + "\n"


if __name__ == "__main__":
    main()
