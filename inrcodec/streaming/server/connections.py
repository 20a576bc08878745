"""Connections: how many there may be, and how long each may take for a request head."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from inrcodec.streaming.server.options import Limits


class Connections:
    """Watches connections while they owe a request; `slow` is called for each that is too slow, and
    `count` returns the number of all that are open."""

    def __init__(self, limits: Limits, count: Callable[[], int], slow: Callable[[], None]) -> None:
        self._limits, self._count, self._slow = limits, count, slow
        self._timers: dict[Any, asyncio.TimerHandle] = {}

    def __len__(self) -> int:
        return len(self._timers)

    def has_room(self, coming: int) -> bool:
        """Whether there is room for one more beside those that are there and so many to come."""
        return self._count() + coming < self._limits.connections

    def make_room(self) -> bool:
        """Make room for one more: if there are as many as may be, cut the one that has waited for a
        request longest. Return whether there is room."""
        return self.has_room(0) or self.cut_oldest()

    def cut_oldest(self) -> bool:
        """Cut the one that has waited for a request longest; return whether there was one."""
        while self._timers:
            oldest = next(iter(self._timers))
            self.arrived(oldest)
            if _abort(oldest):
                return True
        return False

    def expect(self, protocol: Any) -> None:
        """Wait for a request head, for a while. Those that have gone are let go of in time, too:
        no more are watched than there may be."""
        self.arrived(protocol)
        loop = asyncio.get_running_loop()
        self._timers[protocol] = loop.call_later(self._limits.request_s, self._late, protocol)
        if len(self._timers) > self._limits.connections:
            oldest = next(iter(self._timers))
            self.arrived(oldest)
            _abort(oldest)

    def arrived(self, protocol: Any) -> None:
        """Note that a request head has come."""
        timer = self._timers.pop(protocol, None)
        if timer is not None:
            timer.cancel()

    def _late(self, protocol: Any) -> None:
        """Cut a connection whose time is over."""
        self._timers.pop(protocol, None)
        if _abort(protocol):
            self._slow()


def _abort(protocol: Any) -> bool:
    """Cut a connection; return whether there still was one."""
    if protocol.transport is None:
        return False
    protocol.transport.abort()
    return True
