"""Blocking work beside the event loop."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


def in_thread(work: Callable[..., T], *arguments: object) -> asyncio.Future[T]:
    """Begin `work` in a thread of its own; return the future of its result.

    Executors wait for their threads when the process ends, and refuse work once the main script has
    ended. This thread delays no exit: whoever stops a server does not wait for a file to be read.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def tell(setter: Callable[[Any], None], value: object) -> None:
        if not future.done():
            setter(value)

    def run() -> None:
        try:
            outcome = future.set_result, work(*arguments)
        except BaseException as error:
            outcome = future.set_exception, error  # type: ignore[assignment]
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits
            loop.call_soon_threadsafe(tell, *outcome)

    threading.Thread(target=run, name="inrcodec-server", daemon=True).start()
    return future
