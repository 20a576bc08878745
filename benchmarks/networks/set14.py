"""Coordinate networks of one size on Set14, beside Table 1 of "Streaming Neural Images".

    python -m benchmarks.networks.set14 --data ../shared/data/set14 --processes 2

Conde et al. (ICIP 2024) fit each of 14 pictures ten times for 2000 steps (or equal time) on all
pixels; here it is three seeds, 2000 steps on 6144 pixels each, about a fortieth of the work
(`NetworkFit`, float32 parameters, not quantised). PSNR and SSIM are of samples rounded to 8 bit;
the spread is over seeds, the mean of 14 standard deviations.

Rows go to results/networks/set14.jsonl as they are made; a run skips what is there.
"""

import os
import time
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from statistics import fmean, pstdev
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch

import inrcodec
from benchmarks.common import parser_of, run_jobs, stored_rows, workers_of
from inrcodec.codec.fitting.networks.fit import Budget, NetworkFit
from inrcodec.codec.networks import render
from inrcodec.codec.networks.base import CoordinateModel
from inrcodec.codec.networks.diner import Diner
from inrcodec.codec.networks.fourier import FourierNet
from inrcodec.codec.networks.init_tables import phase_initialisation
from inrcodec.codec.networks.mfn import Mfn
from inrcodec.codec.networks.nif import Nif
from inrcodec.codec.networks.siren import Siren
from inrcodec.codec.networks.wire import Wire
from inrcodec.codec.view import view_of
from inrcodec.images.reading import read_image
from inrcodec.metrics.quality.ssim import ssim
from inrcodec.pixels import Samples, psnr

RESULTS = Path(__file__).parents[1] / "results/networks/set14.jsonl"
TABLE = RESULTS.with_suffix(".md")

STEPS, SEEDS = 2000, (0, 1, 2)
PUBLISHED = {
    "fourier": "30.10 ± 0.42, 0.832",
    "siren": "30.95 ± 2.31, 0.855",
    "mfn-gabor": "32.95 ± 0.47, 0.895",
    "wire": "25.96 ± 3.83, 0.712",
    "diner": "27.34 ± 15.5, 0.751",
}
NETWORKS = (*PUBLISHED, "mfn-fourier", "pe-siren", "nif")
Job = tuple[str, str, int]


def network(name: str, pixels: Samples) -> CoordinateModel:
    """The network of a name for a picture: 66 to 70 thousand parameters, but DINER's table."""
    height, width, channels = pixels.shape
    made: dict[str, CoordinateModel] = {
        "fourier": FourierNet(128, 4, 64, channels, max(height, width)),
        "siren": Siren(128, 5, 0, channels),
        "mfn-gabor": Mfn(128, 5, True, channels, max(height, width)),
        "mfn-fourier": Mfn(128, 5, False, channels, max(height, width)),
        "wire": Wire(90, 5, channels),
        "diner": Diner(64, 2, width, height, channels),
        "pe-siren": Siren(120, 5, 16, channels),
        "nif": Nif((288, 110, 64, 36), (64, 16, 8), 16, 4, channels),
    }
    return made[name]


def main() -> None:
    """Run what is missing, then write the table."""
    parser = parser_of(__doc__, "set14")
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=NETWORKS)
    parser.add_argument("--seeds", nargs="+", type=int, choices=SEEDS, default=SEEDS)
    arguments = parser.parse_args()
    pictures = sorted(p.stem for p in arguments.data.glob("*.bmp"))
    done = {key(row) for row in stored_rows(RESULTS)}
    jobs = [(p, n, s) for s in arguments.seeds for n in arguments.networks for p in pictures]
    missing = [job for job in jobs if job not in done]
    work = partial(measure, data=arguments.data)
    for row in run_jobs(RESULTS, missing, work, **workers_of(arguments)):
        print(row["picture"], row["network"], row["seed"], f"{row['psnr']:.2f}", flush=True)
    TABLE.write_text(table(stored_rows(RESULTS)))
    print(TABLE.read_text())


def key(row: dict[str, Any]) -> Job:
    """The job that made a row."""
    return row["picture"], row["network"], row["seed"]


def measure(job: Job, data: Path) -> dict[str, Any]:
    """Fit one network."""
    picture, name, seed = job
    torch.set_num_threads(1)
    pixels = read_image(data / f"{picture}.bmp").pixels
    model = network(name, pixels)
    begun = time.process_time()
    fitting = NetworkFit(
        pixels, model, Budget(STEPS, None), seed=seed, residual_to=phase_initialisation(model)
    )
    for _ in fitting:
        pass
    cpu_s = time.process_time() - begun
    view = view_of(pixels.shape[1], pixels.shape[0], None, None, None)
    made = render.render(model, fitting.values(), view, 8, 1, "cpu")
    return {
        "picture": picture,
        "network": name,
        "seed": seed,
        "parameters": model.parameter_count,
        "psnr": psnr(pixels, made),
        "ssim": float(ssim(pixels, made)),
        "cpu_s": cpu_s,
        "steps": STEPS,
        "threads": 1,
        "inrcodec": inrcodec.__version__,
        "torch": torch.__version__,
    }


def table(rows: Iterable[dict[str, Any]]) -> str:
    """A line for each network of which whole seeds are there."""
    rows = list(rows)
    text = [
        "Set14, PSNR (dB) ± spread over seeds, SSIM:",
        "",
        "| network | parameters (mean) | seeds | here | published | least PSNR | s |",
        "|---|---|---|---|---|---|---|",
    ]
    pictures = {row["picture"] for row in rows}
    for name in NETWORKS:
        every = [row for row in rows if row["network"] == name]
        seeds = [s for s in SEEDS if {r["picture"] for r in every if r["seed"] == s} == pictures]
        those = [row for row in every if row["seed"] in seeds]
        if not those:
            continue
        spread = fmean(pstdev(r["psnr"] for r in those if r["picture"] == p) for p in pictures)
        mean, structure = (fmean(r[k] for r in those) for k in ("psnr", "ssim"))
        shown = f"{mean:.2f} ± {spread:.2f}" if len(seeds) > 1 else f"{mean:.2f}"
        text.append(
            f"| {name} | {fmean(r['parameters'] for r in those):.0f} | {len(seeds)} "
            f"| {shown}, {structure:.3f} | {PUBLISHED.get(name, '')} "
            f"| {min(r['psnr'] for r in those):.2f} | {fmean(r['cpu_s'] for r in those):.0f} |"
        )
    return "\n".join(text) + "\n"


if __name__ == "__main__":
    main()
