"""Work in threads that nobody has to wait for, such as decoding and asking a name server."""

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


async def abandonable(
    work: Callable[_Arguments, _Result], *arguments: _Arguments.args, **named: _Arguments.kwargs
) -> _Result:
    """Do some work in a thread of its own; return what it returns, and raise what it raises.

    Cancelled, it returns at once and the thread goes on by itself: neither the event loop nor the
    interpreter waits for it at their end, as they do for `asyncio.to_thread`.
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
    return await outcome


def abandoned() -> bool:
    """Whether there is work that still goes on. A program that ends then should do so by
    `os._exit`: the interpreter ends such threads amid the code of libraries, which may abort."""
    return bool(_at_work)
