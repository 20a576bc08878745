"""Blocking work beside the event loop, in threads that nobody has to wait for."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import ParamSpec, TypeVar

_Result = TypeVar("_Result")
_Arguments = ParamSpec("_Arguments")

_at_work: set[threading.Thread] = set()


def in_thread(
    work: Callable[_Arguments, _Result], *arguments: _Arguments.args, **named: _Arguments.kwargs
) -> asyncio.Future[_Result]:
    """Begin some work in a thread of its own; return the future of what it returns or raises.

    Executors, and so `asyncio.to_thread`, wait for their threads at the end of the process, and
    refuse work once the main script has ended. Of a future that is cancelled the thread goes on by
    itself, and neither the event loop nor the interpreter waits for it.
    """
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[_Result] = loop.create_future()
    context = contextvars.copy_context()

    def run() -> None:
        try:
            settle = partial(outcome.set_result, context.run(work, *arguments, **named))
        except BaseException as error:
            settle = partial(outcome.set_exception, error)
        _at_work.discard(threading.current_thread())
        with suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(lambda: None if outcome.done() else settle())

    thread = threading.Thread(target=run, name="inrcodec-background", daemon=True)
    _at_work.add(thread)
    thread.start()
    return outcome


def at_work() -> bool:
    """Whether there is work that still goes on. A program that ends then should do so by
    `os._exit`: the interpreter ends such threads amid the code of libraries, which may abort."""
    return bool(_at_work)
