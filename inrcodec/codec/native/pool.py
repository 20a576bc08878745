"""Threads of the compiled kernels: work cut into bands of rows, one a thread.

A thread holds no interpreter lock while a kernel computes, and sleeps while it waits. Torch should
have one thread at the same time: its idle threads spin, and two of them beside two of ours make a
step as slow as one alone.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import cache
from itertools import pairwise

from inrcodec.codec.native.denormals import begin_without, flushed, flushing
from inrcodec.errors import OptionError

MOST_THREADS = 4
"""Without being asked. Threads of the kernels do not spin, so a busy machine does no harm; beyond a
few, what only one thread does takes most of a step."""

SMALLEST_BAND = 8192
"""Positions below which another thread costs more than it does."""


class _Threads(threading.local):
    count = 1
    smallest_band = SMALLEST_BAND


THREADS = _Threads()
"""How many compute for a thread that calls, itself included, and the fewest positions that another
one is worth."""


def checked_count(count: int | None) -> int | None:
    """A number of threads as it is; raises `OptionError` for what is not None or in 1 .. 1024."""
    if count is not None and (type(count) is not int or not 1 <= count <= 1024):
        raise OptionError(f"threads must be a whole number in [1, 1024], got {count!r}")
    return count


def kernel_count(asked: int | None) -> int:
    """Threads of the compiled kernels: as many as asked for, or one for each of a few cores."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return checked_count(asked) or min(MOST_THREADS, cores or 1)


@contextmanager
def kernel_threads(asked: int | None, smallest_band: int = SMALLEST_BAND) -> Iterator[None]:
    """Compute with so many threads for a while, or with one for each of a few cores, each of at
    least `smallest_band` positions; raises `OptionError` as `checked_count`."""
    before = THREADS.count, THREADS.smallest_band
    THREADS.count, THREADS.smallest_band = kernel_count(asked), smallest_band
    try:
        yield
    finally:
        THREADS.count, THREADS.smallest_band = before


def bands_of(
    rows: int, width: int, even: bool = False, smallest: int | None = None
) -> list[tuple[int, int]]:
    """(first, last) of about equal shares of rows, one for each thread worth having, each of
    `smallest` positions or more."""
    smallest = smallest or THREADS.smallest_band
    count = max(1, min(THREADS.count, rows * width // smallest, rows // 2 or 1))
    edges = [rows * k // count for k in range(count + 1)]
    if even:
        edges = [edge - edge % 2 for edge in edges[:-1]] + [rows]
    return list(pairwise(edges))


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(os.cpu_count(), "inrcodec", initializer=begin_without)


def _began_by_fork() -> bool:
    """Whether multiprocessing forked this process, maybe before anything of this package was
    imported; those that it spawns, or a server forks, have its name among their arguments."""
    process = sys.modules.get("multiprocessing.process")
    is_child = process is not None and process.parent_process() is not None
    return is_child and not any("multiprocessing" in word for word in sys.orig_argv)


class _Process:
    forked = _began_by_fork()


def is_forked() -> bool:
    """Whether this process was forked from one that may have computed. It has the memory of its
    parent's threads but none of them, so those of OpenMP, which torch has, would wait for ever."""
    return _Process.forked


def _after_fork() -> None:
    _pool.cache_clear()
    _Process.forked = True


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def run(work: Callable[[int], None], count: int, positions: int | None = None) -> None:
    """work(0), work(1), ... on as many threads as may be, this one included; each of so many
    `positions`, by default as many as make another thread worth it."""
    smallest = THREADS.smallest_band
    enough = positions is None or positions * count >= 2 * smallest
    helpers = min(THREADS.count, count) - 1 if enough else 0
    if helpers < 1:
        for k in range(count):
            work(k)
        return
    left = iter(range(count))

    def several() -> None:
        try:
            for k in left:  # one iterator for all: a range iterator's next is atomic
                work(k)
        finally:
            for _ in left:  # of a failure or Ctrl-C: nobody begins anything more
                pass

    flush = flushing()

    def helping() -> None:
        with flushed(flush):
            several()

    waiting = []
    try:
        for _ in range(helpers):
            waiting.append(_pool().submit(helping))
    except RuntimeError as error:
        if "cannot schedule" not in str(error):
            raise
        # the main script has ended, and with it every pool: the calling thread does the rest
    try:
        several()
    finally:
        wait(waiting)  # what they write to may be gone afterwards
    for future in waiting:
        future.result()
