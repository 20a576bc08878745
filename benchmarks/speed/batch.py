"""Images a minute of `inrcodec encode FOLDER`, by jobs and by threads.

    python -m benchmarks.speed.batch --images 8 --effort 1 --beside "nothing else"

Four ways to encode the same images, which take turns in every round: one job of one thread, one job
whose kernels have a thread a core, a process a core (what the command does by default), and one
process with a thread a core that each encode images of their own. Times are those of the whole
command, with its start, and those after as many results as there are cores, when every process has
loaded torch; images a minute are those of that time. The least of `--rounds` counts. Processor time
of all processes, from their start, hardly depends on what else runs: where two jobs take as much as
one, cores that are free make them twice as fast. Written to results/speed/batch.json with the
processors and what else ran (`--beside`).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from benchmarks.common import parser_of
from inrcodec.jobs import usable_cores

RESULTS = Path(__file__).parents[1] / "results/speed/batch.json"


def main() -> None:
    """Measure all ways, and write their times."""
    parser = parser_of(__doc__, "kodak")
    parser.add_argument("--images", type=int, default=8)
    parser.add_argument("--effort", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--beside", default="not said", help="What else ran on the machine.")
    parser.add_argument("--threads-over", nargs="+", type=Path, help="Used by this script itself.")
    arguments = parser.parse_args()
    cores = usable_cores()
    if arguments.threads_over:
        encode_in_threads(arguments.threads_over, cores, arguments.effort)
        return
    images = [str(path) for path in sorted(arguments.data.glob("*.png"))[: arguments.images]]
    command = [sys.executable, "-m", "inrcodec", "encode", *images, "--json"]
    command += ["-e", str(arguments.effort)]
    itself = [sys.executable, "-m", "benchmarks.speed.batch", "--effort", str(arguments.effort)]
    ways = {
        "1 job of 1 thread": [*command, "--jobs", "1"],
        f"1 job of {cores} threads": [*command, "--jobs", "1", "--threads", str(cores)],
        f"{cores} jobs of 1 thread": [*command, "--jobs", str(cores)],
        f"{cores} threads with an image each": [*itself, "--threads-over", *images],
    }
    rows: dict[str, list[tuple[float, ...]]] = {name: [] for name in ways}
    for _ in range(arguments.rounds):
        for name, way in ways.items():
            rows[name].append(times(way, len(images), cores))
            print(name, rows[name][-1], flush=True)
    report = {
        "images": len(images),
        "effort": arguments.effort,
        "rounds": arguments.rounds,
        "cores": cores,
        "threads_of_a_core": threads_of_a_core(),
        "beside": arguments.beside,
        "ways": [row(name, measured, len(images) - cores) for name, measured in rows.items()],
    }
    RESULTS.write_text(json.dumps(report, indent=1) + "\n")
    print(RESULTS.read_text())


def row(name: str, measured: list[tuple[float, ...]], images: int) -> dict[str, Any]:
    """The least times of a way, and its images a minute of those that came after the first ones."""
    whole, after, cpu = (min(column) for column in zip(*measured, strict=True))
    return {
        "way": name,
        "elapsed_s": round(whole, 2),
        "after_first_ones_s": round(after, 2),
        "cpu_s": round(cpu, 2),
        "images_a_minute": round(60 * images / after, 2),
    }


def times(command: list[str], images: int, first: int) -> tuple[float, float, float]:
    """Seconds of a command that prints a line an image: of all, after the `first` ones, and of
    processors."""
    with tempfile.TemporaryDirectory() as folder:
        if "inrcodec" in command:
            command = [*command, "-o", f"{folder}/"]
        started = time.perf_counter()
        job = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        assert job.stdout is not None  # noqa: S101
        seen = [time.perf_counter() for _ in job.stdout]
        _, status, used = os.wait4(job.pid, 0)
        if status or len(seen) != images:
            raise SystemExit(f"{' '.join(command)} ended with {status}, {len(seen)} lines")
        ended = time.perf_counter()
        return ended - started, seen[-1] - seen[first - 1], used.ru_utime + used.ru_stime


def encode_in_threads(images: list[Path], threads: int, effort: int) -> None:
    """Encode images in threads of this process, and decode each as the command does."""
    import inrcodec

    def encoded(path: Path) -> str:
        data = inrcodec.encode(path, effort=effort, threads=1)
        return f"{path} {len(data)} {inrcodec.decode(data, threads=1).shape}"

    with ThreadPoolExecutor(threads) as pool:
        for future in as_completed([pool.submit(encoded, path) for path in images]):
            print(future.result(), flush=True)


def threads_of_a_core() -> int | None:
    """How many of the processors share one core with the first (Linux): its sisters and itself."""
    try:
        path = "/sys/devices/system/cpu/cpu0/topology/thread_siblings"
        return int(Path(path).read_text().replace(",", ""), 16).bit_count()
    except OSError:
        return None


if __name__ == "__main__":
    main()
