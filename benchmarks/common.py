"""What several scripts share: their arguments, crops, and rows that a stopped run keeps."""

import argparse
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

from inrcodec.jobs import done

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
    """Measure every job in processes of one thread; yield its row after it was appended to
    `path`."""
    looks = done(jobs, measure, jobs=processes, scheduler=None, threads=1)
    with closing(looks), path.open("a") as file:
        for finished in (each for look in looks for each in look.finished):
            if finished.result is None:
                raise SystemExit(f"{finished.task}: the process died (out of memory?)")
            file.write(json.dumps(finished.result) + "\n")
            file.flush()
            yield finished.result
