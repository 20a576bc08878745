"""A batch: tasks done by jobs, results written as they come, each with its line in the journal."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Any

from inrcodec.batch.estimate import Estimate, Left
from inrcodec.batch.grouping import groups_of
from inrcodec.batch.inputs import Item
from inrcodec.batch.journal import Entry, Journal, Stamp
from inrcodec.batch.making import (
    Given,
    Group,
    Made,
    Make,
    Report,
    Stages,
    make_each,
    make_together,
    private_inputs,
)
from inrcodec.batch.planning import Task
from inrcodec.batch.storage import reason_of
from inrcodec.errors import DeviceError, InrCodecError, MissingExtraError, OutputError
from inrcodec.jobs import Running, done
from inrcodec.workers import ctrl_c_held_back


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


def run(
    tasks: list[Task],
    make: Make,
    options: Mapping[str, Any],
    journal: Journal,
    *,
    jobs: int | None,
    scheduler: str | None = None,
    stages: Stages | None = None,
) -> Generator[Step, None, None]:
    """Make and write the result of every task; yield a few times a second.

    So many processes of this machine do it, each with `options["threads"]` threads; with a
    `scheduler` the workers of its cluster, and at most `jobs` at once. A task that
    fails costs no other. With `stages`, which stand for `make`, each does several tasks at once
    (grouping.py); of a group whose process dies, each is done again by itself. Closing the
    iterator, or Ctrl-C in it, ends all processes at once; what was written is in the journal.
    Raises `OutputError` if the journal cannot be written, `ClusterError`, and `MissingExtraError`
    and `DeviceError`, which would be those of every task.
    """
    estimate = Estimate()
    count = size_bytes = 0

    def begun(groups: Sequence[Sequence[Task]]) -> Iterator[Group]:
        nonlocal count, size_bytes
        for group in groups:
            count -= len(group)
            size_bytes -= sum(task.size_bytes for task in group)
            yield tuple(Given(task, private_inputs(task)) for task in group)

    groups: Sequence[Sequence[Task]] = [[task] for task in tasks]
    work: Callable[[Group], list[Made]] = partial(make_each, make, options)
    if stages is not None:
        groups = groups_of(tasks)
        work = partial(make_together, stages, options, 1 / (jobs or 1))
    threads = options["threads"]
    while groups:
        died: list[Sequence[Task]] = []
        count += sum(map(len, groups))
        size_bytes += sum(task.size_bytes for group in groups for task in group)
        looks = done(begun(groups), work, jobs=jobs, scheduler=scheduler, threads=threads)
        with closing(looks):
            for look in looks:
                finished: list[tuple[Task, Made | None]] = []
                for each in look.finished:
                    group = [given.task for given in each.task]
                    if each.result is None and len(group) > 1:
                        died += [[task] for task in group]
                        continue
                    made: Sequence[Made | None] = [None] if each.result is None else each.result
                    finished += zip(group, made, strict=True)
                    for task, one in zip(group, made, strict=True):
                        if one is not None and one.error is None and not each.is_first:
                            estimate.add(task.size_bytes, one.elapsed_s)
                outcomes = _outcomes(finished, journal)
                running = [
                    Running(given.task, job.elapsed_s) for job in look.running for given in job.task
                ]
                sizes = [
                    (given.task.size_bytes, job.elapsed_s / len(job.task))
                    for job in look.running
                    for given in job.task
                ]
                yield Step(outcomes, running, estimate.left(count, size_bytes, sizes, look.at_once))
        groups = died


def _outcomes(finished: Sequence[tuple[Task, Made | None]], journal: Journal) -> list[Outcome]:
    """Write what jobs made, between two additions to the journal."""
    outcomes, good = [], []
    for task, made in finished:
        if made is None:
            died = InrCodecError("the process died (out of memory?)").about(task.item.input)
            outcomes.append(Outcome(task.item, error=died))
        elif isinstance(made.error, MissingExtraError | DeviceError):
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


def _written(good: list[tuple[Task, Made]], journal: Journal) -> list[Stamp | InrCodecError]:
    """Write results, several at a time where that is faster; their stamps or errors."""

    def write(row: tuple[Task, Made]) -> Stamp | InrCodecError:
        return _write(*row, journal)

    at_once = min(journal.place.at_once, len(good))
    if at_once < 2:
        return [write(row) for row in good]
    with ThreadPoolExecutor(at_once) as pool:
        return list(pool.map(write, good))


def _write(task: Task, made: Made, journal: Journal) -> Stamp | InrCodecError:
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
    task: Task, made: Made, journal: Journal, output: Stamp, *, with_report: bool = False
) -> Entry:
    """The line of a result."""
    options = journal.hash_of(task.item.options)
    report = made.report if with_report else None
    return Entry(task.item.result, made.inputs, options, output, report)
