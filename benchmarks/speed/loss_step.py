"""Processor time of one fitting step under every loss and in every robust mode, as a ratio to
plain squared error.

    INRCODEC_WEIGHTS=../shared/data/weights python -m benchmarks.speed.loss_step

A whole step (forward, backward, optimiser) on one thread: latent-grid models on Kodak 5 as a whole
(768 x 512), a coordinate network of 20,000 parameters on one batch. Losses and modes take turns in
each round, so that a busy machine slows all; the ratio is that of the medians of processor time.
Losses without their weights are left out. A coordinate network computes in float32 in all columns,
which is what compiled kernels do. Rows go to
results/speed/loss_step.json, the table beside it.
"""

import argparse
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch

from inrcodec.codec.coolchic.features import FEATURES
from inrcodec.codec.coolchic.model import grids_model
from inrcodec.codec.fitting.coolchic.backends import backend_of
from inrcodec.codec.fitting.coolchic.fit import GridFit
from inrcodec.codec.fitting.coolchic.fit_setting import Budget as GridBudget
from inrcodec.codec.fitting.coolchic.fit_setting import Initial
from inrcodec.codec.fitting.coolchic.initialisation import untrained
from inrcodec.codec.fitting.coolchic.schedule import FULL_RATES
from inrcodec.codec.fitting.coolchic.targets import planes_of
from inrcodec.codec.fitting.losses import MSE, Loss, loss_of
from inrcodec.codec.fitting.networks.fit import Budget, NetworkFit, learning_rates
from inrcodec.codec.fitting.optimizer import MuonAdam
from inrcodec.codec.fitting.plan import plan_of
from inrcodec.codec.fitting.robust import backward_of
from inrcodec.codec.networks.sizes import ImageShape, network_for
from inrcodec.codec.options import EncodeOptions
from inrcodec.codec.options.loss_names import LOSSES
from inrcodec.codec.options.model_traits import MODELS as TRAITS
from inrcodec.errors import WeightsError
from inrcodec.images.reading import as_picture
from inrcodec.metrics.metric_losses import with_metric_loss
from inrcodec.pixels import Picture

RESULTS = Path(__file__).parents[1] / "results/speed/loss_step.json"
TABLE = RESULTS.with_suffix(".md")
GRIDS = {family.label: family for family in FEATURES}
LAMBDA = 1e-3

MODELS = (*GRIDS, "pe-siren")


def main() -> None:
    """Measure, then write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--picture", default="../shared/data/kodak/kodim05.png")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--models", nargs="+", choices=MODELS, default=MODELS, help="Others stay.")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    picture, losses = as_picture(arguments.picture), available()
    seconds: dict[str, dict[str, float]] = {}
    if RESULTS.exists():
        seconds = json.loads(RESULTS.read_text())["cpu_seconds"]
    for model in arguments.models:
        steps = {loss.name: step_of(model, picture, loss) for loss in losses}
        modes = TRAITS[model].robust
        steps |= {f"robust {mode}": step_of(model, picture, MSE, mode) for mode in modes}
        taken: dict[str, list[float]] = {name: [] for name in steps}
        for number in range(arguments.rounds + 1):
            for name, step in steps.items():
                begun = time.process_time()
                step()
                if number:  # the first warms up
                    taken[name].append(time.process_time() - begun)
        seconds[model] = {name: median(values) for name, values in taken.items()}
        print(model, {n: round(s * 1e3) for n, s in seconds[model].items()}, flush=True)
    report = {"threads": 1, "torch": torch.__version__, "rounds": arguments.rounds}
    RESULTS.write_text(json.dumps(report | {"cpu_seconds": seconds}, indent=1) + "\n")
    TABLE.write_text(table(seconds))
    print(TABLE.read_text())


def available() -> list[Loss]:
    """Every loss whose weights are there."""
    found = []
    for name in LOSSES:
        try:
            found.append(loss_of(with_metric_loss(EncodeOptions(loss=name)).loss))
        except WeightsError as error:
            print(f"{name} is left out: {error}")
    return found


def step_of(
    model: str, picture: Picture, loss: Loss, robust: str | None = None
) -> Callable[[], object]:
    """One step of a fit under a loss, which goes on from call to call."""
    plan = plan_of(EncodeOptions(model=model, robust=robust), picture)
    if model == "pe-siren":
        network = network_for(ImageShape.of(picture), model, 12_000)
        backward = backward_of(plan.robust, network.units, 0)
        budget, precision = Budget(1000, None), torch.float32
        fit = NetworkFit(
            picture.pixels, network, budget, loss=loss, backward=backward, precision=precision
        )
        optimizer = MuonAdam(fit._parameters, *learning_rates(network))
        return lambda: fit._train(optimizer, fit._parameters, 0.1)
    target = planes_of(picture)[0]
    built = grids_model(GRIDS[model], picture.width, picture.height)
    random = np.random.default_rng(0)
    latents = [random.normal(0, 1, shape).astype(np.float32) for shape in built.grids]
    fit = GridFit(
        target,
        built,
        Initial(untrained(built, 0, target.mean((1, 2))), latents),
        GridBudget(1000),
        lmbda=LAMBDA,
        rates=FULL_RATES,
        backend=backend_of(built, robust=plan.robust),
    )
    if loss is not MSE:
        fit.change_loss(loss)
    return lambda: fit._train(0.5)


def table(seconds: dict[str, dict[str, float]]) -> str:
    """Milliseconds by squared error, and the ratios to it."""
    names = dict.fromkeys(n for row in seconds.values() for n in row if n != "mse")
    lines = ["| model | mse (ms) | " + " | ".join(names) + " |", "|---" * (len(names) + 2) + "|"]
    for model, row in seconds.items():
        ratios = [f"{row[n] / row['mse']:.2f}" if n in row else "" for n in names]
        lines.append(f"| {model} | {row['mse'] * 1e3:.0f} | {' | '.join(ratios)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
