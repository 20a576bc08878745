"""Who gets a session: offers are checked, sessions are counted, told of and ended."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

from aiohttp import web

from inrcodec.streaming.server import events
from inrcodec.streaming.server.options import Limits, ServerOptions
from inrcodec.streaming.server.replies import RETRY
from inrcodec.streaming.server.sessions import Session
from inrcodec.streaming.transport.signaling import MAX_OFFER_BYTES, START_HEADER, checked_offer

if TYPE_CHECKING:
    from inrcodec.streaming.protocol.stream import Stream

END_S = 5.0
"""Seconds in which sessions that were told to stop let go of their connections."""


class Sessions:
    """The sessions of a server; `len` is the number there are now. What they do is added to the
    counters `count`."""

    def __init__(self, options: ServerOptions, limits: Limits, count: Counter[str]) -> None:
        self._options, self._limits, self._count = options, limits, count
        self._sessions: dict[str, tuple[Session, asyncio.Task[None]]] = {}
        self._made = 0
        self.draining = False

    def __len__(self) -> int:
        return len(self._sessions)

    async def drain(self) -> None:
        """Take no more sessions, let those there finish for a while, then end them."""
        self.draining = True
        await self._wait(self._limits.drain_s)
        for session, _ in list(self._sessions.values()):
            session.stop()
        await self._wait(END_S)

    async def _wait(self, seconds: float) -> None:
        """Wait until all sessions are over, but not longer than that."""
        tasks = [task for _, task in self._sessions.values()]
        if tasks:
            await asyncio.wait(tasks, timeout=seconds)

    def check(self, request: web.Request, address: str) -> None:
        """Raise the reply that refuses an offer of `address`, before the file it asks for is read
        and before it is read itself."""
        if request.content_type != "application/sdp":
            raise web.HTTPUnsupportedMediaType
        if self.draining:
            raise web.HTTPServiceUnavailable(headers=RETRY)
        if (request.content_length or 0) > MAX_OFFER_BYTES:
            raise web.HTTPRequestEntityTooLarge(MAX_OFFER_BYTES, request.content_length or 0)
        self._check_room(address)

    async def offer_of(self, request: web.Request) -> str:
        """Return the offer of a request; raises `OfferError`, and the reply to one that is slow."""
        try:
            body = await asyncio.wait_for(request.read(), self._limits.request_s)
        except asyncio.TimeoutError:
            raise web.HTTPRequestTimeout from None
        return checked_offer(body)

    async def begin(
        self, request: web.Request, address: str, offer: str, stream: Stream
    ) -> web.Response:
        """Begin a session of `address` with a stream, and answer its offer."""
        session = self._make(request, address, stream)
        try:
            first = request.headers.get(START_HEADER)
            answer = await asyncio.wait_for(session.answer(offer, first), self._limits.connect_s)
        except BaseException as error:
            session.stop()
            if isinstance(error, asyncio.TimeoutError):
                raise web.HTTPRequestTimeout from None
            raise
        return web.Response(
            status=201,
            text=answer,
            content_type="application/sdp",
            headers={"Location": f"/sessions/{session.id}"},
        )

    def end(self, name: str) -> web.Response:
        """End the session of this name; raises the reply if there is none."""
        found = self._sessions.get(name)
        if found is None:
            raise web.HTTPNotFound
        found[0].stop()
        return web.Response(status=204)

    def _make(self, request: web.Request, address: str, stream: Stream) -> Session:
        """Make a session, which runs from now on; raises the reply if there is no room."""
        self._check_room(address)
        own = request.transport.get_extra_info("sockname") if request.transport else None
        local = str(own[0]) if own else self._options.host
        lost = self._options.simulated_packet_loss.draws(self._options.seed + self._made)
        self._made += 1
        session = Session(stream, address, local, self._limits, lost, self._count)
        self._sessions[session.id] = session, asyncio.create_task(self._run(session))
        self._count["inrcodec_sessions_total"] += 1
        return session

    def _check_room(self, address: str) -> None:
        """Raise the reply that says that there are too many sessions, if there are."""
        if len(self._sessions) >= self._limits.sessions:
            raise web.HTTPServiceUnavailable(headers=RETRY)
        beside = sum(session.address == address for session, _ in self._sessions.values())
        if beside >= self._limits.sessions_per_address:
            raise web.HTTPTooManyRequests(headers=RETRY)

    async def _run(self, session: Session) -> None:
        try:
            await session.run()
        finally:
            del self._sessions[session.id]
            events.tell("session", **session.facts())
