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


def parser_of(
    doc: str | None,
    data: str | None = None,
    *,
    processes: int | None = None,
    threads: int | None = None,
) -> argparse.ArgumentParser:
    """A parser that shows a script's first line. With `data`, a folder of photographs, it has also
    `--data`; with `processes` or `data`, where many fits are done (`workers_of`); with `threads`,
    `--threads` of each. Numbers are defaults."""
    parser = argparse.ArgumentParser(description=(doc or "").splitlines()[0])
    if data is not None:
        parser.add_argument("--data", type=Path, default=Path("../shared/data") / data)
    if data is not None or processes is not None:
        default = 1 if processes is None else processes
        parser.add_argument("--processes", type=int, help=f"Of this machine (default: {default}).")
        parser.add_argument(
            "--scheduler",
            metavar="tcp://HOST:PORT",
            help="A Dask cluster that does it instead, so many at once as --processes, if given.",
        )
        parser.set_defaults(usual_processes=default)
    if threads is not None:
        parser.add_argument("--threads", type=int, default=threads)
    return parser


def workers_of(arguments: argparse.Namespace) -> dict[str, Any]:
    """What the arguments say of where work is done, as `run_jobs` and `metrics.curves.rd.run` take
    it: processes, scheduler and, if asked for, threads."""
    processes = arguments.processes
    if processes is None and arguments.scheduler is None:
        processes = arguments.usual_processes
    found = {"processes": processes, "scheduler": arguments.scheduler}
    return found | ({"threads": arguments.threads} if "threads" in arguments else {})


def stored_rows(path: Path, renamed: Mapping[str, str] | None = None) -> list[JsonRow]:
    """The rows of a file, none if it is not there; `renamed` maps keys of old rows to today's."""
    if not path.exists():
        return []
    names = renamed or {}
    rows = map(json.loads, path.read_text().splitlines())
    return [{names.get(key, key): value for key, value in row.items()} for row in rows]


def run_jobs(
    path: Path,
    jobs: Iterable[Job],
    measure: Callable[[Job], JsonRow | list[JsonRow]],
    *,
    processes: int | None,
    scheduler: str | None,
    threads: int = 1,
) -> Iterator[JsonRow]:
    """Measure every job, where `workers_of` says; yield its row, or rows, after they were appended
    to `path`."""
    looks = done(jobs, measure, jobs=processes, scheduler=scheduler, threads=threads)
    with closing(looks), path.open("a") as file:
        for finished in (each for look in looks for each in look.finished):
            if finished.result is None:
                raise SystemExit(f"{finished.task}: the process died (out of memory?)")
            rows = finished.result if isinstance(finished.result, list) else [finished.result]
            file.writelines(json.dumps(row) + "\n" for row in rows)
            file.flush()
            yield from rows
