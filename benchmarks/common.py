"""What several scripts share: their arguments, crops, and rows that a stopped run keeps."""

import argparse
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from inrcodec.pixels import Samples

JsonRow = dict[str, Any]
Job = TypeVar("Job")


def parser_of(doc: str | None, data: str | None = None) -> argparse.ArgumentParser:
    """A parser that shows a script's first line; with `data`, a folder of photographs, also
    `--data` and `--processes`."""
    parser = argparse.ArgumentParser(description=(doc or "").splitlines()[0])
    if data is not None:
        parser.add_argument("--data", type=Path, default=Path("../shared/data") / data)
        parser.add_argument("--processes", type=int, default=1)
    return parser


def stored_rows(path: Path, renamed: Mapping[str, str] | None = None) -> list[JsonRow]:
    """The rows of a file, none if it is not there; `renamed` maps keys of old rows to today's."""
    if not path.exists():
        return []
    names = renamed or {}
    rows = map(json.loads, path.read_text().splitlines())
    return [{names.get(key, key): value for key, value in row.items()} for row in rows]


def run_jobs(
    path: Path, jobs: Iterable[Job], measure: Callable[[Job], JsonRow], processes: int
) -> Iterator[JsonRow]:
    """Measure every job in spawned processes; yield its row after it was appended to `path`."""
    pool = ProcessPoolExecutor(processes, mp_context=get_context("spawn"))
    with pool, path.open("a") as file:
        for future in as_completed([pool.submit(measure, job) for job in jobs]):
            row = future.result()
            file.write(json.dumps(row) + "\n")
            file.flush()
            yield row


def middle(pixels: Samples, high: int, wide: int) -> Samples:
    """The middle rows and columns of an image (H, W, C)."""
    top, left = (pixels.shape[0] - high) // 2, (pixels.shape[1] - wide) // 2
    return np.ascontiguousarray(pixels[top : top + high, left : left + wide])
