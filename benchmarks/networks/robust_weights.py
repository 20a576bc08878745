"""Coordinate networks fitted to survive damage, and what is left of their images after it.

    python -m benchmarks.networks.robust_weights --processes 2

After Tables I and II of "Enhancing Robustness of Implicit Neural Representations Against Weight
Perturbations" (Zhou et al. 2025), which name neither network nor reading of sigma. Here: the middle
256 x 256 pixels of Kodak 1, 8, 12 and 24; a sine network of 5 x 128 neurons with 16 frequencies of
positional encoding; 1500 or 4000 steps on 2048 pixels each at the rates of
`fitting/networks/schedule.py`, float32, seed 0. Weights are float, not quantised. Damage: Gaussian
noise of sigma 0.001 in units of the papers' weights (w0 = 30 beside them) and relative to each
weight (0.001 and 0.01), and weights set to zero with p = 0.001; ten seeds of each; PSNR before
rounding, mean of decibels.

Rows go to results/networks/robust_weights.jsonl as they are made; a run skips what is there.
`--draw` draws Kodak 24 after damage instead; it needs matplotlib.
"""

import math
import os
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import fmean, pstdev
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch

import inrcodec
from benchmarks.common import parser_of, run_jobs, stored_rows, workers_of
from inrcodec.codec.fitting.networks.batches import image_error
from inrcodec.codec.fitting.networks.fit import Budget, NetworkFit
from inrcodec.codec.fitting.networks.schedule import SCHEDULE
from inrcodec.codec.fitting.robust import backward_of
from inrcodec.codec.fitting.robust_options import EXPANSION, Robust
from inrcodec.codec.networks import render
from inrcodec.codec.networks.siren import Siren
from inrcodec.codec.view import view_of
from inrcodec.images.reading import as_picture
from inrcodec.metrics.damage.operations import NETWORK_DAMAGE, Tensors
from inrcodec.pixels import middle

RESULTS = Path(__file__).parents[1] / "results/networks/robust_weights.jsonl"
TABLE = RESULTS.with_suffix(".md")

PICTURES = ("kodim01", "kodim08", "kodim24", "kodim12")
TABLE_ONE = PICTURES[:3]
SIDE, BATCH, SEEDS = 256, 2048, 10
MODEL = Siren(128, 5, 16, 3)

STRENGTHS: dict[str | None, tuple[float, ...]] = {
    None: (0.0,),
    "l1": (1e-7, 1e-6),
    "lipschitz": (1e-7, 1e-6),
    "noise": (3e-4, 1e-3),
    "gradient-norm": (3e-3, 1e-2),
    "jacobian": (3e-4, 5e-4, 1e-3),
}
LONG_STRENGTHS: dict[str | None, tuple[float, ...]] = {
    None: (0.0,),
    "l1": (1e-7, 1e-6),
    "lipschitz": (1e-7, 1e-6),
    "noise": (3e-4,),
    "gradient-norm": (1e-2,),
    "jacobian": (3e-4, 5e-4),
}
TABLE_TWO = (1e-3, 3e-3, 1e-2, 3e-2)
"""Strengths of the gradient norm on all pictures. 0.03 flattens the image."""

DAMAGE = (
    ("gaussian", 1e-3),
    ("binary", 1e-3),
    ("gaussian-relative", 1e-3),
    ("gaussian-relative", 1e-2),
)
Job = tuple[str, int, str | None, float]


def main() -> None:
    """Run what is missing, then write the tables."""
    parser = parser_of(__doc__, "kodak")
    parser.add_argument("--draw", type=Path, metavar="PNG")
    arguments = parser.parse_args()
    if arguments.draw:
        draw(arguments.data, arguments.draw)
        return
    done = {key(row) for row in stored_rows(RESULTS)}
    todo = [job for job in jobs() if job not in done]
    work = partial(fit, data=arguments.data)
    for row in run_jobs(RESULTS, todo, work, **workers_of(arguments)):
        print(row["picture"], row["steps"], row["robust"], row["strength"], end=" ")
        print(round(row["clean"], 2), [round(d["mean"], 2) for d in row["damage"]], flush=True)
    TABLE.write_text(tables(stored_rows(RESULTS)))
    print(TABLE.read_text())


def jobs() -> list[Job]:
    """Every fit."""
    short = [
        (p, 1500, robust, s) for p in PICTURES for robust, all_ in STRENGTHS.items() for s in all_
    ]
    long = [
        (p, 4000, robust, s)
        for p in TABLE_ONE
        for robust, all_ in LONG_STRENGTHS.items()
        for s in all_
    ]
    two = [(p, 1500, "gradient-norm", s) for p in PICTURES for s in TABLE_TWO]
    return list(dict.fromkeys([*long, *short, *two]))


def key(row: dict[str, Any]) -> Job:
    """The job that made a row."""
    return row["picture"], row["steps"], row["robust"], row["strength"]


def fit(job: Job, data: Path) -> dict[str, Any]:
    """Fit one network and damage it."""
    picture, steps, robust, strength = job
    pixels, values, seconds = fitted(job, data)
    return {
        "picture": picture,
        "steps": steps,
        "robust": robust,
        "strength": strength,
        "clean": psnr(values, pixels),
        "damage": damaged(values, MODEL.units, lambda left: psnr(left, pixels)),
        "cpu_s": seconds,
        "seed": 0,
        "threads": 1,
        "inrcodec": inrcodec.__version__,
        "torch": torch.__version__,
    }


