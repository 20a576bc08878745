"""Processes of this machine that each do one task at a time.

Each is a pool of one process (workers.py), so that a process which dies, as for
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
from itertools import islice
from typing import Any, TypeVar

from inrcodec.jobs.looks import LOOK_S, Finished, Look, Running
from inrcodec.workers import ctrl_c_held_back, workers

T = TypeVar("T")
R = TypeVar("R")


def usable_cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def done_by_processes(
    tasks: Iterable[T], work: Callable[[T], R], jobs: int, threads: int
) -> Generator[Look[T, R], None, None]:
    """Do `work`, a function of a module, for each task in so many processes of `threads` threads.

    Yields a look whenever one has finished, and a few times a second. All processes end when this
    is closed or raises, at once, whatever they do. What `work` raises is raised here.
    """
    waiting = iter(tasks)
    running: dict[Future[R], tuple[T, _Process, float]] = {}
    with _Processes(threads) as pool:
        while True:
            for task in islice(waiting, jobs - len(running)):
                with ctrl_c_held_back():
                    job = pool.free_one()
                    running[job.pool.submit(work, task)] = task, job, time.monotonic()
            if not running:
                return
            wait(running, timeout=LOOK_S, return_when=FIRST_COMPLETED)
            finished = []
            for future in [future for future in running if future.done()]:
                task, job, _ = running.pop(future)
                finished.append(Finished(task, pool.result(future, job), job.done == 1))
            now = time.monotonic()
            rest = [Running(task, now - begun) for task, _, begun in running.values()]
            yield Look(finished, rest, jobs)


@dataclass(eq=False, slots=True)
class _Process:
    """A pool of one process, what closes it, and how many tasks it was done with."""

    pool: ProcessPoolExecutor
    end: ExitStack
    done: int = 0


class _Processes:
    """All jobs, which end with this context, and those of them that are free."""

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._all: list[_Process] = []
        self._free: list[_Process] = []
        self._end = ExitStack()

    def __enter__(self) -> _Processes:
        return self

    def __exit__(self, kind: type[BaseException] | None, *details: Any) -> None:
        for job in self._all:
            if kind is None:
                job.pool.shutdown(wait=False)  # all at once: each takes a moment
            else:  # they end by themselves, too, but not while they load torch, which takes seconds
                for process in list((job.pool._processes or {}).values()):
                    process.kill()
        self._end.__exit__(kind, *details)

    def free_one(self) -> _Process:
        """Take a job that has nothing to do; a new one, if there is none."""
        if self._free:
            return self._free.pop()
        end = self._end.enter_context(ExitStack())
        self._all.append(_Process(end.enter_context(workers(1, self._threads)), end))
        return self._all[-1]

    def result(self, future: Future[R], job: _Process) -> R | None:
        """What a job has done, None if it died; it is free again, or gone."""
        job.done += 1
        try:
            result = future.result()
        except BrokenProcessPool:
            self._all.remove(job)
            job.end.close()
            return None
        self._free.append(job)
        return result
