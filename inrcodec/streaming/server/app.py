"""`inrcodec serve`: files over HTTP and over WebRTC data channels. A thin shell of asyncio around
library.py (what there is), signaling.py (who may), ranges.py (HTTP) and sessions.py (channels).

    GET  /files/NAME          the file; Range, ETag, and its layers in a header
    GET  /blobs/SHA256.inr    the same by content, immutable
    POST /files/NAME          an SDP offer -> 201, an answer, the Location of a session
    DELETE /sessions/ID       end it
    GET  /, /healthz, /metrics
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiohttp import web

from inrcodec.errors import InrCodecError, StreamError
from inrcodec.streaming.server.library import Library
from inrcodec.streaming.server.ranges import content
from inrcodec.streaming.server.sessions import Limits, Session
from inrcodec.streaming.simulated.link import NO_LOSS, Loss
from inrcodec.streaming.transport import webrtc
from inrcodec.streaming.transport.signaling import (
    LAYERS_HEADER,
    MAX_OFFER_BYTES,
    START_HEADER,
    Access,
    OfferError,
    checked_offer,
)

if TYPE_CHECKING:
    from inrcodec.streaming.protocol.stream import Stream

PIECE_BYTES = 1 << 16
"""Of a download, written at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerOptions:
    """`origins` are the exact origins that pages may ask from; `loss` drops media on purpose."""

    host: str = "127.0.0.1"
    port: int = 8750
    token: str | None = None
    origins: tuple[str, ...] = ()
    loss: Loss = NO_LOSS
    seed: int = 0
    limits: Limits = field(default_factory=Limits)


