"""A batch: tasks done by jobs, results written as they come, each with its line in the journal."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from inrcodec.batch.estimate import Estimate, Left
from inrcodec.batch.inputs import Item
from inrcodec.batch.journal import Entry, Journal, Stamp
from inrcodec.batch.places import place_of
from inrcodec.batch.planning import Task
from inrcodec.batch.storage import reason_of
from inrcodec.errors import (
    InputError,
    InrCodecError,
    MissingExtraError,
    OutputError,
    collected_warnings,
)
from inrcodec.jobs import Finished, Running, done
from inrcodec.workers import ctrl_c_held_back

Report = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Source:
    """An input: its path or URL, and its bytes."""

    name: str
    data: bytes


Make = Callable[[Sequence[Source], str, Mapping[str, Any]], tuple[bytes, Report]]
"""Makes a result: of the inputs, the path of the output and the options come the bytes to write and
a report. Raises `InrCodecError`. A function of a module, as it runs in another process."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an item: a report, or an error that names the file; and warnings."""

    item: Item
    report: Report | None = None
    error: InrCodecError | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """One look at a batch: what finished since the last one, what runs, and the time left if that
    can be told."""

    outcomes: list[Outcome]
    running: list[Running[Task]]
    left: Left | None


@dataclass(frozen=True, slots=True)
class _Made:
    """What a job hands back."""

    data: bytes
    report: Report
    inputs: tuple[Stamp, ...]
    elapsed_s: float
    error: InrCodecError | None
    warnings: tuple[str, ...]


def run(
    tasks: list[Task],
    make: Make,
    options: Mapping[str, Any],
    journal: Journal,
    *,
    jobs: int | None,
    scheduler: str | None = None,
) -> Generator[Step, None, None]:
    """Make and write the result of every task; yield a few times a second.

    So many processes of this machine do it, each with `options["threads"]` threads; with a
    `scheduler` the workers of its cluster, and at most `jobs` at once. A task that
    fails costs no other. Closing the iterator, or Ctrl-C in it, ends all processes at once; what
    was written is in the journal. Raises `OutputError` if the journal cannot be written,
    `ClusterError`, and `MissingExtraError`, which would be that of every task.
    """
    estimate = Estimate()
    count, size_bytes = len(tasks), sum(task.size_bytes for task in tasks)

    def begun() -> Iterator[_Given]:
        nonlocal count, size_bytes
        for task in tasks:
            count, size_bytes = count - 1, size_bytes - task.size_bytes
            yield _Given(task, _private_inputs(task))

    if not tasks:
        return
    work = partial(_make, make, options)
    threads = options["threads"]
    looks = done(begun(), work, jobs=jobs, scheduler=scheduler, threads=threads)
    with closing(looks):
        for look in looks:
            outcomes = _outcomes(look.finished, journal)
            for each in look.finished:
                made = each.result
                if made is not None and made.error is None and not each.is_first:
                    estimate.add(each.task.task.size_bytes, made.elapsed_s)
            sizes = [(job.task.task.size_bytes, job.elapsed_s) for job in look.running]
            left = estimate.left(count, size_bytes, sizes, look.at_once)
            running = [Running(job.task.task, job.elapsed_s) for job in look.running]
            yield Step(outcomes, running, left)


@dataclass(frozen=True, slots=True)
class _Given:
    """What a job is given: a task, and those inputs that it cannot read itself."""

    task: Task
    sources: Mapping[str, tuple[bytes, Stamp]]


def _private_inputs(task: Task) -> dict[str, tuple[bytes, Stamp]]:
    """The inputs that this process alone can see; one that is gone by now fails in the job."""
    found = {}
    for name in task.item.inputs:
        if not place_of(name).is_shared:
            with suppress(InputError):
                found[name] = _read(name)
    return found


