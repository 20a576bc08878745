"""Time and memory of every metric for a 768 x 512 pair, on one thread; what INRIQ's core costs.

Times are those of the processor, which other work on the machine hardly changes.

    python -m benchmarks.speed.metrics --shared ../shared/data

"prepare" is what depends on the reference alone (a fit for INRIQ, half of the denoising for IEM),
"score" each decoded picture after that: median of five, also by megapixel. "memory" is by how
much the process grows at most while it prepares and scores, by megapixel: each metric has a process
of its own. Metrics whose weights or packages are missing are left out. The last lines compare the
closed-form Fisher diagonal with one forward and backward of the same network over the same
pixels. Results in results/speed/metrics.json and .md. `--metrics a,b` measures those anew and
keeps the other rows.
"""

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch

from inrcodec.codec.fitting.networks.batches import TILE_PIXELS
from inrcodec.codec.networks.positions import coordinates
from inrcodec.codec.networks.siren import Siren
from inrcodec.images.reading import read_image
from inrcodec.metrics.metric_table import METRICS
from inrcodec.metrics.quality.fisher import squared_gradients
from inrcodec.metrics.quality.inriq import BLOCK, PLANS

RESULTS = Path(__file__).parents[1] / "results/speed/metrics.json"


def seconds(work: Callable[[], object], repeats: int = 5) -> float:
    """Median time of the processor."""
    times = []
    for _ in range(repeats):
        started = time.process_time()
        work()
        times.append(time.process_time() - started)
    return statistics.median(times)


def fisher_ratio() -> dict:
    """Seconds of both closed forms and of forward and backward of a loss, tile by tile."""
    height, width = 512, 768
    plan = PLANS["stable"]
    model = Siren(plan.width, plan.layers, plan.frequencies, 3)
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
        squared_gradients(model, plain, residual[None], block=block)

    times: dict[str, list[float]] = {"forward_backward": [], "by_pixel": [], "by_block": []}
    for _ in range(5):  # in turns, so that a busy machine slows all of them
        times["forward_backward"].append(seconds(forward_backward, 1))
        times["by_pixel"].append(seconds(lambda: closed_form(1), 1))
        times["by_block"].append(seconds(lambda: closed_form(BLOCK), 1))
    return {f"{name}_s": statistics.median(values) for name, values in times.items()}


def measured(name: str, shared: Path) -> dict:
    """One metric: seconds, and bytes by which this process grew."""
    metric = METRICS[name]
    reference = read_image(shared / "kodak/kodim15.png").pixels
    noise = np.random.default_rng(0).normal(0, 8, reference.shape)
    decoded = np.clip(reference + noise, 0, 255).astype(np.uint8)
    metric.scorer(reference[:176, :176])(decoded[:176, :176])  # imports and weights
    before = resident_bytes()
    started = time.process_time()
    scorer = metric.scorer(reference)
    prepared = time.process_time() - started if metric.prepares else 0.0
    elapsed = seconds(lambda: scorer(decoded))
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before
    megapixels = reference.shape[0] * reference.shape[1] / 1e6
    return {
        "metric": name,
        "prepare_s": prepared,
        "score_s": elapsed,
        "score_ms_per_megapixel": 1000 * elapsed / megapixels,
        "memory_bytes_per_megapixel": max(0, grown) / megapixels,
    }


def resident_bytes() -> int:
    """What this process holds of memory now (Linux)."""
    pages = Path("/proc/self/statm").read_text().split()[1]
    return int(pages) * resource.getpagesize()


def in_a_process(name: str, shared: Path) -> dict:
    """`measured` in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.speed.metrics", "--one", name]
    done = subprocess.run(
        [*command, "--shared", str(shared)], stdout=subprocess.PIPE, text=True, check=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def line(row: dict) -> str:
    """A row of the table."""
    values = (
        f"{1000 * row['prepare_s']:.0f}",
        f"{1000 * row['score_s']:.0f}",
        f"{row['score_ms_per_megapixel']:.0f}",
        f"{row['memory_bytes_per_megapixel'] / 2**20:.0f}",
    )
    return f"| {row['metric']} | {' | '.join(values)} |"


def main() -> None:
    """Measure every available metric."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shared", type=Path, default=Path("../shared/data"))
    parser.add_argument("--metrics", help="names separated by commas; others keep their rows")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    os.environ.setdefault("INRCODEC_WEIGHTS", str((arguments.shared / "weights").resolve()))
    if arguments.one:
        print(json.dumps(measured(arguments.one, arguments.shared)))
        return
    known = json.loads(RESULTS.read_text()) if arguments.metrics else {"rows": []}
    wanted = arguments.metrics.split(",") if arguments.metrics else list(METRICS)
    rows = {row["metric"]: row for row in known["rows"]}
    for name in wanted:
        if METRICS[name].trial() is None:
            rows[name] = in_a_process(name, arguments.shared)
            print(line(rows[name]), flush=True)
    fisher = known["fisher"] if arguments.metrics else fisher_ratio()
    base = fisher["forward_backward_s"]
    by_pixel, by_block = (fisher[f"{name}_s"] for name in ("by_pixel", "by_block"))
    lines = [
        "| metric | prepare (ms) | score (ms) | score (ms/MP) | memory (MiB/MP) |",
        "|---|---|---|---|---|",
        *(line(rows[name]) for name in METRICS if name in rows),
        "\nINRIQ's Fisher diagonal in closed form: "
        f"{1000 * by_pixel:.0f} ms by pixel (as published), {1000 * by_block:.0f} ms by block\n"
        "(stable). One forward and backward of the same network over the same pixels: "
        f"{1000 * base:.0f} ms.\nRatios {by_pixel / base:.2f} and {by_block / base:.2f}.",
    ]
    versions = {"torch": torch.__version__, "python": platform.python_version(), "threads": 1}
    kept = {"rows": [rows[name] for name in METRICS if name in rows], "fisher": fisher}
    RESULTS.write_text(json.dumps({**kept, **versions}, indent=1) + "\n")
    RESULTS.with_suffix(".md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
