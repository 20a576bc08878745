"""Blocking work beside the event loop, in threads that nobody has to wait for."""

from __future__ import annotations

import asyncio
import contextvars
import os
import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import ParamSpec, TypeVar

_Result = TypeVar("_Result")
_Arguments = ParamSpec("_Arguments")

KEPT = 8
"""Threads kept for the next work. To start one, the event loop waits until the system runs it,
which takes 5 to 100 ms on a busy machine."""


class _Worker(threading.Thread):
    """Does one work after the other."""

    def __init__(self) -> None:
        super().__init__(name="inrcodec-background", daemon=True)
        self.works: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()

    def run(self) -> None:
        while True:
            self.works.get()()
            if len(_free) >= KEPT:
                return
            _free.append(self)


_free: list[_Worker] = []
_at_work: set[object] = set()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_free.clear)  # they are threads of the parent
    os.register_at_fork(after_in_child=_at_work.clear)


def in_thread(
    work: Callable[_Arguments, _Result], *arguments: _Arguments.args, **named: _Arguments.kwargs
) -> asyncio.Future[_Result]:
    """Begin some work in a thread that does no other; return the future of what it returns or
    raises.

    Executors, and so `asyncio.to_thread`, wait for their threads at the end of the process, and
    refuse work once the main script has ended. Of a future that is cancelled the thread goes on by
    itself, and neither the event loop nor the interpreter waits for it.
    """
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[_Result] = loop.create_future()
    context = contextvars.copy_context()

    def run() -> None:
        found = outcome_of(partial(context.run, work, *arguments, **named))
        _at_work.discard(outcome)
        with suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(settle, outcome, *found)

    try:
        worker = _free.pop()
    except IndexError:
        worker = _Worker()
        worker.start()
    _at_work.add(outcome)
    worker.works.put(run)
    return outcome


def outcome_of(work: Callable[[], _Result]) -> tuple[_Result | None, BaseException | None]:
    """Do some work; return (what it returns, what it raises), one of which is None."""
    try:
        return work(), None
    except BaseException as error:
        return None, error


def settle(
    future: asyncio.Future[_Result], result: _Result | None, error: BaseException | None
) -> None:
    """Give a future its outcome, if anybody still waits for it."""
    if future.done():
        return
    if error is None:
        future.set_result(result)  # type: ignore[arg-type]
    else:
        future.set_exception(error)


def at_work() -> bool:
    """Whether there is work that still goes on. A program that ends then should do so by
    `os._exit`: the interpreter ends such threads amid the code of libraries, which may abort."""
    return bool(_at_work)
