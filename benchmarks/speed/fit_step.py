"""Milliseconds of a whole training step of `coolchic` at 768 x 512, compiled and in torch.

    python -m benchmarks.speed.fit_step --beside "nothing else"

A step is everything between two reports of a fit: rounding, rate, colours, squared error, all
gradients, the steps of latents and networks. The two backends (fitting/coolchic/backend.py) take
turns in one run, with one thread and with two, beside a product of two matrices of 1024 x 1024 in
float32, which stands for what the processor can do. Times are those of the fastest of `--repeats`
steps. Rows in results/speed/fit_step.jsonl.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from skimage import data

from inrcodec.codec.coolchic.features import COMPLEXITIES
from inrcodec.codec.coolchic.model import grids_model
from inrcodec.codec.fitting.coolchic import initialisation
from inrcodec.codec.fitting.coolchic.compiled_backend import CompiledBackend
from inrcodec.codec.fitting.coolchic.fit import GridFit
from inrcodec.codec.fitting.coolchic.fit_setting import Budget, Initial
from inrcodec.codec.fitting.coolchic.schedule import rates_for
from inrcodec.codec.fitting.coolchic.torch_backend import TorchBackend
from inrcodec.codec.format.header import Family
from inrcodec.codec.native.pool import kernel_threads

RESULTS = Path(__file__).parents[1] / "results/speed/fit_step.jsonl"
WIDTH, HEIGHT, LAMBDA, STEPS = 768, 512, 1.5e-3, 10_000
SIDE = 1024
FLOPS_A_MAC = 6
"""A multiply-accumulate is two operations, forward and twice backward."""


def photograph() -> np.ndarray:
    """A photograph of scikit-image, (3, HEIGHT, WIDTH) in [0, 1]: the astronaut and half of the
    coffee beside it."""
    pixels = np.concatenate((data.astronaut(), data.coffee()[:400, :256].repeat(2, 0)[:512]), 1)
    return np.ascontiguousarray(pixels.transpose(2, 0, 1) / np.float32(255))


def fit(tier: str, in_torch: bool) -> GridFit:
    """A fit in the middle of nothing: its steps are alike."""
    target = photograph()
    model = grids_model(Family.COOLCHIC, WIDTH, HEIGHT, **COMPLEXITIES[tier])
    index = initialisation.init_index(LAMBDA)
    parameters, latents = initialisation.trained(model, target, index, LAMBDA)
    initial = Initial(parameters, latents, parameters)
    rates = rates_for(STEPS, LAMBDA)._replace(regained=0)  # all grids
    backend = TorchBackend() if in_torch else CompiledBackend()
    given = target, model, initial, Budget(STEPS)
    return GridFit(*given, lmbda=LAMBDA, rates=rates, backend=backend)


def fastest_ms(work: Callable[[], Any], repeats: int) -> float:
    """Milliseconds of the fastest call."""
    best = float("inf")
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - started)
    return 1000 * best


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--tiers", nargs="+", default=["high"], choices=COMPLEXITIES)
    parser.add_argument("--beside", default="", help="what else the machine does")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    left, right = torch.randn(SIDE, SIDE), torch.randn(SIDE, SIDE)
    for tier in arguments.tiers:
        fits = {way: fit(tier, way == "torch") for way in ("compiled", "torch")}
        row: dict[str, Any] = {"tier": tier, "beside": arguments.beside}
        for threads in (1, 2):
            with kernel_threads(threads):
                for way, running in fits.items():
                    work = lambda running=running: running._train(0.3)  # noqa: E731
                    fastest_ms(work, 3)
                    row[f"{way}_{threads}_ms"] = fastest_ms(work, arguments.repeats)
        product_ms = fastest_ms(lambda: left @ right, arguments.repeats)
        macs = fits["compiled"].model.macs_per_pixel * WIDTH * HEIGHT
        row["peak_gflops"] = 2 * SIDE**3 / product_ms / 1e6
        row["step_gflops"] = FLOPS_A_MAC * macs / row["compiled_1_ms"] / 1e6
        row["share_of_peak"] = row["step_gflops"] / row["peak_gflops"]
        row |= {k: round(v, 3) for k, v in row.items() if isinstance(v, float)}
        print(json.dumps(row))
        RESULTS.parent.mkdir(parents=True, exist_ok=True)
        with RESULTS.open("a") as file:
            file.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
