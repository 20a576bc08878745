"""Signals in a running event loop, where the system's loops know any."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def calling(call: Callable[[], object], *signals: int) -> Iterator[None]:
    """Call that for each of these signals instead of stopping; on Windows they stop as always."""
    loop = asyncio.get_running_loop()
    heard = () if sys.platform == "win32" else signals
    for number in heard:
        loop.add_signal_handler(number, call)
    try:
        yield
    finally:
        for number in heard:
            loop.remove_signal_handler(number)
