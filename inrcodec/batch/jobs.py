"""Jobs: processes that each do one task at a time.

Each job is a pool of one process (metrics/curves/workers.py), so that a process which dies, as for
want of memory, costs the task that it had and no other.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Generic, TypeVar

from inrcodec.metrics.curves.workers import ctrl_c_held_back, workers

T = TypeVar("T")
R = TypeVar("R")

LOOK_S = 0.25
"""Seconds between two looks at jobs of which none has finished."""


@dataclass(frozen=True, slots=True)
class Running(Generic[T]):
    """A task in a job, and the seconds it has taken so far."""

    task: T
    elapsed_s: float


@dataclass(frozen=True, slots=True)
class Finished(Generic[T, R]):
    """A task that is done, and what came of it (None: its process died). The first one of a process
    takes longer: it loads the code."""

    task: T
    result: R | None
    is_first: bool


@dataclass(frozen=True, slots=True)
class Look(Generic[T, R]):
    """Tasks that finished since the last look, and those that run."""

    finished: list[Finished[T, R]]
    running: list[Running[T]]


@dataclass(eq=False, slots=True)
class _Job:
    """A pool of one process, what ends it, and how many tasks it has done."""

    pool: ProcessPoolExecutor
    end: ExitStack
    done: int = 0


def usable_cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def done_by_jobs(
    tasks: Iterable[T], work: Callable[[T], R], jobs: int, threads: int
) -> Generator[Look[T, R], None, None]:
    """Do `work`, a function of a module, for each task in so many processes of `threads` threads.

    Yields a look whenever one has finished, and a few times a second. All processes end when this
    is closed or raises, at once, whatever they do. What `work` raises is raised here.
    """
    waiting = iter(tasks)
    with ExitStack() as stack:
        free: list[_Job] = []
        all_jobs: list[_Job] = []
        running: dict[Future[R], tuple[T, _Job, float]] = {}
        while True:
            while len(running) < jobs:
                try:
                    task = next(waiting)
                except StopIteration:
                    break
                with ctrl_c_held_back():
                    if not free:
                        end = stack.enter_context(ExitStack())
                        free.append(_Job(end.enter_context(workers(1, threads)), end))
                        all_jobs.append(free[-1])
                    job = free.pop()
                    running[job.pool.submit(work, task)] = task, job, time.monotonic()
            if not running:
                break
            wait(running, timeout=LOOK_S, return_when=FIRST_COMPLETED)
            finished: list[Finished[T, R]] = []
            for future in [future for future in running if future.done()]:
                task, job, _ = running.pop(future)
                try:
                    finished.append(Finished(task, future.result(), not job.done))
                    job.done += 1
                    free.append(job)
                except BrokenProcessPool:
                    finished.append(Finished(task, None, not job.done))
                    job.end.close()
                    all_jobs.remove(job)
            now = time.monotonic()
            rest = [Running(task, now - begun) for task, _, begun in running.values()]
            yield Look(finished, rest)
        for job in all_jobs:  # all at once: each takes a moment to end
            job.pool.shutdown(wait=False)
