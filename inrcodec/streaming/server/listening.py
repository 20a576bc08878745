"""Listening sockets, and a loop that accepts connections from each.

The loop is our own because asyncio's, when descriptors run out, tries as often as the backlog is
long, each time with a traceback, and cannot be told how many connections there may be.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import socket
import time
from collections.abc import Callable
from typing import Any

from inrcodec.errors import StreamError
from inrcodec.streaming.server.connections import Connections
from inrcodec.streaming.transport.threads import in_thread

log = logging.getLogger("inrcodec.server")

BACKLOG = 512
"""Connections the system accepts ahead of the server: a burst of receivers at once."""

NOT_HERE = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)
"""Numbers of errors of an address that this machine does not have: another of the host may do."""

BURST = 32
"""Connections begun at once. To begin one takes some rounds of the event loop: one by one, each
would wait that long for every other that came before it."""

PAUSE_S = 0.1
"""Seconds to wait when the system has no descriptor or memory for a connection."""

WARN_EVERY_S = 60.0
"""Seconds in which that is said once."""


class Listener:
    """Accepts connections at all addresses of a host: as many as `connections` has room for, each
    with a protocol that `make` returns. `refused` is called for each that is not taken."""

    def __init__(
        self,
        connections: Connections,
        make: Callable[[], asyncio.Protocol],
        refused: Callable[[], None],
    ) -> None:
        self._connections, self._make, self._refused = connections, make, refused
        self._sockets: list[socket.socket] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._beginning: set[asyncio.Task[None]] = set()
        self._warned = -WARN_EVERY_S

    async def listen(self, host: str, port: int) -> None:
        """Begin, at the same port of all addresses; raises `StreamError`."""
        missing: OSError | None = None
        try:
            for family, address in await in_thread(_addresses, host, port):
                try:
                    self._sockets.append(_listening(family, address, self.port or port))
                except OSError as error:
                    if error.errno not in NOT_HERE:
                        raise
                    missing = error
            if missing is not None and not self._sockets:
                raise missing
        except OSError as error:
            await self.close()
            reason = error.strerror or error
            raise StreamError(f"cannot listen on {host}:{port}: {reason}") from None
        self._tasks = [asyncio.create_task(self._accept(each)) for each in self._sockets]

    @property
    def port(self) -> int:
        """The TCP port; 0 while there is none."""
        return int(self._sockets[0].getsockname()[1]) if self._sockets else 0

    @property
    def addresses(self) -> list[str]:
        """The addresses that it listens on."""
        return [str(each.getsockname()[0]) for each in self._sockets]

    async def close(self) -> None:
        """Accept no more connections."""
        tasks = [*self._tasks, *self._beginning]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for each in self._sockets:
            each.close()
        self._sockets.clear()

    async def _accept(self, listening: socket.socket) -> None:
        """Accept connections until the listener is closed."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                accepted, _ = await loop.sock_accept(listening)
            except ConnectionError:  # it has gone
                continue
            except OSError as error:
                self._warn(error)
                self._connections.cut_oldest()
                await asyncio.sleep(PAUSE_S)
                continue
            coming = len(self._beginning)
            if coming and (coming >= BURST or not self._connections.has_room(coming)):
                await asyncio.wait(self._beginning)
            if self._connections.make_room():
                beginning = asyncio.create_task(self._begin(accepted))
                self._beginning.add(beginning)
                beginning.add_done_callback(self._beginning.discard)
            else:
                accepted.close()
                self._refused()
                await asyncio.sleep(0)

    async def _begin(self, accepted: socket.socket) -> None:
        """Begin a connection."""

        def protocol() -> asyncio.Protocol:
            made = self._make()
            self._connections.expect(made)
            return made

        try:
            await asyncio.get_running_loop().connect_accepted_socket(protocol, accepted)
        except OSError:  # it has gone
            accepted.close()

    def _warn(self, error: OSError) -> None:
        """Say why no connection can be accepted: in one line, once in a while."""
        if time.monotonic() - self._warned >= WARN_EVERY_S:
            self._warned = time.monotonic()
            log.warning("connections cannot be accepted: %s", error.strerror)


def _addresses(host: str, port: int) -> list[tuple[int, tuple[Any, ...]]]:
    """Return (family, address) for each address of a host; raises `OSError`."""
    flags = socket.AI_PASSIVE
    try:
        found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=flags)
    except UnicodeError:
        raise OSError("there is no such name") from None
    return list(dict.fromkeys((int(family), address) for family, _, _, _, address in found))


def _listening(family: int, address: tuple[Any, ...], port: int) -> socket.socket:
    """Return a socket that listens at a port of an address; raises `OSError`."""
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        if os.name == "posix":
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.setblocking(False)
        made.bind((address[0], port, *address[2:]))
        made.listen(BACKLOG)
    except BaseException:
        made.close()
        raise
    return made
