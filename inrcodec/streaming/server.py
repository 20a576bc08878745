"""`inrcodec serve`: files over HTTP and over WebRTC data channels. A thin shell of asyncio around
library.py (what there is), signaling.py (who may) and session.py (what to send).

    GET  /files/NAME          the file; Range, ETag, and its layers in a header
    GET  /blobs/SHA256.inr    the same by content, immutable
    POST /files/NAME          an SDP offer -> 201, an answer, the Location of a session
    DELETE /sessions/ID       end it
    GET  /, /healthz, /metrics
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import secrets
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiohttp import web

from inrcodec.errors import InrCodecError, PacketError, StreamError
from inrcodec.streaming import peers
from inrcodec.streaming.channel import NO_LOSS, Loss
from inrcodec.streaming.library import Library
from inrcodec.streaming.packets import Mode
from inrcodec.streaming.session import Sender
from inrcodec.streaming.signaling import (
    LAYERS_HEADER,
    MAX_INLINE_BYTES,
    MAX_OFFER_BYTES,
    START_HEADER,
    Access,
    OfferError,
    checked_offer,
    started,
    with_inline,
)

if TYPE_CHECKING:
    from inrcodec.streaming.stream import Stream

HIGH_WATER, LOW_WATER = 1 << 16, 1 << 15
"""Bytes a channel may hold back: more would only stand before what is asked for again."""

MOST_BAD_MESSAGES = 100
PIECE_BYTES = 1 << 16
RATE_AFTER_BYTES = 1 << 15
"""Sent before the rate of a link is believed."""

log = logging.getLogger("inrcodec.streaming")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Of a server: how many, and how long in seconds."""

    sessions: int = 256
    sessions_per_address: int = 32
    connections: int = 1024
    request_s: float = 10.0
    connect_s: float = 10.0
    silence_s: float = 10.0
    session_s: float = 600.0
    drain_s: float = 10.0


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


class Session:
    """One receiver: a peer connection, and the sender that says what it is sent."""

    def __init__(self, server: Server, stream: Stream, address: str, local: str, seed: int) -> None:
        self.id = secrets.token_urlsafe(16)
        self.address, self._local = address, local
        self.connected = False
        self._server, self._sender = server, Sender(stream)
        self._peer = peers.connection()
        self._channels: dict[str, Any] = {}
        self._begun = self._heard = time.monotonic()
        self._started: float | None = None
        self._sent_bytes = self._bad = 0
        self._announced = False
        self._losses: Iterator[bool] = server.options.loss.losses(seed)
        self._over = asyncio.Event()
        self._peer.on("datachannel", self._on_channel)
        self._peer.on("connectionstatechange", self._on_state)

    async def answer(self, offer: str, first: str | None) -> str:
        """The SDP answer, with what can be sent along, to an offer and the messages that came with
        it; raises `OfferError`."""
        from aiortc import RTCSessionDescription

        inline = self._inline(first)
        try:
            self._open(*peers.channels(self._peer))
            await self._peer.setRemoteDescription(RTCSessionDescription(offer, "offer"))
            peers.bind(self._peer, [self._local])
            await self._peer.setLocalDescription(await self._peer.createAnswer())
        except Exception as error:  # aiortc raises whatever its parser meets
            raise OfferError(f"the offer cannot be answered: {type(error).__name__}") from None
        peers.widen(self._peer)
        peers.quicken(self._peer)
        return with_inline(str(self._peer.localDescription.sdp), inline)

    def _inline(self, first: str | None) -> list[bytes]:
        """Manifest and base, for a receiver that has said what it has."""
        if first is None:
            return []
        for datagram in started(first):
            try:
                self._sender.push(datagram)
            except PacketError as error:
                raise OfferError(f"{START_HEADER}: {error}") from None
        self._announced = True
        base = self._sender.base(MAX_INLINE_BYTES)
        self._server.count["inrcodec_sent_bytes_total"] += sum(map(len, base))
        return [self._sender.manifest(), *base]

    async def run(self) -> None:
        """Until the receiver is through, silent, or out of time; then let go of everything."""
        limits = self._server.options.limits
        try:
            while not self._over.is_set():
                now = time.monotonic()
                until = self._begun + limits.session_s
                if self.connected:
                    until = min(until, self._heard + limits.silence_s)
                else:
                    until = min(until, self._begun + limits.connect_s)
                if now >= until:
                    break
                with contextlib.suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(self._over.wait(), until - now)
        finally:
            with contextlib.suppress(Exception):
                await self._peer.close()
            self._peer.remove_all_listeners()
            self._channels.clear()

    def stop(self) -> None:
        """End it soon."""
        self._over.set()

    def _on_state(self) -> None:
        if self._peer.connectionState in ("failed", "closed"):
            self.stop()

    def _open(self, control: Any, media: Any) -> None:
        """Take the channels, which open when the receiver is there."""
        self._channels = {peers.CONTROL: control, peers.MEDIA: media}
        for channel in (control, media):
            channel.bufferedAmountLowThreshold = LOW_WATER
            channel.on("bufferedamountlow", self._pump)
            channel.on("close", self.stop)
            channel.on("open", self._on_open)
        control.on("message", self._on_message)

    def _on_open(self) -> None:
        self.connected, self._heard = True, time.monotonic()
        if not self._announced and self._channels[peers.CONTROL].readyState == "open":
            self._announced = True
            self._channels[peers.CONTROL].send(self._sender.manifest())
        self._pump()

    def _on_channel(self, channel: Any) -> None:
        """A channel nobody asked for."""
        self.stop()

    def _count(self, size_bytes: int) -> None:
        self._server.count["inrcodec_sent_bytes_total"] += size_bytes
        self._sent_bytes += size_bytes

    def _on_message(self, message: object) -> None:
        try:
            answer = self._sender.push(message)  # type: ignore[arg-type]
        except PacketError:
            self._bad += 1
            self._server.count["inrcodec_bad_messages_total"] += 1
            if self._bad > MOST_BAD_MESSAGES:
                self.stop()
            return
        self._heard = time.monotonic()
        if answer is not None and self._channels[peers.CONTROL].bufferedAmount < HIGH_WATER:
            self._channels[peers.CONTROL].send(answer)
        if self._sender.stopped:
            self.stop()
        self._pump()

    def _pump(self) -> None:
        """Send by priority for as long as little is held back: all channels share one queue."""
        control = self._channels.get(peers.CONTROL)
        reliable = self._sender.mode == Mode.RELIABLE
        media = control if reliable else self._channels.get(peers.MEDIA)
        if control is None or media is None or self._over.is_set():
            return
        if control.readyState != "open" or media.readyState != "open":
            return
        count = self._server.count
        while control.bufferedAmount + media.bufferedAmount < HIGH_WATER:
            self._adapt(control.bufferedAmount + media.bufferedAmount)
            outgoing = self._sender.next()
            if outgoing is None:
                return
            if self._started is None:
                self._started = time.monotonic()
            if outgoing.note:
                control.send(outgoing.datagram)
                continue
            self._count(len(outgoing.datagram))
            if not reliable and next(self._losses):
                count["inrcodec_dropped_on_purpose_total"] += 1
                continue
            media.send(outgoing.datagram)

    def _adapt(self, held_bytes: int) -> None:
        """Leave out the layers that would come later than the receiver cares to wait for."""
        if self._sender.patience_s == math.inf:
            return
        layer, size = self._sender.ahead
        gone = self._sent_bytes - held_bytes
        if not layer or self._started is None or gone < RATE_AFTER_BYTES:
            return
        took = time.monotonic() - self._started
        if took + (held_bytes + size) * took / gone > self._sender.patience_s:
            self._sender.drop(layer)


