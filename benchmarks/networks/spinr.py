"""SPINR on Set14 beside SIREN: PSNR, after lost neurons, and of every prefix of layers.

    python -m benchmarks.networks.spinr --data ../shared/data/set14 --processes 2

As Table 3 of "Streaming Neural Images" (Conde et al. 2024): networks of 66.8 thousand parameters,
5 and 10 neurons of all hidden ones lost at random (6 draws each). Three seeds; 600 steps on 6144
pixels each where the paper takes 2000 on all; float32, not quantised; samples rounded to 8 bit.

- `siren`: 5 x 128, plain;
- `paper`: SPINR as published, one output layer for all prefixes and five stages of a fifth of the
  steps each, layers before frozen;
- `spinr`: ours (models/spinr.py), 5 x 122, `--robust neurons` of 0.001.

Rows go to results/networks/spinr.jsonl; a run skips what is there. What each part of ours gives is
in `lost_neurons`, which fits more ways to a few pictures.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import fmean, pstdev
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch

import inrcodec
from benchmarks.common import parser_of, run_jobs, stored_rows, workers_of
from inrcodec.codec.entropy.quantized import Tensors
from inrcodec.codec.fitting.networks.fit import Budget, NetworkFit
from inrcodec.codec.fitting.networks.schedule import SCHEDULE, Schedule
from inrcodec.codec.fitting.robust import Tolerance, neuron_loss
from inrcodec.codec.networks import render
from inrcodec.codec.networks.base import CoordinateModel, LearningRate
from inrcodec.codec.networks.init_tables import phase_initialisation
from inrcodec.codec.networks.layers import first_layer, sine_init
from inrcodec.codec.networks.siren import Siren
from inrcodec.codec.networks.spinr import Spinr
from inrcodec.codec.view import view_of
from inrcodec.images.reading import read_image
from inrcodec.metrics.damage.operations import lost_neurons
from inrcodec.pixels import Samples, psnr

RESULTS = Path(__file__).parents[1] / "results/networks/spinr.jsonl"
TABLE = RESULTS.with_suffix(".md")

STEPS, SEEDS, LAYERS, DRAWS = 600, (0, 1, 2), 5, 6
LOST, LOSS, MORE_LOSS = (5, 10), 0.001, 0.01
WAYS = ("spinr", "siren", "paper")
PUBLISHED = {"siren": "28.26 / 20.00 / 15.78", "paper": "28.32 / 24.01 / 21.67"}


@dataclass(frozen=True, slots=True)
class Shared(Spinr):
    """The network of the paper: one output layer reads whatever layer is the last.

    The first `frozen` layers do not learn; with `joint` every prefix counts.
    """

    joint: bool = False
    frozen: int = 0

    @property
    def learning_rates(self) -> dict[str, LearningRate]:
        """None of frozen layers."""
        frozen = {f"{kind}.{i}" for i in range(self.frozen) for kind in ("weight", "bias")}
        rates = Spinr.learning_rates.fget(self)  # type: ignore[attr-defined]
        return {n: replace(r, rate=0.0) if n in frozen else r for n, r in rates.items()}

    @property
    def parts(self) -> tuple[dict[str, tuple[int, ...]], ...]:
        """The output layer goes with the first."""
        first, *others = Spinr.parts.fget(self)  # type: ignore[attr-defined]
        rest = [{n: s for n, s in part.items() if "head" not in n} for part in others]
        return first, *rest

    def initial(self, random: np.random.Generator, mean: Any) -> dict[str, Any]:
        """As of a SIREN."""
        named = {n.replace("head.0", "weight.out"): s for n, s in self.shapes.items()}
        values = sine_init(named, random, self.frequencies > 0)
        values = dict(zip(self.shapes, values.values(), strict=True))
        return values | {"bias.out": mean.astype(np.float32)}

    def pictures(self, parameters: Any, ys: Any, xs: Any, precision: Any) -> Iterator[torch.Tensor]:
        """Of every prefix through the one output layer, or of the whole alone."""
        first = [parameters["weight.0"], parameters["bias.0"]]
        down, across, _ = first_layer(first, self.frequencies, ys, xs)
        dtype = precision or down.dtype
        hidden = (down[:, None] + across).flatten(0, 1).to(dtype).sin()
        for layer in range(self.layers):
            if layer:
                weight, bias = (parameters[f"{k}.{layer}"].to(dtype) for k in ("weight", "bias"))
                hidden = bias.addmm(hidden, weight.T).sin()
            if self.joint or layer == self.layers - 1:
                head = parameters["head.0"]
                colours = parameters["bias.out"].addmm(hidden.to(head.dtype), head.T)
                yield colours.view(len(ys), len(xs), self.channels)


def network(way: str, channels: int) -> CoordinateModel:
    """The network of a way, of 66 to 67 thousand parameters; those with an encoding have 8
    frequencies."""
    kind, encoded = way.split(",")[0], "encoded" in way
    if kind == "joint":
        return Shared(123 if encoded else 128, LAYERS, 8 if encoded else 0, channels, joint=True)
    if kind == "spinr":
        return Spinr(122, LAYERS, 8, channels)
    if kind == "pe-siren":
        return Siren(123, LAYERS, 8, channels)
    return Siren(128, LAYERS, 0, channels)


def fitted(
    way: str,
    pixels: Samples,
    seed: int,
    steps: int = STEPS,
    schedule: Schedule = SCHEDULE,
    model: CoordinateModel | None = None,
) -> tuple[CoordinateModel, Tensors]:
    """The network of one way, or `model`, and its parameters, after so many `steps`. Ways that end
    in "neurons", and `spinr` alone, are fitted with neurons lost, `LOSS` of them or, in those with
    "more", `MORE_LOSS`."""
    if way.startswith("paper"):
        return staged(pixels, seed, steps if "long" in way else steps // LAYERS, schedule)
    model = model or network(way, pixels.shape[2])
    extra: dict[str, Any] = {}
    if way == "spinr" or way.endswith("neurons"):
        random = torch.Generator().manual_seed(seed)
        share = MORE_LOSS if "more" in way else LOSS
        extra["backward"] = partial(neuron_loss, Tolerance(share, model.units, random))
    fitting = fit_of(pixels, model, seed, steps, schedule, **extra)
    for _ in fitting:
        pass
    return model, fitting.values()


def fit_of(
    pixels: Samples,
    model: CoordinateModel,
    seed: int,
    steps: int,
    schedule: Schedule,
    **extra: Any,
) -> NetworkFit:
    """A fit of a network from evenly spread phases."""
    initial = phase_initialisation(model)
    given = {"seed": seed, "residual_to": initial, "schedule": schedule}
    return NetworkFit(pixels, model, Budget(steps, None), **given, **extra)


def staged(
    pixels: Samples, seed: int, steps: int, schedule: Schedule
) -> tuple[CoordinateModel, Tensors]:
    """Algorithm 1 of the paper: stage k fits layer k and the output layer, those before frozen, in
    so many `steps`."""
    whole = Shared(128, LAYERS, 0, pixels.shape[2])
    values: Tensors = {}
    for layers in range(1, LAYERS + 1):
        model = replace(whole, layers=layers, frozen=layers - 1)
        fitting = fit_of(pixels, model, seed, steps, schedule)
        for name, value in values.items():
            fitting._parameters[name].data.copy_(torch.from_numpy(np.asarray(value)))
        for _ in fitting:
            pass
        values = fitting.values()
    return whole, values


def measure(job: tuple[str, str, int], data: Path) -> dict[str, Any]:
    """One fit, of a picture in a way with a seed, and what is left of it."""
    picture, way, seed = job
    torch.set_num_threads(1)
    pixels = read_image(data / f"{picture}.bmp").pixels
    begun = time.process_time()
    model, values = fitted(way, pixels, seed)
    cpu_s = time.process_time() - begun
    view = view_of(pixels.shape[1], pixels.shape[0], None, None, None)

    def decibels(network: CoordinateModel, tensors: Tensors) -> float:
        return psnr(pixels, render.render(network, tensors, view, 8, 1, "cpu"))

    row = {"picture": picture, "way": way, "seed": seed, "parameters": model.parameter_count}
    row |= {"steps": STEPS, "cpu_s": cpu_s, "psnr": decibels(model, values)}
    for count in LOST:
        draws = (np.random.default_rng(draw) for draw in range(DRAWS))
        found = [decibels(model, lost_neurons(values, model.units, count, r)) for r in draws]
        row[f"lost_{count}"] = fmean(found)
    if isinstance(model, Spinr):
        row["prefixes"] = [decibels(model.prefix(k), values) for k in range(1, LAYERS)]
    return row | {"inrcodec": inrcodec.__version__, "torch": torch.__version__}


def table(rows: list[dict[str, Any]]) -> Iterator[str]:
    """A line for each way that is complete."""
    yield f"Set14, {STEPS} steps; PSNR in dB, mean ± spread over seeds:\n"
    yield "| | parameters | seeds | whole / 5 lost / 10 lost | published | 1, 2, 3, 4 layers | s |"
    yield "|---|---|---|---|---|---|---|"
    pictures = {row["picture"] for row in rows}
    for way in WAYS:
        those = [row for row in rows if row["way"] == way]
        seeds = sorted({row["seed"] for row in those})
        if not those or len(those) < len(seeds) * len(pictures):
            continue
        of_picture = [[r["psnr"] for r in those if r["picture"] == p] for p in pictures]
        spread = fmean(map(pstdev, of_picture))
        whole, five, ten = (fmean(r[k] for r in those) for k in ("psnr", "lost_5", "lost_10"))
        steps = [
            fmean(r["prefixes"][k] for r in those)
            for k in range(4 if "prefixes" in those[0] else 0)
        ]
        shown = ", ".join(f"{value:.2f}" for value in steps)
        yield (
            f"| {way} | {fmean(r['parameters'] for r in those):.0f} | {len(seeds)} "
            f"| {whole:.2f} ± {spread:.2f} / {five:.2f} / {ten:.2f} | {PUBLISHED.get(way, '')} "
            f"| {shown} | {fmean(r['cpu_s'] for r in those):.0f} |"
        )


def main() -> None:
    """Run what is missing, then write the table."""
    parser = parser_of(__doc__, "set14")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS)
    parser.add_argument("--seeds", nargs="+", type=int, default=SEEDS)
    arguments = parser.parse_args()
    rows = stored_rows(RESULTS)
    done = {(row["picture"], row["way"], row["seed"]) for row in rows}
    pictures = sorted(path.stem for path in arguments.data.glob("*.bmp"))
    jobs = [(p, w, s) for w in arguments.ways for s in arguments.seeds for p in pictures]
    missing = [job for job in jobs if job not in done]
    work = partial(measure, data=arguments.data)
    for row in run_jobs(RESULTS, missing, work, **workers_of(arguments)):
        rows.append(row)
        shown = " / ".join(f"{row[k]:.2f}" for k in ("psnr", "lost_5", "lost_10"))
        print(row["picture"], row["way"], row["seed"], shown, flush=True)
    TABLE.write_text("\n".join(table(rows)) + "\n")
    print(TABLE.read_text())


if __name__ == "__main__":
    main()
