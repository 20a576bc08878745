"""Many tasks, done by processes of this machine or by a Dask cluster.

- `looks`: what is told of them meanwhile;
- `processes` and `cluster`: the two ways.

Importing this package imports neither torch nor numpy, and no Dask.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from typing import TypeVar

from inrcodec.jobs.looks import Finished, Look, Running
from inrcodec.jobs.processes import done_by_processes, usable_cores

__all__ = ["Finished", "Look", "Running", "done", "usable_cores"]

T = TypeVar("T")
R = TypeVar("R")


def done(
    tasks: Iterable[T],
    work: Callable[[T], R],
    *,
    jobs: int | None,
    scheduler: str | None,
    threads: int,
) -> Generator[Look[T, R], None, None]:
    """Do `work`, a function of a module, for each task; yields looks at them.

    With the address of a Dask `scheduler` on its workers, at most `jobs` at once; else in so many
    processes (None: one a core). Each has `threads` threads. Close it to stop. Raises what `work`
    raises, `OptionError` and `ClusterError`.
    """
    if scheduler is None:
        return done_by_processes(tasks, work, jobs or usable_cores(), threads)
    from inrcodec.jobs.cluster import done_by_cluster

    return done_by_cluster(tasks, work, scheduler, jobs, threads)
