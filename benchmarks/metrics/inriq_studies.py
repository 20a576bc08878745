"""Smaller studies of the INRIQ paper: Figure 1, undersampled MRI, distances between networks.

    python -m benchmarks.metrics.inriq_studies                  # all
    python -m benchmarks.metrics.inriq_studies --study mri

- figure-1: oversaturated and darkened versions of a photograph whose PSNR is equal and whose SSIM
  is as near as it can be, and the INRIQ of both.
- mri: a slice of a head (the one that comes with matplotlib), one in 2 and one in 8 of the columns
  of its spectrum kept; relative sensitivities of four metrics.
- weights: networks fitted to distorted images, from the reference's on or from the weights that it
  began with; L2 and cosine distance of parameters, CCA and linear CKA of activations, beside INRIQ.

A row for each photograph, slice or type goes to results/metrics/inriq_studies.jsonl; a run goes on
where that ends. The table of the last study is in results/metrics/inriq_studies.md.
"""

from __future__ import annotations

import gzip
import json
import os
import time
from collections.abc import Callable, Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from numpy.typing import NDArray

from benchmarks.common import parser_of, stored_rows
from inrcodec.metrics.correlation import srcc
from inrcodec.metrics.distortions.relative_sensitivity import UNORDERED, relative_sensitivity
from inrcodec.metrics.judge import Judge

if TYPE_CHECKING:
    from inrcodec.metrics.quality.inriq import Inriq

RESULTS = Path(__file__).parents[1] / "results/metrics/inriq_studies.jsonl"
Pixels = NDArray[np.uint8]

PICTURES = ("kodim07", "kodim15")
SIDE = 96
METRICS = ("psnr", "ssim", "lpips-squeeze", "inriq-paper")
FACTORS = (2, 8)

WEIGHT_PICTURES, WEIGHT_SIDE, WEIGHT_WIDTH = ("kodim07",), 64, 64
STEPS = {"reference": 200, "warm": 100, "same": 200}
"""Of the fits of the third study: "warm" goes on from the reference's network, "same" from the
random weights that it began with."""

DISTANCES = ("l2", "cosine", "cca", "cka")

TYPES = (
    "gaussian_blur", "color_diffusion", "jpeg2000", "jpeg", "white_noise", "darken", "jitter",
    "pixelate",
)  # fmt: skip


def figure_1(data: Path, name: str) -> dict:
    """Equal PSNR, equal SSIM as near as it can be, by saturation and by darkening."""
    from inrcodec.metrics.distortions import operations

    pixels = crop(data / f"{name}.png", SIDE)
    judge = Judge(pixels, ("psnr", "ssim"))
    pairs = []
    for amount in (0.05, 0.1, 0.15, 0.2, 0.3, 0.4):
        dark = _made(pixels, operations.darken, amount)
        aim = judge.score(dark)
        colourful = _with_psnr(pixels, judge, aim["psnr"])
        found = judge.score(colourful)
        if abs(found["psnr"] - aim["psnr"]) < 0.05:
            pairs.append((abs(found["ssim"] - aim["ssim"]), amount, dark, colourful))
    _, amount, dark, colourful = min(pairs, key=lambda each: each[0])
    scorer = Judge(pixels, (*METRICS, "inriq"))
    return {
        "darkened": scorer.score(dark),
        "saturated": scorer.score(colourful),
        "amount": amount,
        "notes": scorer.notes(),
    }


def crop(path: Path, side: int) -> Pixels:
    """The middle of a photograph."""
    from inrcodec.images.reading import read_image
    from inrcodec.pixels import middle

    return middle(read_image(path).pixels, side, side)


def _made(pixels: Pixels, operation: Callable[..., NDArray[np.float64]], amount: float) -> Pixels:
    """One distortion of any strength."""
    made = operation(pixels / 255, amount, np.random.default_rng(0))
    return np.clip(np.round(made * 255), 0, 255).astype(np.uint8)


def _with_psnr(pixels: Pixels, judge: Judge, psnr: float) -> Pixels:
    """The oversaturated version of this PSNR, by bisection."""
    from inrcodec.metrics.distortions import operations

    low, high = 1.0, 20.0
    for _ in range(20):
        factor = (low + high) / 2
        made = _made(pixels, operations.color_saturation_2, factor)
        low, high = (factor, high) if judge.score(made)["psnr"] > psnr else (low, factor)
    return made


def mri(_data: Path, _name: str) -> dict:
    """Relative sensitivities from one undersampling to the next."""
    from inrcodec.metrics.distortions.kadid import undersample

    pixels = head_slice()
    judge = Judge(pixels, METRICS)
    values = [judge.score(undersample(pixels, factor)) for factor in FACTORS]
    sensitivities = {
        metric: relative_sensitivity([v[metric] for v in values], FACTORS)[0][0]
        for metric in METRICS
    }
    return {"values": values, "sensitivities": sensitivities, "notes": judge.notes()}