class Server:
    """The application; `start` listens, `close` drains."""

    def __init__(self, library: Library, options: ServerOptions) -> None:
        peers.require()
        self.options, self._library = options, library
        self._access = Access(options.token)
        self.count: Counter[str] = Counter()
        self._sessions: dict[str, tuple[Session, asyncio.Task[None]]] = {}
        self._draining = False
        self._made = 0
        self._waiting: dict[Any, asyncio.TimerHandle] = {}
        self._connections = 0
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
        session = Session(self, stream, address, local, self.options.seed + self._made - 1)
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


def content(
    request: web.Request, stream: Stream, caching: str
) -> tuple[int, dict[str, str], memoryview]:
    """(status, headers, body) of the file or of the range of it that is asked for."""
    data, digest = memoryview(stream.data), stream.manifest.digest.hex()
    tag = f'"{digest}"'
    starts, at = [], 0
    for layer in stream.manifest.layers:
        starts.append(str(at))
        at += layer.size_bytes
    headers = {
        "ETag": tag,
        "Cache-Control": caching,
        "Accept-Ranges": "bytes",
        "Content-Type": "application/octet-stream",
        LAYERS_HEADER: ", ".join(starts),
        "Content-Location": f"/blobs/{digest}.inr",
        "X-Content-Type-Options": "nosniff",
    }
    known = [
        part.strip().removeprefix("W/")
        for part in request.headers.get("If-None-Match", "").split(",")
    ]
    if "*" in known or tag in known:
        return 304, headers, data[:0]
    if "Range" in request.headers and request.headers.get("If-Range") in (None, tag):
        try:
            wanted = request.http_range
        except ValueError:
            return 200, headers, data  # not of our kind: the whole file, as RFC 9110 allows
        start, stop, _ = wanted.indices(len(data))
        if start >= stop or (wanted.start == 0 and wanted.stop is None and _suffix(request)):
            return 416, headers | {"Content-Range": f"bytes */{len(data)}"}, data[:0]
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{len(data)}"
        return 206, headers, data[start:stop]
    return 200, headers, data


def _suffix(request: web.Request) -> bool:
    """Whether a range asks for the last so many bytes: "bytes=-0" asks for none."""
    return "=-" in request.headers["Range"].replace(" ", "")
