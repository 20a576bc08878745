"""PSNR of small coordinate networks by learning rate, width and depth.

    python -m benchmarks.networks.hyper_parameters --data ../shared/data/set14

After Figure 5 of "Streaming Neural Images" (Conde et al. 2024), which says that networks are
extremely sensitive to all three. One picture of Set14, networks 64 wide and five layers deep but
where that is what changes, 300 steps on 2048 pixels each, three seeds where the paper has ten;
float32, not quantised.

- `rate`: our optimiser, Muon for matrices and Adam for the rest, every rate times a factor;
- `adam`: Adam alone at one rate, in units of the papers' weights (30 of ours in sine layers). Both
  rise in a warm-up and fall as a cosine, as in every fit of this codec;
- `width`, `layers`: our optimiser at its own rates.

Rows go to results/networks/hyper_parameters.jsonl as they are made; a run skips what is there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from statistics import fmean, pstdev
from typing import Any, cast

import torch

import inrcodec
from benchmarks.common import parser_of, run_jobs, stored_rows, workers_of
from inrcodec.codec.fitting.networks.fit import Budget, NetworkFit
from inrcodec.codec.fitting.networks.schedule import SCHEDULE
from inrcodec.codec.networks import render
from inrcodec.codec.networks.base import CoordinateModel, LearningRate
from inrcodec.codec.networks.fourier import FourierNet
from inrcodec.codec.networks.init_tables import phase_initialisation
from inrcodec.codec.networks.siren import Siren
from inrcodec.codec.networks.wire import Wire
from inrcodec.codec.view import view_of
from inrcodec.images.reading import read_image
from inrcodec.pixels import psnr

RESULTS = Path(__file__).parents[1] / "results/networks/hyper_parameters.jsonl"
TABLE = RESULTS.with_suffix(".md")

PICTURE, SEEDS, STEPS = "comic", (0, 1, 2), 300
SHORT = replace(SCHEDULE, batch_pixels=2048)
WIDTH, LAYERS = 64, 5
NETWORKS = ("siren", "fourier", "wire")
VALUES: dict[str, tuple[float, ...]] = {
    "adam": (1e-4, 3e-4, 1e-3, 3e-3, 1e-2),
    "rate": (0.1, 0.3, 1, 3, 10),
    "width": (32, 64, 128),
    "layers": (2, 3, 5, 8),
}
"""What is changed, and the values it takes."""

Job = tuple[str, str, float, int]


def network(name: str, width: int, layers: int, side: int) -> CoordinateModel:
    """A network of colours; WIRE's complex neurons are counted as in its paper, width / sqrt 2."""
    made: dict[str, CoordinateModel] = {
        "siren": Siren(width, layers, 0, 3),
        "fourier": FourierNet(width, layers, width // 2, 3, side),
        "wire": Wire(round(width / 2**0.5), layers, 3),
    }
    return made[name]


def with_rates(model: CoordinateModel, rates: dict[str, LearningRate]) -> CoordinateModel:
    """The same network, learning at these rates."""
    kind = type(model)
    changed = type(kind.__name__, (kind,), {"learning_rates": property(lambda _: rates)})
    values = {field.name: getattr(model, field.name) for field in fields(cast(Any, model))}
    return cast(CoordinateModel, changed(**values))


def by_adam(model: CoordinateModel, rate: float) -> CoordinateModel:
    """The same network, learning by Adam alone at a rate in units of the papers' weights."""
    units = model.units
    return with_rates(model, {name: LearningRate(rate * units[name]) for name in model.shapes})


def measure(job: Job, data: Path) -> dict[str, Any]:
    """One fit of a network with one thing changed to a value."""
    name, what, value, seed = job
    torch.set_num_threads(1)
    pixels = read_image(data / f"{PICTURE}.bmp").pixels
    width, layers = (
        int(value) if what == k else n for k, n in (("width", WIDTH), ("layers", LAYERS))
    )
    model = network(name, width, layers, max(pixels.shape))
    if what == "adam":
        model = by_adam(model, value)
    if what == "rate":
        rates = model.learning_rates
        model = with_rates(model, {n: replace(r, rate=r.rate * value) for n, r in rates.items()})
    start = phase_initialisation(model)
    fitting = NetworkFit(
        pixels, model, Budget(STEPS, None), seed=seed, residual_to=start, schedule=SHORT
    )
    for _ in fitting:
        pass
    view = view_of(pixels.shape[1], pixels.shape[0], None, None, None)
    made = render.render(model, fitting.values(), view, 8, 1, "cpu")
    row = {"picture": PICTURE, "network": name, "what": what, "value": value, "seed": seed}
    row |= {"parameters": model.parameter_count, "steps": STEPS, "psnr": psnr(pixels, made)}
    return row | {"inrcodec": inrcodec.__version__, "torch": torch.__version__}


def found(rows: list[dict[str, Any]], name: str, what: str) -> dict[float, list[float]]:
    """PSNR of every seed by the value of what is changed; the usual one is that of `rate` 1."""
    usual = {"width": WIDTH, "layers": LAYERS}
    made: dict[float, list[float]] = {}
    for row in rows:
        if row["network"] != name:
            continue
        if row["what"] == what:
            made.setdefault(row["value"], []).append(row["psnr"])
        if what in usual and row["what"] == "rate" and row["value"] == 1:
            made.setdefault(usual[what], []).append(row["psnr"])
    return dict(sorted(made.items()))


def table(rows: list[dict[str, Any]]) -> Iterator[str]:
    """A line for each network and thing that is changed."""
    yield f"{PICTURE} of Set14, {STEPS} steps; PSNR in dB, mean ± spread over seeds:\n"
    yield "| network | | by value |"
    yield "|---|---|---|"
    for name in NETWORKS:
        for what in VALUES:
            values = found(rows, name, what)
            shown = (f"{v:g}: {fmean(p):.2f} ± {pstdev(p):.2f}" for v, p in values.items())
            if values:
                yield f"| {name} | {what} | {', '.join(shown)} |"


def main() -> None:
    """Run what is missing, then write the table."""
    parser = parser_of(__doc__, "set14")
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=NETWORKS)
    parser.add_argument("--seeds", nargs="+", type=int, default=SEEDS)
    arguments = parser.parse_args()
    rows = stored_rows(RESULTS)
    done = {(row["network"], row["what"], row["value"], row["seed"]) for row in rows}
    usual = {("width", WIDTH), ("layers", LAYERS)}
    changes = [(w, v) for w, values in VALUES.items() for v in values if (w, v) not in usual]
    every = [(n, *c, s) for n in arguments.networks for s in arguments.seeds for c in changes]
    missing = [job for job in every if job not in done]
    work = partial(measure, data=arguments.data)
    for row in run_jobs(RESULTS, missing, work, **workers_of(arguments)):
        rows.append(row)
        print(
            *(row[k] for k in ("network", "what", "value", "seed")),
            f"{row['psnr']:.2f}",
            flush=True,
        )
    TABLE.write_text("\n".join(table(rows)) + "\n")
    print(TABLE.read_text())


if __name__ == "__main__":
    main()
