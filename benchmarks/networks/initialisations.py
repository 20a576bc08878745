"""Trained starts beside random ones, by steps of a fit: what `--init meta` is worth.

    python -m benchmarks.networks.initialisations --processes 2

Every start that comes with the package, on Kodak 5 and 23 as wholes, in files of 4.8 bits a
parameter; seed 0, one thread. PSNR is of the whole picture, before rounding to 8 bit. Rows go to
results/networks/initialisations.jsonl as they are made; a run skips what is there.
"""

import argparse
import json
import math
import os
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch

import inrcodec
from inrcodec.codec.fitting.networks.batches import image_error
from inrcodec.codec.fitting.networks.fit import Budget, NetworkFit
from inrcodec.codec.networks.init_tables import Initialisation, phase_initialisation, shipped
from inrcodec.codec.networks.sizes import BITS_PER_PARAMETER
from inrcodec.images.reading import read_image
from inrcodec.pixels import Samples

RESULTS = Path(__file__).parents[1] / "results/networks/initialisations.jsonl"
TABLE = RESULTS.with_suffix(".md")

PICTURES, STEPS = ("kodim05", "kodim23"), (30, 60, 150, 300, 600, 1500)
Job = tuple[str, str, str]


def main() -> None:
    """Run what is missing, then write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data/kodak"))
    parser.add_argument("--processes", type=int, default=1)
    arguments = parser.parse_args()
    done = {key(row) for row in read()}
    jobs = [
        (f"{start.identity:08x}", picture, begin)
        for start in shipped()
        for picture in PICTURES
        for begin in ("random", "trained")
    ]
    pool = ProcessPoolExecutor(arguments.processes, mp_context=get_context("spawn"))
    with pool, RESULTS.open("a") as file:
        waiting = [pool.submit(measure, job, arguments.data) for job in jobs if job not in done]
        for future in as_completed(waiting):
            row = future.result()
            file.write(json.dumps(row) + "\n")
            file.flush()
            print(*key(row), [round(value, 2) for value in row["psnr"]], flush=True)
    TABLE.write_text(table(read()))
    print(TABLE.read_text())


def key(row: dict[str, Any]) -> Job:
    """The job that made a row."""
    return row["start"], row["picture"], row["begin"]


def read() -> list[dict[str, Any]]:
    """The rows that are there."""
    if not RESULTS.exists():
        return []
    return [json.loads(line) for line in RESULTS.read_text().splitlines()]


def measure(job: Job, data: Path) -> dict[str, Any]:
    """Fits of the network of one start to one picture."""
    identity, picture, begin = job
    torch.set_num_threads(1)
    start = next(s for s in shipped() if f"{s.identity:08x}" == identity)
    pixels = read_image(data / f"{picture}.png").pixels
    trained = start if begin == "trained" else None
    return {
        "start": identity,
        "picture": picture,
        "begin": begin,
        "model": start.family.label,
        "parameters": len(start.numbers),
        "target_bytes": target_bytes(start),
        "steps": STEPS,
        "psnr": [decibels(pixels, start, trained, steps) for steps in STEPS],
        "inrcodec": inrcodec.__version__,
        "torch": torch.__version__,
    }


def target_bytes(start: Initialisation) -> int:
    """The size of the parameters in the files compared."""
    return round(len(start.numbers) * BITS_PER_PARAMETER / 8)


def decibels(
    pixels: Samples, start: Initialisation, trained: Initialisation | None, steps: int
) -> float:
    """PSNR of the file of a fit of the start's network."""
    model = start.model_for(pixels.shape[1], pixels.shape[0])
    budget, begin = Budget(steps, target_bytes(start)), phase_initialisation(model)
    fitting = NetworkFit(pixels, model, budget, residual_to=begin, init=trained)
    for _ in fitting:
        pass
    values = fitting.best().values()
    parameters = {name: torch.from_numpy(value) for name, value in values.items()}
    return -10 * math.log10(image_error(model, parameters, pixels))


def table(rows: Iterable[dict[str, Any]]) -> str:
    """A line for each network, picture and beginning."""
    text = [
        f"| network, bytes | picture | begins | {' | '.join(map(str, STEPS))} |",
        "|---" * (len(STEPS) + 3) + "|",
    ]
    for row in sorted(rows, key=lambda r: (r["model"], r["parameters"], r["picture"], r["begin"])):
        network = f"{row['model']}, {row['parameters']} parameters, {row['target_bytes']}"
        cells = " | ".join(f"{value:.2f}" for value in row["psnr"])
        text.append(f"| {network} | {row['picture']} | {row['begin']} | {cells} |")
    return "\n".join(text) + "\n"


if __name__ == "__main__":
    main()
