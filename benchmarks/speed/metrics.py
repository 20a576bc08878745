"""Milliseconds per 768 x 512 pair for every metric, on one thread, and what INRIQ's core costs.

    python -m benchmarks.speed.metrics --shared ../shared/data

"prepare" is what depends on the reference alone (a fit for INRIQ, half of the denoising for IEM),
"score" each decoded picture after that: median of five. Metrics whose weights are missing are left
out. The last lines compare the closed-form Fisher diagonal with one forward and backward of the
same network over the same pixels. Results in results/speed/metrics.json and .md.
"""

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch

from inrcodec.codec.fitting.networks.batches import TILE_PIXELS, coordinates
from inrcodec.codec.networks.siren import Siren
from inrcodec.images.reading import read_image
from inrcodec.metrics.metric_table import METRICS
from inrcodec.metrics.quality.fisher import squared_gradients
from inrcodec.metrics.quality.inriq import BLOCK, FREQUENCIES, LAYERS, WIDTH

RESULTS = Path(__file__).parents[1] / "results/speed/metrics.json"


def seconds(work: Callable[[], object], repeats: int = 5) -> float:
    """Median wall time."""
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def fisher_ratio() -> dict:
    """Seconds of both closed forms and of forward and backward of a loss, tile by tile."""
    height, width = 512, 768
    model = Siren(WIDTH, LAYERS, FREQUENCIES, 3)
    values = model.initial(np.random.default_rng(0), np.zeros(3))
    leaves = {name: torch.from_numpy(value).requires_grad_() for name, value in values.items()}
    plain = {name: leaf.detach() for name, leaf in leaves.items()}
    residual = torch.randn(height, width, 3)
    ys, xs = coordinates(height), coordinates(width)
    rows = TILE_PIXELS // width

    def forward_backward() -> None:
        for top in range(0, height, rows):
            colours = model.render(leaves, ys[top : top + rows], xs)
            (colours * residual[top : top + rows]).sum().backward()

    def closed_form(block: int) -> None:
        squared_gradients(model, plain, residual, block=block)

    times: dict[str, list[float]] = {"forward_backward": [], "by_pixel": [], "by_block": []}
    for _ in range(5):  # in turns, so that a busy machine slows all of them
        times["forward_backward"].append(seconds(forward_backward, 1))
        times["by_pixel"].append(seconds(lambda: closed_form(1), 1))
        times["by_block"].append(seconds(lambda: closed_form(BLOCK), 1))
    return {f"{name}_s": statistics.median(values) for name, values in times.items()}


def main() -> None:
    """Measure every available metric."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shared", type=Path, default=Path("../shared/data"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    os.environ.setdefault("INRCODEC_WEIGHTS", str((arguments.shared / "weights").resolve()))
    reference = read_image(arguments.shared / "kodak/kodim15.png").pixels
    noise = np.random.default_rng(0).normal(0, 8, reference.shape)
    decoded = np.clip(reference + noise, 0, 255).astype(np.uint8)
    rows, lines = [], ["| metric | prepare (ms) | score (ms) |", "|---|---|---|"]
    for name, metric in METRICS.items():
        if metric.unavailable():
            continue
        metric.scorer(reference[:176, :176])(decoded[:176, :176])  # imports and weights
        started = time.perf_counter()
        scorer = metric.scorer(reference)
        prepared = time.perf_counter() - started if metric.prepares else 0.0
        elapsed = seconds(lambda scorer=scorer: scorer(decoded))
        rows.append({"metric": name, "prepare_s": prepared, "score_s": elapsed})
        lines.append(f"| {name} | {1000 * prepared:.0f} | {1000 * elapsed:.0f} |")
        print(lines[-1], flush=True)
    fisher = fisher_ratio()
    base = fisher["forward_backward_s"]
    by_pixel, by_block = (fisher[f"{name}_s"] for name in ("by_pixel", "by_block"))
    ratios = f"{by_pixel / base:.2f} and {by_block / base:.2f}"
    lines.append(
        "\nINRIQ's Fisher diagonal in closed form: "
        f"{1000 * by_pixel:.0f} ms by pixel (as published), {1000 * by_block:.0f} ms by block\n"
        "(stable). One forward and backward of the same network over the same pixels: "
        f"{1000 * base:.0f} ms.\nRatios {ratios}."
    )
    print(lines[-1])
    versions = {"torch": torch.__version__, "python": platform.python_version(), "threads": 1}
    RESULTS.write_text(json.dumps({"rows": rows, "fisher": fisher, **versions}, indent=1) + "\n")
    RESULTS.with_suffix(".md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
