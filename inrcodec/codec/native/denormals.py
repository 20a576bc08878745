"""Subnormal numbers taken for 0 for a while, on this thread and on those that help it (pool.py).

They make matrix products several times slower, and no weight or colour is told from 0 by them.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from inrcodec.codec.native import kernel, library


class _Thread(threading.local):
    flushing = False


_THREAD = _Thread()


def flushing() -> bool:
    """Whether this thread is within `flushed`."""
    return _THREAD.flushing


def begin_without() -> None:
    """Let a new thread take subnormal numbers as they are: it has inherited what the thread that
    started it did at that moment."""
    if library() is not None:
        kernel("flush_denormals")(0)


@contextmanager
def flushed(wanted: bool = True) -> Iterator[None]:
    """Take subnormal numbers for 0 on this thread, then do as before; without compiled kernels, or
    if not `wanted`, nothing changes."""
    if not wanted or library() is None:
        yield
        return
    before = _THREAD.flushing, kernel("flush_denormals")(1)
    _THREAD.flushing = True
    try:
        yield
    finally:
        _THREAD.flushing = before[0]
        kernel("flush_denormals")(before[1])
