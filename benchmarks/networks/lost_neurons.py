"""What is left of coordinate networks that lost neurons, and what makes some of them lose less.

    python -m benchmarks.networks.lost_neurons --data ../shared/data/set14

After Tables 2 and 3 and Figure 6 of "Streaming Neural Images" (Conde et al. 2024): 1, 5 and 10
neurons of all hidden ones give nothing (6 draws each), or Gaussian noise is added to all weights
(sigma in units of the papers, 3 draws). Networks of 66 to 70 thousand parameters (DINER: more than
the image has samples), 300 steps on 3072 pixels each where the paper takes 2000 on all, three
seeds and few pictures where it has ten and 14; float32, not quantised. Damaged images are
compared on every second row and column, undamaged ones on all.

SPINR as published and ours differ in several things at once. The ways take them one at a time:

- `siren` 5 x 128, `pe-siren` 5 x 123 with the positional encoding of `spinr`; each also with
  `--robust neurons` of 0.001 (", neurons"), `pe-siren` with 0.01 too (", more neurons");
- `spinr, clean` 5 x 122, an output matrix for each layer; `spinr` is that with `--robust neurons`
  of 0.001, `spinr, more neurons` with 0.01;
- `joint` 5 x 128, one output layer for all prefixes, all layers learn at once; `joint, encoded`
  5 x 123 is that with the encoding, so that beside `spinr, clean` only the output matrices differ;
- `paper`, five stages with a fifth of the steps each; `paper, long`, stages of 300 steps each;
- `siren`, `pe-siren` and `spinr, clean` also after 2000 steps on 6144 pixels each (", long fit");
- `siren, adam` and `pe-siren, adam` by Adam alone, at 0.001 in units of the papers;
- `fourier`, `mfn-gabor`, `wire`, `diner` as in `set14`; `fourier, large`, `siren, large` and
  `mfn-gabor, large` are those with a star in Table 1: width 256, half the layers.

A lost neuron of MFN is a row of a linear layer: its first filter has none, and is not lost. Rows
go to results/networks/lost_neurons.jsonl as they are made; a run skips what is there.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import torch

import inrcodec
from benchmarks.common import parser_of, run_jobs, stored_rows, workers_of
from benchmarks.networks import set14
from benchmarks.networks.hyper_parameters import by_adam
from benchmarks.networks.spinr import LAYERS, fitted
from benchmarks.networks.spinr import network as sine_network
from inrcodec.codec.entropy.quantized import Tensors
from inrcodec.codec.fitting.networks.schedule import SCHEDULE
from inrcodec.codec.networks import render
from inrcodec.codec.networks.base import CoordinateModel
from inrcodec.codec.networks.fourier import FourierNet
from inrcodec.codec.networks.mfn import Mfn
from inrcodec.codec.networks.positions import coordinates
from inrcodec.codec.networks.siren import Siren
from inrcodec.codec.networks.spinr import Spinr
from inrcodec.codec.view import view_of
from inrcodec.images.reading import read_image
from inrcodec.metrics.damage.operations import gaussian, lost_neurons
from inrcodec.pixels import Samples, psnr

RESULTS = Path(__file__).parents[1] / "results/networks/lost_neurons.jsonl"
TABLE = RESULTS.with_suffix(".md")

STEPS, LONG_STEPS, SHORT = 300, 2000, replace(SCHEDULE, batch_pixels=3072)
PICTURES, SEEDS = ("comic", "lenna", "ppt3"), (0, 1, 2)
LOST, DRAWS = (1, 5, 10), 6
ADAM_RATE = 1e-3
SIGMAS, NOISES = (1e-4, 1e-3, 1e-2), 3

SPINR_WAYS = (
    "pe-siren",
    "spinr, clean",
    "siren",
    "pe-siren, neurons",
    "spinr",
    "siren, neurons",
    "pe-siren, more neurons",
    "spinr, more neurons",
    "joint, encoded",
    "joint",
    "paper, long",
    "paper",
    "siren, adam",
    "pe-siren, adam",
)
OTHERS = ("fourier", "mfn-gabor", "diner", "wire")
LARGE = ("fourier, large", "siren, large", "mfn-gabor, large")
LONG = tuple(f"{way}, long fit" for way in ("siren", "pe-siren", "spinr, clean"))
WAYS = (*SPINR_WAYS, *LONG, *OTHERS, *LARGE)
FIELDS = ("psnr", *(f"lost_{n}" for n in LOST), *(f"noise_{s:g}" for s in SIGMAS))
Job = tuple[str, str, int]


def network(way: str, pixels: Samples) -> CoordinateModel | None:
    """The network of a way, if it is none of those of `spinr.fitted`."""
    height, width, channels = pixels.shape
    side = max(height, width)
    if way in OTHERS:
        return set14.network(way, pixels)
    if way.endswith(", adam"):
        return by_adam(sine_network(way, channels), ADAM_RATE)
    if way not in LARGE:
        return None
    made: dict[str, CoordinateModel] = {
        "fourier, large": FourierNet(256, 2, 128, channels, side),
        "siren, large": Siren(256, 3, 0, channels),
        "mfn-gabor, large": Mfn(256, 3, True, channels, side),
    }
    return made[way]


def measure(job: Job, data: Path) -> dict[str, Any]:
    """One fit, of a picture in a way with a seed, and what is left of it."""
    picture, way, seed = job
    torch.set_num_threads(1)
    pixels = read_image(data / f"{picture}.bmp").pixels
    steps, schedule = (LONG_STEPS, SCHEDULE) if way in LONG else (STEPS, SHORT)
    begun = time.process_time()
    model, values = fitted(way, pixels, seed, steps, schedule, network(way, pixels))
    cpu_s = time.process_time() - begun
    view = view_of(pixels.shape[1], pixels.shape[0], None, None, None)
    row = {"picture": picture, "way": way, "seed": seed, "parameters": model.parameter_count}
    row |= {"steps": steps, "batch_pixels": schedule.batch_pixels, "cpu_s": cpu_s}
    row["psnr"] = psnr(pixels, render.render(model, values, view, 8, 1, "cpu"))
    units = model.units
    for count in LOST:
        draws = (lost_neurons(values, units, count, r) for r in _randoms(DRAWS))
        row[f"lost_{count}"] = fmean(decibels(model, v, pixels) for v in draws)
    for sigma in SIGMAS:
        draws = (gaussian(values, units, sigma, r) for r in _randoms(NOISES))
        row[f"noise_{sigma:g}"] = fmean(decibels(model, v, pixels) for v in draws)
    if isinstance(model, Spinr):
        row["prefixes"] = [decibels(model.prefix(k), values, pixels) for k in range(1, LAYERS)]
    return row | {"inrcodec": inrcodec.__version__, "torch": torch.__version__}


@torch.no_grad()
def decibels(model: CoordinateModel, values: Tensors, pixels: Samples) -> float:
    """PSNR of every second row and column, in dB; samples rounded to 8 bit."""
    tensors = {name: torch.from_numpy(np.asarray(value)) for name, value in values.items()}
    ys, xs = (coordinates(size)[::2] for size in pixels.shape[:2])
    made = model.render(tensors, ys, xs).nan_to_num(0.0).clamp(-1, 1)
    samples = ((made + 1) * 127.5).round().to(torch.uint8).numpy()
    return psnr(np.ascontiguousarray(pixels[::2, ::2]), samples)


def _randoms(count: int) -> Iterator[np.random.Generator]:
    """The random draws of one kind of damage."""
    return (np.random.default_rng(draw) for draw in range(count))


def whole_seeds(rows: list[dict[str, Any]], way: str) -> list[dict[str, Any]]:
    """The rows of a way, of seeds that have every picture that it was fitted to."""
    those = [row for row in rows if row["way"] == way]
    pictures = {row["picture"] for row in those}
    counts = Counter(row["seed"] for row in those)
    return [row for row in those if counts[row["seed"]] == len(pictures)]


def table(rows: list[dict[str, Any]]) -> Iterator[str]:
    """A line for each way of which whole seeds are there."""
    yield (
        f"Set14, {STEPS} steps of {SHORT.batch_pixels} pixels, long fits {LONG_STEPS} of "
        f"{SCHEDULE.batch_pixels}; mean PSNR in dB:\n"
    )
    yield (
        "| | parameters | pictures, seeds | whole | 1 / 5 / 10 neurons lost "
        f"| noise of {', '.join(f'{s:g}' for s in SIGMAS)} | 1, 2, 3, 4 layers | s |"
    )
    yield "|---|---|---|---|---|---|---|---|"
    for way in WAYS:
        those = whole_seeds(rows, way)
        if not those:
            continue
        pictures, seeds = ({row[k] for row in those} for k in ("picture", "seed"))
        whole, *lost = (fmean(r[f] for r in those) for f in FIELDS)
        shown = [f"{value:.2f}" for value in lost]
        seconds, parameters = (fmean(r[k] for r in those) for k in ("cpu_s", "parameters"))
        prefixes = [fmean(p) for p in zip(*(r.get("prefixes", ()) for r in those), strict=True)]
        yield (
            f"| {way} | {parameters:.0f} | {', '.join(sorted(pictures))}; {len(seeds)} "
            f"| {whole:.2f} | {' / '.join(shown[: len(LOST)])} | {', '.join(shown[len(LOST) :])} "
            f"| {', '.join(f'{p:.2f}' for p in prefixes)} | {seconds:.0f} |"
        )


def main() -> None:
    """Run what is missing, then write the table."""
    parser = parser_of(__doc__, "set14")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS)
    parser.add_argument("--pictures", nargs="+", default=PICTURES)
    parser.add_argument("--seeds", nargs="+", type=int, default=SEEDS)
    arguments = parser.parse_args()
    rows = stored_rows(RESULTS)
    done = {(row["picture"], row["way"], row["seed"]) for row in rows}
    every = [(p, w, s) for s in arguments.seeds for p in arguments.pictures for w in arguments.ways]
    missing = [job for job in every if job not in done]
    work = partial(measure, data=arguments.data)
    for row in run_jobs(RESULTS, missing, work, **workers_of(arguments)):
        rows.append(row)
        print(*(row[k] for k in ("picture", "way", "seed")), end=" ")
        print(*(f"{row[k]:.2f}" for k in FIELDS), f"{row['cpu_s']:.0f} s", flush=True)
    TABLE.write_text("\n".join(table(rows)) + "\n")
    print(TABLE.read_text())


if __name__ == "__main__":
    main()