class Server:
    """The application; `start` listens, `close` drains."""

    def __init__(self, library: Library, options: ServerOptions) -> None:
        webrtc.require()
        self.options, self._library = options, library
        self._access = Access(options.token)
        self.count: Counter[str] = Counter()
        self._sessions: dict[str, tuple[Session, asyncio.Task[None]]] = {}
        self._draining = False
        self._made = 0
        self._waiting: dict[Any, asyncio.TimerHandle] = {}
        self._runner: web.AppRunner | None = None
        self._listener: asyncio.Server | None = None
        self._downloads: Counter[str] = Counter()
        self._readers = ThreadPoolExecutor(2, "inrcodec-read")
        self.port = options.port

    async def start(self) -> None:
        """Listen; raises `StreamError` if the address cannot be had."""
        app = web.Application(middlewares=[self._guard], client_max_size=MAX_OFFER_BYTES)
        app.router.add_get("/", self._index)
        app.router.add_get("/files/{name}", self._file)
        app.router.add_get("/blobs/{name}", self._blob)
        app.router.add_post("/files/{name}", self._offer)
        app.router.add_delete("/sessions/{id}", self._end)
        app.router.add_get("/healthz", self._health)
        app.router.add_get("/metrics", self._metrics)
        runner = web.AppRunner(
            app,
            access_log=None,
            handle_signals=False,
            keepalive_timeout=15,
            shutdown_timeout=self.options.limits.drain_s,
        )
        await runner.setup()
        self._runner = runner
        make = runner.server
        if make is None:
            raise StreamError("the server cannot be set up")

        def connection() -> asyncio.Protocol:
            protocol = make()
            self._await_request(protocol)
            return protocol

        loop = asyncio.get_running_loop()
        try:
            host, port = self.options.host, self.options.port
            self._listener = await loop.create_server(connection, host, port, backlog=512)
        except OSError as error:
            raise StreamError(f"cannot listen on {host}:{port}: {error.strerror}") from None
        self.port = self._listener.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Take no more sessions, let those there finish for a while, then end them."""
        self._draining = True
        tasks = [task for _, task in self._sessions.values()]
        if tasks:
            await asyncio.wait(tasks, timeout=self.options.limits.drain_s)
        for session, _ in list(self._sessions.values()):
            session.stop()
        tasks = [task for _, task in self._sessions.values()]
        if tasks:
            await asyncio.wait(tasks, timeout=5)
        if self._listener is not None:
            self._listener.close()
        if self._runner is not None:
            await self._runner.cleanup()
        self._readers.shutdown(wait=False, cancel_futures=True)

    @property
    def sessions(self) -> int:
        """How many there are now."""
        return len(self._sessions)

    def _await_request(self, protocol: Any) -> None:
        """Cut a connection that does not come with a whole request head in time."""

        def cut() -> None:
            self._waiting.pop(protocol, None)
            if protocol.transport is not None:
                self.count["inrcodec_slow_connections_total"] += 1
                protocol.transport.abort()

        timer = asyncio.get_running_loop().call_later(self.options.limits.request_s, cut)
        self._waiting[protocol] = timer
        if len(self._waiting) > self.options.limits.connections:
            oldest = next(iter(self._waiting))
            self._waiting.pop(oldest).cancel()
            if oldest.transport is not None:
                oldest.transport.abort()

    @web.middleware
    async def _guard(
        self,
        request: web.Request,
        handler: Callable[[web.Request], Awaitable[web.StreamResponse]],
    ) -> web.StreamResponse:
        """Time, CORS, access, and one shape for errors."""
        timer = self._waiting.pop(request.protocol, None)
        if timer is not None:
            timer.cancel()
        self.count["inrcodec_requests_total"] += 1
        cors = self._cors(request)
        try:
            if request.method == "OPTIONS" and len(cors) > 1:
                return web.Response(status=204, headers=cors | _PREFLIGHT)
            if not self._access.allows(
                request.path, request.headers.get("Authorization"), dict(request.query)
            ):
                raise web.HTTPUnauthorized(headers={"WWW-Authenticate": "Bearer"})
            response = await handler(request)
            if not response.prepared:
                response.headers.update(cors)
            return response
        except web.HTTPException as error:
            plain = web.Response(status=error.status, text=f"{error.reason}\n", headers=cors)
            for name in ("WWW-Authenticate", "Retry-After", "Allow"):
                if name in error.headers:
                    plain.headers[name] = error.headers[name]
            return plain
        except KeyError:
            return web.Response(status=404, text="there is no such file\n", headers=cors)
        except OfferError as error:
            return web.Response(status=400, text=f"{error}\n", headers=cors)
        except InrCodecError as error:
            return web.Response(status=422, text=f"{error}\n", headers=cors)
        finally:
            if request.protocol.transport is not None:
                self._await_request(request.protocol)

    def _cors(self, request: web.Request) -> dict[str, str]:
        origin = request.headers.get("Origin")
        if origin is None or origin not in self.options.origins:
            return {"Vary": "Origin"} if self.options.origins else {}
        exposed = f"Location, ETag, Content-Range, {LAYERS_HEADER}"
        return {
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Expose-Headers": exposed,
            "Vary": "Origin",
        }

    async def _index(self, request: web.Request) -> web.Response:
        return web.json_response({"files": await self._in_thread(self._library.names)})

    async def _file(self, request: web.Request) -> web.StreamResponse:
        stream = await self._in_thread(self._library.stream, request.match_info["name"])
        return await self._send(request, stream, "no-cache")

    async def _blob(self, request: web.Request) -> web.StreamResponse:
        digest, _, extension = request.match_info["name"].partition(".")
        if extension != "inr":
            raise KeyError(digest)
        stream = await self._in_thread(self._library.by_digest, digest)
        who = "public" if self.options.token is None else "private"
        return await self._send(request, stream, f"{who}, max-age=31536000, immutable")

    async def _in_thread(self, work: Callable[..., Any], *arguments: object) -> Any:
        """What reads files, in one of two threads."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._readers, work, *arguments)

    async def _send(self, request: web.Request, stream: Stream, caching: str) -> web.StreamResponse:
        """The file or a range of it, a piece at a time, to whoever goes on reading."""
        address, limits = request.remote or "", self.options.limits
        if self._downloads[address] >= limits.sessions_per_address:
            raise web.HTTPTooManyRequests(headers={"Retry-After": "5"})
        status, headers, body = content(request, stream, caching)
        response = web.StreamResponse(status=status, headers=headers | self._cors(request))
        response.content_length = len(body)
        self._downloads[address] += 1
        try:
            await response.prepare(request)
            for at in range(0, len(body) if request.method == "GET" else 0, PIECE_BYTES):
                piece = body[at : at + PIECE_BYTES]
                await asyncio.wait_for(response.write(piece), limits.silence_s)
            await response.write_eof()
        except asyncio.TimeoutError:
            if request.transport is not None:
                request.transport.abort()
        finally:
            self._downloads[address] -= 1
            if not self._downloads[address]:
                del self._downloads[address]
        return response

    async def _offer(self, request: web.Request) -> web.Response:
        limits = self.options.limits
        if request.content_type != "application/sdp":
            raise web.HTTPUnsupportedMediaType
        if self._draining:
            raise web.HTTPServiceUnavailable(headers={"Retry-After": "5"})
        if (request.content_length or 0) > MAX_OFFER_BYTES:
            raise web.HTTPRequestEntityTooLarge(MAX_OFFER_BYTES, request.content_length or 0)
        address = request.remote or ""
        self._check_room(address)
        name = request.match_info["name"]
        stream = await self._in_thread(self._library.stream, name)
        try:
            body = await asyncio.wait_for(request.read(), limits.request_s)
        except asyncio.TimeoutError:
            raise web.HTTPRequestTimeout from None
        offer = checked_offer(body)
        self._check_room(address)
        self._made += 1
        own = request.transport.get_extra_info("sockname") if request.transport else None
        local = str(own[0]) if own else self.options.host
        losses = self.options.loss.losses(self.options.seed + self._made - 1)
        session = Session(stream, address, local, limits, losses, self.count)
        task = asyncio.create_task(self._run(session))
        self._sessions[session.id] = session, task
        self.count["inrcodec_sessions_total"] += 1
        try:
            first = request.headers.get(START_HEADER)
            answer = await asyncio.wait_for(session.answer(offer, first), limits.connect_s)
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

    def _check_room(self, address: str) -> None:
        """Raise what says that there are too many sessions."""
        limits = self.options.limits
        if len(self._sessions) >= limits.sessions:
            raise web.HTTPServiceUnavailable(headers={"Retry-After": "5"})
        beside = sum(session.address == address for session, _ in self._sessions.values())
        if beside >= limits.sessions_per_address:
            raise web.HTTPTooManyRequests(headers={"Retry-After": "5"})

    async def _run(self, session: Session) -> None:
        try:
            await session.run()
        finally:
            del self._sessions[session.id]

    async def _end(self, request: web.Request) -> web.Response:
        found = self._sessions.get(request.match_info["id"])
        if found is None:
            raise KeyError("session")
        found[0].stop()
        return web.Response(status=204)

    async def _health(self, request: web.Request) -> web.Response:
        status, text = (503, "draining") if self._draining else (200, "ok")
        return web.Response(status=status, text=f"{text}\n")

    async def _metrics(self, request: web.Request) -> web.Response:
        """Prometheus text."""
        lines = ["# TYPE inrcodec_sessions gauge", f"inrcodec_sessions {len(self._sessions)}"]
        for name in sorted({*self.count, "inrcodec_sessions_total", "inrcodec_sent_bytes_total"}):
            lines += [f"# TYPE {name} counter", f"{name} {self.count[name]}"]
        return web.Response(text="\n".join(lines) + "\n", content_type="text/plain")


_PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, POST, DELETE",
    "Access-Control-Allow-Headers": f"Authorization, Content-Type, Range, {START_HEADER}",
    "Access-Control-Max-Age": "600",
}