def _make(make: Make, options: Mapping[str, Any], given: _Given) -> _Made:
    """Make a result, in a job; whatever fails is handed back with the file's name."""
    started = time.monotonic()
    item, stamps = given.task.item, list[Stamp]()
    data, report, failure = b"", Report(), None
    with collected_warnings() as told:
        try:
            sources = []
            for name in item.inputs:
                source, stamp = given.sources.get(name) or _read(name)
                sources.append(Source(name, source))
                stamps.append(stamp)
            data, report = make(sources, given.task.output, {**options, **item.options})
        except InrCodecError as error:
            failure = error.about(item.input)
        except MemoryError:
            failure = InrCodecError("not enough memory for this image").about(item.input)
        except Exception as error:  # a fault of ours on one image must not cost the others
            failure = InrCodecError(f"{type(error).__name__}: {error}").about(item.input)
    named = tuple(text if item.input in text else f"{item.input}: {text}" for text in told)
    return _Made(data, report, tuple(stamps), time.monotonic() - started, failure, named)


def _read(name: str) -> tuple[bytes, Stamp]:
    """Read an input; its marks are those before, so that a change meanwhile is noticed later."""
    place = place_of(name)
    try:
        marks = place.marks(name)
    except OSError as error:
        raise InputError(f"cannot be read: {reason_of(error)}").about(name) from None
    data = place.read(name)
    return data, Stamp.of(data, marks)


def _outcomes(finished: Sequence[Finished[_Given, _Made]], journal: Journal) -> list[Outcome]:
    """Write what jobs made, between two additions to the journal."""
    outcomes, good = [], []
    for each in finished:
        task, made = each.task.task, each.result
        if made is None:
            died = InrCodecError("the process died (out of memory?)").about(task.item.input)
            outcomes.append(Outcome(task.item, error=died))
        elif isinstance(made.error, MissingExtraError):
            raise made.error
        elif made.error is not None:
            outcomes.append(Outcome(task.item, error=made.error, warnings=made.warnings))
        else:
            good.append((task, made))
    with ctrl_c_held_back():
        journal.add(_entry(task, made, journal, Stamp.of(made.data)) for task, made in good)
        written = _written(good, journal)
        journal.add(
            _entry(task, made, journal, stamp, with_report=journal.keeps_reports)
            for (task, made), stamp in zip(good, written, strict=True)
            if isinstance(stamp, Stamp)
        )
    for (task, made), stamp in zip(good, written, strict=True):
        if isinstance(stamp, Stamp):
            outcomes.append(Outcome(task.item, made.report, warnings=made.warnings))
        else:
            outcomes.append(Outcome(task.item, error=stamp, warnings=made.warnings))
    return outcomes


def _written(good: list[tuple[Task, _Made]], journal: Journal) -> list[Stamp | InrCodecError]:
    """Write results, several at a time where that is faster; their stamps or errors."""

    def write(row: tuple[Task, _Made]) -> Stamp | InrCodecError:
        return _write(*row, journal)

    at_once = min(journal.place.at_once, len(good))
    if at_once < 2:
        return [write(row) for row in good]
    with ThreadPoolExecutor(at_once) as pool:
        return list(pool.map(write, good))


def _write(task: Task, made: _Made, journal: Journal) -> Stamp | InrCodecError:
    """Write a result; its stamp, or why it could not be written."""
    place, path = journal.place, task.output
    try:
        place.write(path, made.data, replace=task.replace, temporary=journal.temporary)
        return Stamp.of(made.data, place.marks(path))
    except InrCodecError as error:
        return error
    except OSError as error:  # someone has removed it already
        return OutputError(f"{path}: cannot be read: {reason_of(error)}")


def _entry(
    task: Task, made: _Made, journal: Journal, output: Stamp, *, with_report: bool = False
) -> Entry:
    """The line of a result."""
    options = journal.hash_of(task.item.options)
    report = made.report if with_report else None
    return Entry(task.item.result, made.inputs, options, output, report)
