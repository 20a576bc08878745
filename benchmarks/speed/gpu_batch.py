"""Images a minute of `inrcodec encode FOLDER --device cuda` beside one core of the CPU.

    python -m benchmarks.speed.gpu_batch --beside "nothing else"

Needs a GPU that torch can use; without one it says so and measures nothing. The same photographs
are encoded at one effort (5, the default) by the GPU, with so many `--jobs`, and by one process of
one thread. Times are those of whole commands, with their start; the core may do fewer images
(`--core-images`). Bytes and PSNR of the images that both did stand beside the times, as stacked
fits are to come to the same but for rounding errors. `steps` has the seconds of a step and the
memory of stacks of more and more images, which the limit of a stack (`BYTES_A_PIXEL` of
`StackedFit`) is to cover. Written to results/speed/gpu_batch.json with the names of the GPU and of
the processor, and what else ran.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.common import JsonRow, parser_of

RESULTS = Path(__file__).parents[1] / "results/speed/gpu_batch.json"
STACKS, STEPS = (1, 4, 16, 64), 20


def main() -> None:
    """Measure both ways and the steps, and write what was found."""
    parser = parser_of(__doc__, "kodak")
    parser.add_argument("--effort", type=int, default=5)
    parser.add_argument("--jobs", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--core-images", type=int, default=4)
    parser.add_argument("--beside", default="not said", help="What else ran on the machine.")
    arguments = parser.parse_args()
    gpu = gpu_name()
    images = sorted(arguments.data.glob("*.png"))
    if not images:
        raise SystemExit(f"{arguments.data}: no PNG files")
    effort = ["-e", str(arguments.effort)]
    ways = {f"{gpu}, {jobs} jobs": encoded(images, *effort, "--device", "cuda", "--jobs", str(jobs))
            for jobs in arguments.jobs}  # fmt: skip
    ways["one core"] = encoded(images[: arguments.core_images], *effort, "--jobs", "1")
    both = set.intersection(*(set(rows) for _, rows in ways.values()))
    report = {
        "gpu": gpu,
        "processor": platform.processor() or platform.machine(),
        "effort": arguments.effort,
        "beside": arguments.beside,
        "ways": [way_row(name, *measured, both) for name, measured in ways.items()],
        "steps": [step_row(images[0], count, arguments.effort) for count in STACKS],
    }
    RESULTS.write_text(json.dumps(report, indent=1) + "\n")
    print(RESULTS.read_text())


def gpu_name() -> str:
    """The name of the GPU; ends the script where there is none."""
    import torch

    if not torch.cuda.is_available():
        raise SystemExit("no GPU that torch can use: nothing was measured")
    return torch.cuda.get_device_name()


def encoded(images: list[Path], *options: str) -> tuple[float, dict[str, JsonRow]]:
    """Seconds of a command that encodes images, and its report of each by name."""
    command = [sys.executable, "-m", "inrcodec", "encode", *map(str, images), "--json", *options]
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        done = subprocess.run(
            [*command, "-o", f"{folder}/"],
            check=True,
            stdout=subprocess.PIPE,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        elapsed_s = time.perf_counter() - started
    rows = map(json.loads, done.stdout.splitlines())
    return elapsed_s, {Path(row["input"]).name: row for row in rows}


def way_row(name: str, elapsed_s: float, rows: dict[str, JsonRow], both: set[str]) -> JsonRow:
    """What a way took, and what it made of the images that every way encoded."""
    alike = [row for image, row in rows.items() if image in both]
    return {
        "way": name,
        "images": len(rows),
        "elapsed_s": round(elapsed_s, 2),
        "images_a_minute": round(60 * len(rows) / elapsed_s, 2),
        "images_compared": len(alike),
        "size_bytes": sum(row["size_bytes"] for row in alike),
        "mean_psnr_db": round(sum(row["psnr_db"] for row in alike) / len(alike), 3),
    }


def step_row(image: Path, count: int, effort: int) -> dict[str, Any]:
    """Seconds and memory of a step of a stack of one image, so many times."""
    import torch

    from inrcodec.codec.fitting.coolchic.encoder import GridEncoding
    from inrcodec.codec.fitting.coolchic.stacked.fit import StackedFit
    from inrcodec.codec.fitting.plan import plan_of
    from inrcodec.codec.options import EncodeOptions
    from inrcodec.images.reading import read_image

    picture = read_image(image)
    plan = plan_of(EncodeOptions(effort=effort), picture)
    fits = [GridEncoding(picture, plan).fits[0] for _ in range(count)]
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    stack = StackedFit(fits, torch.device("cuda"))
    stack.advance()
    torch.cuda.synchronize()
    started = time.perf_counter()
    for _ in range(STEPS):
        stack.advance()
    torch.cuda.synchronize()
    elapsed_s = (time.perf_counter() - started) / STEPS
    peak = torch.cuda.max_memory_allocated() - before
    return {
        "images": count,
        "step_s": round(elapsed_s, 5),
        "image_steps_a_second": round(count / elapsed_s, 1),
        "bytes_a_pixel": round(peak / (count * picture.width * picture.height)),
    }


if __name__ == "__main__":
    main()
