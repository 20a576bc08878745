"""Handling of signals in a running event loop, on systems whose loops can."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def calling(call: Callable[[], object], *signals: int) -> Iterator[None]:
    """Call `call` on each of these signals instead of stopping; Windows stops as always."""
    import asyncio  # where a loop runs it is there

    loop = asyncio.get_running_loop()
    heard = () if sys.platform == "win32" else signals
    for number in heard:
        loop.add_signal_handler(number, call)
    try:
        yield
    finally:
        for number in heard:
            loop.remove_signal_handler(number)
