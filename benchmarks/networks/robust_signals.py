"""Networks of CT, sound and a clip fitted to survive damage, and what is left after it.

    python -m benchmarks.networks.robust_signals

After Figures 5 to 7 of "Enhancing Robustness of Implicit Neural Representations Against Weight
Perturbations" (Zhou et al. 2025), which name no network, no data set and no figure but a few gains.
Here: a phantom of 100 x 100 pixels and 16 bit, four seconds of synthetic speech at 8 kHz, and 12
frames of 48 x 48 pixels (signals.py); sine networks of 4 x 64 neurons with positional encoding, one
input, two or three; 800 steps on 1024 samples each at the rates of `fitting/networks/schedule.py`,
float32, seed 0. Weights are float, not quantised. Damage and seeds are those of robust_weights.py;
PSNR of full range before rounding, mean of decibels.

Rows go to results/networks/robust_signals.jsonl as they are made; a run skips what is there.
"""

import math
import os
import time
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, NamedTuple

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch

import inrcodec
from benchmarks.common import parser_of, run_jobs, stored_rows, workers_of
from benchmarks.networks import signals
from benchmarks.networks.robust_weights import DAMAGE, damaged, shown
from benchmarks.papers.claims import RESULTS as FOLDER
from inrcodec.codec.fitting.networks.batches import image_error
from inrcodec.codec.fitting.networks.fit import Budget, NetworkFit
from inrcodec.codec.fitting.networks.schedule import SCHEDULE
from inrcodec.codec.fitting.robust import backward_of
from inrcodec.codec.fitting.robust_options import EXPANSION, Robust
from inrcodec.codec.networks.siren import Siren
from inrcodec.metrics.damage.operations import Tensors
from inrcodec.pixels import Samples

RESULTS = FOLDER / "networks/robust_signals.jsonl"
TABLE = RESULTS.with_suffix(".md")

STEPS, BATCH = 800, 1024
WIDTH, LAYERS = 64, 4

METHODS: tuple[tuple[str | None, float], ...] = (
    (None, 0.0),
    ("gradient-norm", 3e-3),
    ("gradient-norm", 1e-2),
    ("jacobian", 3e-4),
)
"""Ways of robust.py and strengths; the gradient norm is the paper's."""

Job = tuple[str, str | None, float]


class Case(NamedTuple):
    """A signal as a fit takes it: its sheet, how many frames it has, and the network for it."""

    sheet: Samples
    frames: int
    model: Siren


def case_of(name: str) -> Case:
    """The signal of a name."""
    if name == "ct":
        return Case(signals.ct(), 1, Siren(WIDTH, LAYERS, 10, 1))
    if name == "sound":
        return Case(signals.speech(4.0).sheet, 1, Siren(WIDTH, LAYERS, 28, 1, 1))
    clip = signals.pan()
    return Case(clip.sheet, len(clip.frames), Siren(WIDTH, LAYERS, 8, 3, 3))


NAMES = ("ct", "sound", "clip")


def main() -> None:
    """Run what is missing, then write the table."""
    arguments = parser_of(__doc__, processes=1).parse_args()
    done = {(row["signal"], row["robust"], row["strength"]) for row in stored_rows(RESULTS)}
    jobs = [(name, *method) for method in METHODS for name in reversed(NAMES)]
    todo = [job for job in jobs if job not in done]
    for row in run_jobs(RESULTS, todo, measured, **workers_of(arguments)):
        print(row["signal"], row["robust"], row["strength"], shown(numbers(row)), flush=True)
    TABLE.write_text(table(stored_rows(RESULTS)))
    print(TABLE.read_text())


def measured(job: Job) -> dict[str, Any]:
    """Fit one network and damage it."""
    name, robust, strength = job
    torch.set_num_threads(1)
    case = case_of(name)
    begun = time.process_time()
    values = fitted(case, robust, strength)
    seconds = time.process_time() - begun
    return {
        "signal": name,
        "steps": STEPS,
        "robust": robust,
        "strength": strength,
        "clean": psnr(values, case),
        "damage": damaged(values, case.model.units, lambda left: psnr(left, case)),
        "cpu_s": seconds,
        "seed": 0,
        "threads": 1,
        "inrcodec": inrcodec.__version__,
        "torch": torch.__version__,
    }


def fitted(case: Case, robust: str | None, strength: float, steps: int = STEPS) -> Tensors:
    """The parameters of the network fitted to a signal."""
    way = Robust(robust, strength, EXPANSION if strength else 0.0) if robust else None
    fitting = NetworkFit(
        case.sheet,
        case.model,
        Budget(steps, None),
        backward=backward_of(way, case.model.units, 0),
        precision=torch.float32,
        schedule=replace(SCHEDULE, batch_pixels=BATCH),
        frames=case.frames,
    )
    for _ in fitting:
        pass
    return fitting.values()


def psnr(values: Tensors, case: Case) -> float:
    """PSNR of what a network gives, dB of full range, before rounding to integers."""
    parameters = {name: torch.from_numpy(np.asarray(value)) for name, value in values.items()}
    error = image_error(case.model, parameters, case.sheet, frames=case.frames)
    return -10 * math.log10(error)


def numbers(row: dict[str, Any]) -> list[float]:
    """PSNR undamaged, and under every kind of damage."""
    return [row["clean"], *(damage["mean"] for damage in row["damage"])]


def table(rows: Iterable[dict[str, Any]]) -> str:
    """A line for each way and strength."""
    rows = list(rows)
    kinds = " / ".join(f"{kind} {level:g}" for kind, level in DAMAGE)
    text = [f"PSNR (dB): undamaged / {kinds}, {STEPS} steps:", ""]
    text += [f"| | strength | {' | '.join(NAMES)} |", "|---|---|---|---|---|"]
    for robust, strength in METHODS:
        found = {r["signal"]: r for r in rows if (r["robust"], r["strength"]) == (robust, strength)}
        cells = [shown(numbers(found[n])) if n in found else "" for n in NAMES]
        label = robust or "squared error"
        text.append(f"| {label} | {f'{strength:g}' if robust else ''} | {' | '.join(cells)} |")
    return "\n".join([*text, ""])


if __name__ == "__main__":
    main()
