"""A batch: tasks done by jobs, results written one by one, each with its line in the journal."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Any

from inrcodec.batch.estimate import Estimate, Left
from inrcodec.batch.inputs import Item
from inrcodec.batch.jobs import Running, done_by_jobs
from inrcodec.batch.journal import Entry, Journal, Stamp, marks_of
from inrcodec.batch.planning import Task
from inrcodec.errors import (
    InputError,
    InrCodecError,
    InrCodecWarning,
    MissingExtraError,
    OutputError,
)
from inrcodec.files import read_bytes, write_bytes
from inrcodec.workers import ctrl_c_held_back

Report = dict[str, Any]

Make = Callable[[str, bytes, str, Mapping[str, Any]], tuple[bytes, Report]]
"""Makes a result: of the name of the input, its bytes, the path of the output and the options come
the bytes to write and a report. Raises `InrCodecError`. A function of a module, as it runs in
another process."""


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
    input: Stamp
    elapsed_s: float
    error: InrCodecError | None
    warnings: tuple[str, ...]


def run(
    tasks: list[Task],
    make: Make,
    options: Mapping[str, Any],
    journal: Journal,
    *,
    jobs: int,
) -> Generator[Step, None, None]:
    """Make and write the result of every task in so many processes; yield a few times a second.

    Each process has `options["threads"]` threads. A task that fails costs no other. Closing the
    iterator, or Ctrl-C in it, ends all processes at once; what was written is in the journal.
    Raises `OutputError` if the journal cannot be written, and `MissingExtraError`, which would be
    that of every task.
    """
    estimate = Estimate()
    count, size_bytes = len(tasks), sum(task.size_bytes for task in tasks)

    def begun() -> Iterator[Task]:
        nonlocal count, size_bytes
        for task in tasks:
            count, size_bytes = count - 1, size_bytes - task.size_bytes
            yield task

    work = partial(_make, make, options)
    with closing(done_by_jobs(begun(), work, jobs, options["threads"])) as looks:
        for look in looks:
            outcomes = []
            for each in look.finished:
                made = each.result
                outcomes.append(_outcome(each.task, made, journal))
                if made is not None and made.error is None and not each.is_first:
                    estimate.add(each.task.size_bytes, made.elapsed_s)
            running = [(job.task.size_bytes, job.elapsed_s) for job in look.running]
            yield Step(outcomes, look.running, estimate.left(count, size_bytes, running, jobs))


def _make(make: Make, options: Mapping[str, Any], task: Task) -> _Made:
    """Make a result, in a job; whatever fails is handed back with the file's name."""
    started = time.monotonic()
    name, stamp = task.item.input, Stamp("")
    data, report, failure = b"", Report(), None
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("ignore")
        warnings.filterwarnings("always", category=InrCodecWarning)
        try:
            source, stamp = _read(name)
            data, report = make(name, source, task.output, options)
        except InrCodecError as error:
            failure = error.about(name)
        except MemoryError:
            failure = InrCodecError("not enough memory for this image").about(name)
        except Exception as error:  # a fault of ours on one image must not cost the others
            failure = InrCodecError(f"{type(error).__name__}: {error}").about(name)
    told = [str(each.message) for each in caught]
    named = tuple(text if name in text else f"{name}: {text}" for text in told)
    return _Made(data, report, stamp, time.monotonic() - started, failure, named)


def _read(name: str) -> tuple[bytes, Stamp]:
    """Read an input; its marks are those before, so that a change meanwhile is noticed later."""
    try:
        marks = marks_of(name)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}") from None
    data = read_bytes(name)
    return data, Stamp.of(data, marks)


def _outcome(task: Task, made: _Made | None, journal: Journal) -> Outcome:
    """Write what a job made, between two lines of the journal."""
    if made is None:
        died = InrCodecError("the process died (out of memory?)").about(task.item.input)
        return Outcome(task.item, error=died)
    if isinstance(made.error, MissingExtraError):
        raise made.error
    if made.error is not None:
        return Outcome(task.item, error=made.error, warnings=made.warnings)
    result, output = task.item.result, Stamp.of(made.data)
    with ctrl_c_held_back():
        journal.add(Entry(result, made.input, journal.options_hash, output))
        try:
            write_bytes(task.output, made.data, replace=task.replace, temporary=journal.temporary)
            written = Stamp(output.sha256, marks_of(task.output))
        except InrCodecError as error:
            return Outcome(task.item, error=error, warnings=made.warnings)
        except OSError as error:  # someone has removed it already
            gone = OutputError(f"{task.output}: cannot be read: {error.strerror}")
            return Outcome(task.item, error=gone, warnings=made.warnings)
        journal.add(Entry(result, made.input, journal.options_hash, written))
    return Outcome(task.item, made.report, warnings=made.warnings)