def damaged(
    values: Tensors, units: Mapping[str, float], score: Callable[[Tensors], float]
) -> list[dict[str, Any]]:
    """What each kind of damage to parameters leaves of a score, over `SEEDS` draws."""
    found = []
    for kind, level in DAMAGE:
        draws = map(np.random.default_rng, range(SEEDS))
        scores = [score(NETWORK_DAMAGE[kind](values, units, level, random)) for random in draws]
        spread, worst = pstdev(scores), min(scores)
        found.append(
            {"kind": kind, "level": level, "mean": fmean(scores), "spread": spread, "worst": worst}
        )
    return found


def fitted(job: Job, data: Path) -> tuple[np.ndarray, Tensors, float]:
    """The pixels, the network fitted to them, and the processor time that took in seconds."""
    picture, steps, robust, strength = job
    torch.set_num_threads(1)
    pixels = middle(as_picture(data / f"{picture}.png").pixels, SIDE, SIDE)
    damage = Robust(robust, strength, EXPANSION if strength else 0.0) if robust else None
    begun = time.process_time()
    fitting = NetworkFit(
        pixels,
        MODEL,
        Budget(steps, None),
        backward=backward_of(damage, MODEL.units, 0),
        precision=torch.float32,
        schedule=replace(SCHEDULE, batch_pixels=BATCH),
    )
    for _ in fitting:
        pass
    return pixels, fitting.values(), time.process_time() - begun


def draw(data: Path, path: Path) -> None:
    """Kodak 24 undamaged and after two kinds of damage, fitted for 4000 steps in two ways."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10.5, 7.4), layout="constrained")
    axes = figure.subplots(2, 3)
    for row, (name, robust, strength) in enumerate(
        (("squared error", None, 0.0), ("--robust jacobian", "jacobian", 3e-4))
    ):
        pixels, values, _ = fitted(("kodim24", 4000, robust, strength), data)
        for column, (title, damage) in enumerate(
            (("undamaged", None), ("Gaussian, 0.001", "gaussian"), ("binary, 0.001", "binary"))
        ):
            seen = values
            if damage:
                random = np.random.default_rng(0)
                seen = NETWORK_DAMAGE[damage](values, MODEL.units, 1e-3, random)
            view = view_of(SIDE, SIDE, None, None, None)
            samples = render.render(MODEL, seen, view, 8, 1, "cpu")
            axes[row, column].imshow(samples, interpolation="nearest")
            axes[row, column].set_title(f"{title}: {psnr(seen, pixels):.1f} dB", fontsize=11)
            axes[row, column].set_xticks([])
            axes[row, column].set_yticks([])
        axes[row, 0].set_ylabel(name, fontsize=11)
    figure.savefig(path, dpi=80)


def psnr(values: Tensors, pixels: np.ndarray) -> float:
    """PSNR of a network's image, dB, before rounding to integers."""
    parameters = {name: torch.from_numpy(np.asarray(value)) for name, value in values.items()}
    return -10 * math.log10(image_error(MODEL, parameters, pixels))


def tables(rows: Iterable[dict[str, Any]]) -> str:
    """A table for each length of fit, a line for each way and strength."""
    rows = list(rows)
    text = []
    for steps in sorted({row["steps"] for row in rows}):
        those = [row for row in rows if row["steps"] == steps]
        pictures = [p for p in PICTURES if any(row["picture"] == p for row in those)]
        names = " | ".join(f"Kodak {int(p[-2:])}" for p in pictures)
        text += [
            f"{steps} steps; clean / Gaussian sigma 0.001 / binary p 0.001 (dB), and the means of "
            "Kodak 1, 8 and 24:",
            "",
            f"| | strength | {names} | mean |",
            "|---" * (len(pictures) + 3) + "|",
        ]
        ways = dict.fromkeys((row["robust"], row["strength"]) for row in those)
        for robust, strength in sorted(ways, key=lambda w: (str(w[0] or ""), w[1])):
            found = {
                r["picture"]: r for r in those if (r["robust"], r["strength"]) == (robust, strength)
            }
            cells = [shown(numbers(found[p])) if p in found else "" for p in pictures]
            mean = ""
            if all(p in found for p in TABLE_ONE):
                mean = shown(np.mean([numbers(found[p]) for p in TABLE_ONE], axis=0))
            text.append(
                f"| {robust or 'squared error'} | {f'{strength:g}' if robust else ''} | "
                f"{' | '.join(cells)} | {mean} |"
            )
        text.append("")
    return "\n".join(text)


def numbers(row: dict[str, Any]) -> list[float]:
    """Clean PSNR, and that under the first two kinds of damage."""
    return [row["clean"], row["damage"][0]["mean"], row["damage"][1]["mean"]]


def shown(values: Iterable[float]) -> str:
    """Decibels with slashes between them."""
    return " / ".join(f"{value:.2f}" for value in values)


if __name__ == "__main__":
    main()
