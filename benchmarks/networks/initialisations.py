"""Meta-learned initialisations beside random ones, by steps of a fit: what `--init meta` gains.

    python -m benchmarks.networks.initialisations --processes 2

Every initialisation that comes with the package, on Kodak 5 and 23 as wholes, in files of 4.8 bits
a parameter; seed 0, one thread. PSNR is of the whole image, before rounding to 8 bit. Rows go to
results/networks/initialisations.jsonl as they are made; a run skips what is there.
"""

import math
import os
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch

import inrcodec
from benchmarks.common import parser_of, run_jobs, stored_rows, workers_of
from inrcodec.codec.fitting.networks.batches import image_error
from inrcodec.codec.fitting.networks.fit import Budget, NetworkFit
from inrcodec.codec.networks.init_tables import Initialisation, phase_initialisation, shipped
from inrcodec.codec.networks.sizes import BITS_PER_PARAMETER
from inrcodec.images.reading import read_image
from inrcodec.pixels import Samples

RESULTS = Path(__file__).parents[1] / "results/networks/initialisations.jsonl"
TABLE = RESULTS.with_suffix(".md")

PICTURES, STEPS = ("kodim05", "kodim23"), (30, 60, 150, 300, 600, 1500)
RENAMED = {"start": "initialisation", "begin": "init"}
"""Keys of the rows that were made before they had their names of today."""

Job = tuple[str, str, str]


def main() -> None:
    """Run what is missing, then write the table."""
    parser = parser_of(__doc__, "kodak")
    arguments = parser.parse_args()
    done = {key(row) for row in stored_rows(RESULTS, RENAMED)}
    jobs = [
        (f"{init.identity:08x}", picture, way)
        for init in shipped()
        for picture in PICTURES
        for way in ("random", "trained")
    ]
    missing = [job for job in jobs if job not in done]
    work = partial(measure, data=arguments.data)
    for row in run_jobs(RESULTS, missing, work, **workers_of(arguments)):
        print(*key(row), [round(value, 2) for value in row["psnr"]], flush=True)
    TABLE.write_text(table(stored_rows(RESULTS, RENAMED)))
    print(TABLE.read_text())


def key(row: dict[str, Any]) -> Job:
    """The job that made a row."""
    return row["initialisation"], row["picture"], row["init"]


def measure(job: Job, data: Path) -> dict[str, Any]:
    """Fits of the network of one initialisation to one image."""
    identity, picture, way = job
    torch.set_num_threads(1)
    init = next(i for i in shipped() if f"{i.identity:08x}" == identity)
    pixels = read_image(data / f"{picture}.png").pixels
    trained = init if way == "trained" else None
    return {
        "initialisation": identity,
        "picture": picture,
        "init": way,
        "model": init.family.label,
        "parameters": len(init.numbers),
        "target_bytes": target_bytes(init),
        "steps": STEPS,
        "psnr": [decibels(pixels, init, trained, steps) for steps in STEPS],
        "inrcodec": inrcodec.__version__,
        "torch": torch.__version__,
    }


def target_bytes(init: Initialisation) -> int:
    """The size of the parameters in the files compared."""
    return round(len(init.numbers) * BITS_PER_PARAMETER / 8)


def decibels(
    pixels: Samples, init: Initialisation, trained: Initialisation | None, steps: int
) -> float:
    """PSNR of the file of a fit of the initialisation's network."""
    model = init.model_for(pixels.shape[1], pixels.shape[0])
    budget, phases = Budget(steps, target_bytes(init)), phase_initialisation(model)
    fitting = NetworkFit(pixels, model, budget, residual_to=phases, init=trained)
    for _ in fitting:
        pass
    values = fitting.best().values()
    parameters = {name: torch.from_numpy(value) for name, value in values.items()}
    return -10 * math.log10(image_error(model, parameters, pixels))


def table(rows: Iterable[dict[str, Any]]) -> str:
    """A line for each network, image and initialisation."""
    text = [
        f"| network, bytes | image | initialisation | {' | '.join(map(str, STEPS))} |",
        "|---" * (len(STEPS) + 3) + "|",
    ]
    for row in sorted(rows, key=lambda r: (r["model"], r["parameters"], r["picture"], r["init"])):
        network = f"{row['model']}, {row['parameters']} parameters, {row['target_bytes']}"
        cells = " | ".join(f"{value:.2f}" for value in row["psnr"])
        text.append(f"| {network} | {row['picture']} | {row['init']} | {cells} |")
    return "\n".join(text) + "\n"


if __name__ == "__main__":
    main()
