"""Processor time of one training step of sine layers: compiled kernels beside torch, in one run.

    python -m benchmarks.speed.sine_step

Mean squared error and its gradient on a grid of 64 x 96 positions, behind a first layer, on one
thread; the best of eight. "kernel" goes by the outputs, as losses other than squared error do.
"""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from torch import Tensor

from benchmarks.common import parser_of
from inrcodec.codec import native
from inrcodec.codec.networks import sines

RESULTS = Path(__file__).parents[1] / "results/speed/sine_step.json"
TABLE = RESULTS.with_suffix(".md")

ROWS, COLUMNS = 64, 96
NETWORKS = ((16,) * 4, (40,) * 6, (64,) * 6, (120, 50, 28, 16), (128,) * 5)
REPEATS = 8


def main() -> None:
    """Measure and write the table."""
    parser_of(__doc__).parse_args()
    torch.set_num_threads(1)
    rows = [measure(widths) for widths in NETWORKS]
    level = next((name for name in native.LEVELS if native.load(name)), "none")
    RESULTS.write_text(
        json.dumps({"torch": torch.__version__, "kernels": level, "rows": rows}, indent=1)
    )
    names = [name for name in rows[0] if name != "widths"]
    text = [
        f"Milliseconds of one step, {ROWS} x {COLUMNS} positions, one thread:",
        "",
        f"| widths | {' | '.join(names)} |",
        "|---" * (len(names) + 1) + "|",
    ]
    for row in rows:
        shown = " ".join(map(str, row["widths"]))
        text.append(f"| {shown} | {' | '.join(f'{row[name]:.1f}' for name in names)} |")
    TABLE.write_text("\n".join(text) + "\n")
    print(TABLE.read_text())


def measure(widths: tuple[int, ...]) -> dict:
    """All ways of one network."""
    torch.manual_seed(0)
    down, across = torch.randn(ROWS, widths[0]), torch.randn(COLUMNS, widths[0])
    parameters = []
    for fan_in, width in zip(widths, [*widths[1:], 3], strict=True):
        parameters += [torch.randn(width, fan_in) / fan_in**0.5, torch.randn(width)]
    leaves = [t.requires_grad_() for t in (down, across, *parameters)]
    target = torch.randn(ROWS, COLUMNS, 3)

    def in_torch(precision: torch.dtype) -> Tensor:
        made = sines.in_torch(down, across, parameters, None, precision)
        return (made - target).square().mean()

    def by_outputs() -> Tensor:
        return (sines.sine_layers(down, across, parameters) - target).square().mean()

    return {
        "widths": widths,
        "squared error": timed(
            lambda: sines.squared_error(down, across, parameters, None, target), leaves
        ),
        "kernel": timed(by_outputs, leaves),
        "torch bfloat16": timed(lambda: in_torch(torch.bfloat16), leaves),
        "torch float32": timed(lambda: in_torch(torch.float32), leaves),
    }


def timed(step: Callable[[], Tensor], leaves: list[Tensor]) -> float:
    """Milliseconds of processor time."""
    best = float("inf")
    for _ in range(REPEATS):
        for leaf in leaves:
            leaf.grad = None
        begun = time.process_time()
        torch.autograd.backward(step())
        best = min(best, time.process_time() - begun)
    return best * 1e3


if __name__ == "__main__":
    main()
