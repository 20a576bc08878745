"""Bytes over HTTP, a piece at a time, to whoever goes on reading."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from aiohttp import hdrs, web

from inrcodec.streaming.server.replies import RETRY
from inrcodec.streaming.transport.threads import in_thread

if TYPE_CHECKING:
    from inrcodec.streaming.server.options import Limits
    from inrcodec.streaming.server.references import Reference

PIECE_BYTES = 1 << 16
"""Bytes that are written at once: all of it that a client which does not read can hold."""


class Downloads:
    """The downloads of a server, and requests that wait for a file; `len` is their number now."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._now: Counter[str] = Counter()

    def __len__(self) -> int:
        return self._now.total()

    @contextmanager
    def counted(self, address: str) -> Iterator[None]:
        """Count a request of an address for a file; raises the reply if it has too many."""
        if self._now[address] >= self._limits.sessions_per_address:
            raise web.HTTPTooManyRequests(headers=RETRY)
        self._now[address] += 1
        try:
            yield
        finally:
            self._now[address] -= 1
            if not self._now[address]:
                del self._now[address]

    async def send(
        self, request: web.Request, status: int, headers: dict[str, str], body: memoryview
    ) -> web.StreamResponse:
        """Send bytes; only their number if the request is for the head."""
        response = web.StreamResponse(status=status, headers=headers)
        response.content_length = len(body)
        await response.prepare(request)
        for at in range(0, len(body) if request.method == "GET" else 0, PIECE_BYTES):
            with self._hurry(request):
                await response.write(body[at : at + PIECE_BYTES])
        await response.write_eof()
        return response

    async def send_reference(
        self, request: web.Request, headers: dict[str, str], found: Reference
    ) -> web.StreamResponse:
        """Send an open image, or that it is the version which the client has. A reader of one that
        shrinks meanwhile is cut off."""
        headers |= {"Content-Type": found.type, "ETag": found.tag}
        if request.headers.get(hdrs.IF_NONE_MATCH) == found.tag:
            return await self.send(request, 304, headers, memoryview(b""))
        response = web.StreamResponse(headers=headers)
        response.content_length = left = found.size
        await response.prepare(request)
        while left and request.method == "GET":
            piece = await in_thread(found.file.read, min(left, PIECE_BYTES))
            if not piece:
                if request.transport is not None:
                    request.transport.abort()
                break
            with self._hurry(request):
                await response.write(piece)
            left -= len(piece)
        return response

    @contextmanager
    def _hurry(self, request: web.Request) -> Iterator[None]:
        """Cut the connection if what is done here takes too long. `asyncio.wait_for` would make a
        task for each piece, and leave garbage in cycles behind each client that goes."""
        transport, loop = request.transport, asyncio.get_running_loop()
        late = loop.call_later(self._limits.silence_s, transport.abort) if transport else None
        try:
            yield
        finally:
            if late is not None:
                late.cancel()
