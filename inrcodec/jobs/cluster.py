"""A Dask cluster, whose workers do what processes of this machine would.

They hand results back, and the process that asked alone writes: so each result is written once,
however often a worker dies. Dask gives a task whose worker died to another one.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import metadata
from itertools import islice
from typing import Any, Generic, TypeVar

from inrcodec import extras
from inrcodec.errors import ClusterError, InrCodecError, OptionError
from inrcodec.jobs.looks import LOOK_S, Finished, Look, Running

T = TypeVar("T")
R = TypeVar("R")

ADDRESS = re.compile(r"(tcp|tls|ucx|ws|wss)://[^\s/]+:\d{1,5}")
CONNECT_S = 10
"""Seconds until a scheduler that does not answer is not there."""


def own_version() -> str:
    """The version of this package that is installed here."""
    return metadata.version("inrcodec")


def check_address(scheduler: str) -> str:
    """The address of a scheduler itself; raises `OptionError` for anything else."""
    if not ADDRESS.fullmatch(scheduler):
        raise OptionError(f"scheduler must look like tcp://HOST:PORT, got {scheduler!r}")
    return scheduler


def done_by_cluster(
    tasks: Iterable[T], work: Callable[[T], R], scheduler: str, most: int | None, threads: int
) -> Generator[Look[T, R], None, None]:
    """Do `work`, a function of a module, for each task on the workers of a scheduler.

    As `done_by_processes`, but one task for each thread of the workers that are there at the time,
    and no more than `most`. When this is closed or raises, what has not begun is dropped, and what
    workers are at is forgotten. A task that took several workers with it is one whose process died.
    Raises `ClusterError`.
    """
    distributed = extras.require("distributed", extra="cluster")
    waiting = iter(tasks)
    running: dict[Any, tuple[T, float]] = {}
    seen: set[str] = set()
    version = own_version()
    with _connected(distributed, check_address(scheduler)) as client:
        try:
            while True:
                at_once = _at_once(client, most)
                for task in islice(waiting, max(0, at_once - len(running))):
                    given = work, task, threads, version
                    future = client.submit(_on_worker, *given, pure=False)
                    running[future] = task, time.monotonic()
                if not running:
                    return
                with suppress(TimeoutError, asyncio.TimeoutError), client.as_current():
                    distributed.wait(list(running), LOOK_S, return_when="FIRST_COMPLETED")
                finished = []
                for future in [future for future in running if future.done()]:
                    task, _ = running.pop(future)
                    done = _result(future, scheduler)
                    is_first = done is not None and done.worker not in seen
                    if done is not None:
                        seen.add(done.worker)
                    result = None if done is None else done.result
                    finished.append(Finished(task, result, is_first))
                now = time.monotonic()
                rest = [Running(task, now - begun) for task, begun in running.values()]
                yield Look(finished, rest, at_once)
        finally:
            with suppress(Exception):  # the connection may be what failed
                client.cancel(list(running), force=True)


@contextmanager
def _connected(distributed: Any, scheduler: str) -> Iterator[Any]:
    """A client of the scheduler; what is wrong with the connection is a `ClusterError`."""
    try:
        client = distributed.Client(scheduler, timeout=CONNECT_S, set_as_default=False)
    except (OSError, ValueError, ImportError) as error:
        reason = re.sub(r"\s+", " ", str(error) or type(error).__name__)
        raise ClusterError(f"no scheduler answers at {scheduler}: {reason}") from None
    try:
        yield client
    except InrCodecError:
        raise
    except (OSError, CancelledError) as error:
        raise ClusterError(f"the scheduler at {scheduler} was lost") from error
    finally:
        with suppress(Exception):
            client.close(timeout=CONNECT_S)


def _at_once(client: Any, most: int | None) -> int:
    """How many tasks to hand out: one at least, which waits for the first worker."""
    threads: int = max(1, sum(client.nthreads().values()))
    return threads if most is None else min(threads, most)


@dataclass(frozen=True, slots=True)
class _Done(Generic[R]):
    """What a worker made, and its name."""

    worker: str
    result: R


def _on_worker(work: Callable[[T], R], task: T, threads: int, version: str) -> _Done[R]:
    """Do a task on a worker; raises `ClusterError` on one with another version of this package,
    whose results would be others."""
    from distributed import get_worker

    from inrcodec.workers import take_threads

    worker: str = get_worker().address
    if version != own_version():
        raise ClusterError(f"the worker {worker} has inrcodec {own_version()}, and not {version}")
    take_threads(threads)
    return _Done(worker, work(task))


def _result(future: Any, scheduler: str) -> _Done[Any] | None:
    """What came of a task; None if workers died of it."""
    from distributed.scheduler import KilledWorker

    if future.cancelled():
        raise ClusterError(f"the scheduler at {scheduler} was lost")
    try:
        done: _Done[Any] = future.result()
    except KilledWorker:
        return None
    except (InrCodecError, OSError, CancelledError):
        raise
    except Exception as error:  # a worker without this package, or with one that cannot load
        raise ClusterError(f"a worker cannot do this: {type(error).__name__}: {error}") from error
    return done
