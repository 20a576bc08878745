"""Measure rate-distortion curves over images and codecs: in parallel, resumable, in one file.

    points = [Point("webp", {"quality": q}) for q in (20, 50, 80)]
    points += [Point("inrcodec", {"bpp": 0.3, "time_limit": 60})]
    for row in run({"kodim01": "kodim01.png"}, points, "rows.jsonl", metrics=["psnr"]):
        print(row["codec"], row["bits_per_pixel"], row["metrics"])
    bpp, values = curve(read_rows("rows.jsonl"), "webp", "psnr")

`table.py` makes records, CSV and Parquet of rows.
A row is written as one line of JSON when it is done, so a run can be stopped and started again. A
script that uses processes needs `if __name__ == "__main__":`, because they are spawned.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from inrcodec.errors import (
    InputError,
    InrCodecError,
    MissingExtraError,
    OptionError,
    RateError,
)
from inrcodec.jobs import done
from inrcodec.metrics import metric_table
from inrcodec.metrics.curves.bd import Delta, bd_metric, bd_rate
from inrcodec.metrics.curves.row import (
    Point,
    Row,
    Task,
    current_names,
    measure,
    stored_key,
    subject,
    task,
    to_line,
    told_settings,
)

__all__ = ["Comparison", "Point", "Row", "bd_table", "curve", "read_rows", "run"]


@dataclass(frozen=True, slots=True)
class Comparison:
    """A codec compared with the anchor: `rate` in percent, `gain` in units of the metric.

    `gain` is codec minus anchor, so less is better where a lower metric is. `reason` says why one
    or both are missing.
    """

    codec: str
    rate: Delta | None
    gain: Delta | None
    reason: str | None = None


def run(
    images: Mapping[str, object],
    points: Iterable[Point],
    path: str | os.PathLike[str],
    *,
    metrics: Sequence[str] = ("psnr",),
    processes: int | None = 1,
    scheduler: str | None = None,
    threads: int = 1,
    seeds: Sequence[int] = (0,),
    skip_unmet: bool = False,
    on_failure: Callable[[InrCodecError], None] | None = None,
) -> Iterator[Row]:
    """Measure every point on every image with every seed that `path` lacks; yields rows as they
    are written.

    `images` maps a name to anything `as_picture` takes. Each of the `processes` (None: one a core)
    works with `threads` threads; with 0 processes all happens in this one, on the threads it has.
    With the address of a Dask `scheduler` ("tcp://HOST:PORT") its workers do the work, and read
    images that are paths themselves. Codecs that have no seed are run once.

    Bad arguments raise `InrCodecError` here, before any work; so does a row that fails later,
    naming image and codec, or it is handed to `on_failure`, and the others go on. Rows that were
    written stay, also after Ctrl-C. `skip_unmet` leaves out rates that a codec cannot meet.
    """
    if threads < 1 or (processes is not None and processes < 0):
        raise OptionError(f"need 0 or more processes and a thread, got {processes} and {threads}")
    for name in metrics:
        metric_table.metric(name).require()
    chosen = list(points)
    subjects = [subject(name, source) for name, source in images.items()]
    tasks = [
        task(image, point, metrics, seed, threads)
        for image in subjects
        for point in chosen
        for seed in seeds
    ]
    done: dict[str, set[str]] = {}
    for row in read_rows(path, missing_ok=True):
        done.setdefault(stored_key(row), set()).update(row["metrics"])
    missing: dict[str, Task] = {}
    for work in tasks:
        key = work.key()
        if key not in done or not set(metrics) <= done[key]:
            missing.setdefault(key, work)
    made = _here
    if scheduler is not None:
        made = partial(_by_jobs, processes=processes or None, scheduler=scheduler, threads=threads)
    elif processes != 0:
        made = partial(_by_jobs, processes=processes, scheduler=None, threads=threads)
    return _run(list(missing.values()), Path(path), made, skip_unmet, on_failure)


def _run(
    tasks: list[Task],
    path: Path,
    made: Callable[[list[Task]], Generator[_Made, None, None]],
    skip_unmet: bool,
    on_failure: Callable[[InrCodecError], None] | None,
) -> Iterator[Row]:
    """Make the rows and append each to the file before it is handed out."""
    if not tasks:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab+") as file:
        _drop_torn_line(file)
        with closing(made(tasks)) as rows:
            for row in rows:
                if isinstance(row, RateError) and skip_unmet:
                    continue
                if isinstance(row, InrCodecError):
                    if on_failure is None or isinstance(row, MissingExtraError):
                        raise row
                    on_failure(row)
                    continue
                file.write(to_line(row))
                file.flush()
                yield row


_Made = Row | InrCodecError
"""A row, or why there is none."""


def _here(tasks: list[Task]) -> Generator[_Made, None, None]:
    """Make rows in this process."""
    yield from map(partial(_made, measure), tasks)


def _by_jobs(
    tasks: list[Task], *, processes: int | None, scheduler: str | None, threads: int
) -> Generator[_Made, None, None]:
    """Make rows by jobs, as they finish. Of those finished together, failures come last."""
    make = partial(_made, measure)
    looks = done(tasks, make, jobs=processes, scheduler=scheduler, threads=threads)
    with closing(looks):
        for look in looks:
            rows = [
                _died(each.task) if each.result is None else each.result for each in look.finished
            ]
            yield from sorted(rows, key=lambda row: isinstance(row, InrCodecError))


def _made(make: Callable[[Task], Row], work: Task) -> _Made:
    """Make a row; a bug in it raises."""
    try:
        return make(work)
    except InrCodecError as error:
        return error


def _died(work: Task) -> InrCodecError:
    """Make the error of a process that ended without an answer."""
    return InrCodecError(f"{work}: the process died (out of memory?)")


def read_rows(path: str | os.PathLike[str], *, missing_ok: bool = False) -> list[Row]:
    """Read the rows of a file, without a last line that was cut short. Raises `InputError`."""
    try:
        lines = Path(path).read_bytes().split(b"\n")
    except FileNotFoundError:
        if missing_ok:
            return []
        raise InputError(f"{path}: no such file") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    rows = []
    for number, line in enumerate(lines[:-1], 1):
        try:
            row = json.loads(line)
            row["metrics"] = {name: float(value) for name, value in row["metrics"].items()}
            stored_key(row)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise InputError(f"{path}: line {number} is not a row: {error!r}") from None
        rows.append(row)
    return rows


def _drop_torn_line(file: IO[bytes]) -> None:
    """Cut off what follows the last line end: a row that a killed run wrote in part."""
    file.seek(0)
    file.truncate(file.read().rfind(b"\n") + 1)


def curve(
    rows: Iterable[Row], codec: str, metric: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Average bits per pixel and metric of a codec over images, by rising rate.

    One point for each rate asked for, of those measured on every image in `rows`. Of rows for
    the same thing the last counts. Raises `OptionError` where there is no such point, or where the
    codec was run with several settings.
    """
    rows = list(rows)
    pictures = {row["sha256"] for row in rows}
    chosen = {
        stored_key(row): row for row in rows if row["codec"] == codec and metric in row["metrics"]
    }.values()
    settings = (told_settings(codec, row["settings"]) for row in chosen)
    if len({json.dumps(each, sort_keys=True) for each in settings}) > 1:
        raise OptionError(f"{codec} was run with several settings; choose the rows of one")
    groups: dict[str, list[Row]] = {}
    for row in chosen:
        groups.setdefault(json.dumps(current_names(row["asked"])), []).append(row)
    points = sorted(
        (
            float(np.mean([row["bits_per_pixel"] for row in group])),
            float(np.mean([row["metrics"][metric] for row in group])),
        )
        for group in groups.values()
        if len(group) == len(pictures)
    )
    if not points:
        raise OptionError(f"no rate of {codec} has {metric} for all {len(pictures)} images")
    return np.array([rate for rate, _ in points]), np.array([value for _, value in points])


def bd_table(
    rows: Iterable[Row],
    anchor: str,
    metric: str,
    *,
    method: str = "akima",
    least_overlap: float = 0.5,
) -> list[Comparison]:
    """Compare every other codec of `rows` with the anchor, by name; curves as in `curve`.

    Whether higher is better comes from the table of metrics. Where curves cannot be compared, the
    entry says why; raises `OptionError` where the anchor has no curve.
    """
    rows = list(rows)
    base = curve(rows, anchor, metric)
    how: dict[str, Any] = {"method": method, "least_overlap": least_overlap}
    how["higher_is_better"] = metric_table.metric(metric).higher_is_better
    table = []
    for codec in sorted({row["codec"] for row in rows} - {anchor}):
        reason = None
        deltas: dict[str, Delta] = {}
        for name, delta in (("rate", bd_rate), ("gain", bd_metric)):
            try:
                deltas[name] = delta(base, curve(rows, codec, metric), **how)
            except (OptionError, RateError) as error:
                reason = reason or str(error)
        table.append(Comparison(codec, deltas.get("rate"), deltas.get("gain"), reason))
    return table
