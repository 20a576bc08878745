"""A pool of processes that ends with the block, or the process, that started it.

`ProcessPoolExecutor` alone waits for running work when it is left, prints a traceback for each of
its processes on Ctrl-C, and leaves them behind when its owner is killed.
joblib's loky would replace the executor alone: the initialiser, the pipe and the held-back Ctrl-C
below would stay.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection

VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
"""What torch reads when it is first imported; a cluster sets both for its workers."""


@contextmanager
def workers(processes: int, threads: int) -> Iterator[ProcessPoolExecutor]:
    """Open a pool whose processes end at once if this block raises, or if its owner dies.

    Each of them watches a pipe whose other end is held here alone.
    """
    context = get_context("spawn")
    reader, writer = context.Pipe(duplex=False)
    pool = ProcessPoolExecutor(
        processes, mp_context=context, initializer=_start_worker, initargs=(reader, threads)
    )
    try:
        yield pool
    except BaseException:
        writer.close()
        raise
    finally:
        pool.shutdown(cancel_futures=True)
        writer.close()
        reader.close()


def _start_worker(alive: Connection, threads: int) -> None:
    """Start a worker: ignore Ctrl-C, take `threads` threads, and watch the pipe."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    warnings.simplefilter("ignore")  # what its owner should know comes with results
    take_threads(threads)
    threading.Thread(target=_exit_with, args=(alive,), daemon=True).start()


def take_threads(threads: int) -> None:
    """Have the libraries of this process, which is nobody else's, take so many threads."""
    for name in VARIABLES:
        os.environ[name] = str(threads)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(threads)
    from PIL import AvifImagePlugin

    AvifImagePlugin.DEFAULT_MAX_THREADS = threads  # decoders have no option for it


def _exit_with(alive: Connection) -> None:
    """End this process when the other end of the pipe is closed."""
    alive.poll(None)
    os._exit(1)


@contextmanager
def ctrl_c_held_back() -> Iterator[None]:
    """Deliver Ctrl-C later: processes started meanwhile inherit this, and import undisturbed."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
