"""Connections that have not sent a whole request head: each has a time, and together a number."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from inrcodec.streaming.server.options import Limits


class Connections:
    """Watches connections while they owe a request; `cut` is called for each that is too slow."""

    def __init__(self, limits: Limits, cut: Callable[[], None]) -> None:
        self._limits, self._cut = limits, cut
        self._timers: dict[Any, asyncio.TimerHandle] = {}

    def __len__(self) -> int:
        return len(self._timers)

    def expect(self, protocol: Any) -> None:
        """Wait for a request head; beyond the limit, the connection that waited longest is cut."""
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
            self._cut()


def _abort(protocol: Any) -> bool:
    """Cut a connection; return whether there still was one."""
    if protocol.transport is None:
        return False
    protocol.transport.abort()
    return True