def head_slice() -> Pixels:
    """The slice that matplotlib ships for its examples, (256, 256, 3), brightest value 255."""
    from matplotlib.cbook import get_sample_data

    with gzip.open(get_sample_data("s1045.ima.gz", asfileobj=False)) as file:
        raw = np.frombuffer(file.read(), np.uint16).astype(float).reshape(256, 256)
    gray = np.round(np.minimum(raw / np.quantile(raw, 0.999), 1) * 255).astype(np.uint8)
    return np.repeat(gray[:, :, None], 3, 2)


def weights(data: Path, name: str) -> dict:
    """Distances between the networks of a reference and of its versions, five levels of a type."""
    from benchmarks.metrics.network_distances import distances
    from inrcodec.metrics.distortions.kadid import LEVELS, distort
    from inrcodec.metrics.quality.inriq import Inriq

    picture, start, kind = name.split()
    path = data / f"{picture}.png"
    pixels, scorer = crop(path, WEIGHT_SIDE), _weights_scorer(path)
    found: dict[str, list[float]] = {metric: [] for metric in (*DISTANCES, "inriq-paper")}
    fits = []
    for level in LEVELS:
        version = distort(pixels, kind, level)
        if start == "warm":
            network = scorer.adapted(version, STEPS["warm"])
        else:
            options = {"width": WEIGHT_WIDTH, "steps": STEPS["same"], "target_psnr": 0}
            network = Inriq(version, variant="paper", **options).network
        fits.append(network.psnr)
        for metric, value in distances(scorer.network, network, WEIGHT_SIDE).items():
            found[metric].append(value)
        found["inriq-paper"].append(float(scorer(version)))
    return {"values": found, "fits": fits, "notes": scorer.notes}


@cache
def _weights_scorer(path: Path) -> Inriq:
    """The network of a reference, fitted once."""
    from inrcodec.metrics.quality.inriq import Inriq

    options = {"width": WEIGHT_WIDTH, "steps": STEPS["reference"], "target_psnr": 0}
    return Inriq(crop(path, WEIGHT_SIDE), variant="paper", **options)


STUDIES: dict[str, tuple[Callable[[Path, str], dict], tuple[str, ...]]] = {
    "figure-1": (figure_1, PICTURES),
    "mri": (mri, ("s1045",)),
    "weights": (
        weights,
        tuple(f"{p} {s} {t}" for s in ("warm", "same") for p in WEIGHT_PICTURES for t in TYPES),
    ),
}


def followed(rows: list[dict]) -> Iterator[tuple[str, str, float, float]]:
    """By start and distance: the mean rank correlation with the level, and the share of steps in
    the right direction."""
    for start in ("warm", "same"):
        those = [r for r in rows if r["study"] == "weights" and r["name"].split()[1] == start]
        those = [row for row in those if row["name"].split()[2] not in UNORDERED]
        if not those:
            continue
        for metric in (*DISTANCES, "inriq-paper"):
            values = [row["values"][metric] for row in those]
            ranks = [srcc(np.array(each), np.arange(5)) for each in values]
            rises = [b > a for each in values for a, b in pairwise(each)]
            yield start, metric, fmean(ranks), fmean(rises)


def write_table(rows: list[dict]) -> None:
    """The third study."""
    lines = [
        f"The middle {WEIGHT_SIDE} x {WEIGHT_SIDE} of {', '.join(WEIGHT_PICTURES)}; "
        f"{len(TYPES)} types of distortion at five levels.\n",
        "| start | distance | SRCC with the level | steps in the right direction |",
        "|---|---|---|---|",
    ]
    for start, metric, rank, share in followed(rows):
        lines.append(f"| {start} | {metric} | {rank:.3f} | {100 * share:.0f} % |")
    RESULTS.with_suffix(".md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


def main() -> None:
    """Measure what is missing, then write the table."""
    parser = parser_of(__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/kodak"))
    parser.add_argument("--study", choices=STUDIES)
    arguments = parser.parse_args()
    os.environ.setdefault("INRCODEC_WEIGHTS", str((arguments.data.parent / "weights").resolve()))
    import torch

    torch.set_num_threads(1)
    known = {(row["study"], row["name"]) for row in stored_rows(RESULTS)}
    for study in [arguments.study] if arguments.study else STUDIES:
        measure, names = STUDIES[study]
        for name in names:
            if (study, name) in known:
                continue
            started = time.process_time()
            row = {"study": study, "name": name, **measure(arguments.data, name), "seed": 0}
            row |= {"threads": 1, "torch": torch.__version__}
            row["seconds"] = time.process_time() - started
            with RESULTS.open("a") as file:
                file.write(json.dumps(row) + "\n")
            print(study, name, flush=True)
    write_table(stored_rows(RESULTS))


if __name__ == "__main__":
    main()
