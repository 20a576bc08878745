"""The server of `inrcodec serve`: files over HTTP and over WebRTC data channels.

A thin shell of asyncio around library.py (what there is), reading.py (reading it for those who
wait), replies.py (who may ask, errors), ranges.py and downloads.py (HTTP), admission.py and
sessions.py (data channels).

    GET  /files/NAME          the file; Range, ETag, and its layers in a header
    GET  /blobs/SHA256.inr    the same by content, immutable
    POST /files/NAME          an SDP offer -> 201, an answer, the Location of a session
    DELETE /sessions/ID       end it
    GET  /references/NAME     the image that a file was made of
    GET  /, /healthz, /metrics

Browsers get the page of pages.py at / and /view/NAME, and its files below /web/.
"""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING
from urllib.parse import quote

from aiohttp import hdrs, web

from inrcodec.errors import StreamError
from inrcodec.streaming.server import events, pages, references
from inrcodec.streaming.server.admission import Sessions
from inrcodec.streaming.server.callers import Clients
from inrcodec.streaming.server.connections import Connections
from inrcodec.streaming.server.descriptors import fitted
from inrcodec.streaming.server.downloads import Downloads
from inrcodec.streaming.server.exposition import exposition, process_numbers
from inrcodec.streaming.server.library import Library, UnknownFileError, checked
from inrcodec.streaming.server.listening import Listener
from inrcodec.streaming.server.options import ServerOptions
from inrcodec.streaming.server.ranges import content
from inrcodec.streaming.server.reading import Readings
from inrcodec.streaming.server.replies import Handler, Replies, log
from inrcodec.streaming.transport import webrtc
from inrcodec.streaming.transport.signaling import (
    MAX_OFFER_BYTES,
)
from inrcodec.streaming.transport.threads import in_thread

if TYPE_CHECKING:
    from inrcodec.streaming.protocol.stream import Stream

EXPOSITION = "text/plain; version=0.0.4; charset=utf-8"
"""The type of the text of Prometheus."""

KEEPALIVE_S = 15.0
"""Seconds for which an idle connection is kept; `Limits.request_s` cuts it earlier by default."""


class Server:
    """Serves the files of a library; `start` listens, `close` drains. `limits` are those of the
    options, with no more connections and sessions than the process may have files. Raises
    `MissingExtraError` if the packages for streaming are not installed, `StreamError` if the
    process may have too few files, `OptionError` for a token that is not valid."""

    def __init__(self, library: Library, options: ServerOptions) -> None:
        webrtc.require()
        self.options, self._library = options, library
        self.limits = fitted(options.limits)
        self.count: Counter[str] = Counter()
        self.port = options.port
        self._replies = Replies(options, [])  # checks the options; the addresses come later
        self._clients = Clients(options.proxies)
        self._connections = Connections(self.limits, self._open, self._count_slow)
        self._sessions = Sessions(options, self.limits, self.count)
        self._runner: web.AppRunner | None = None
        self._listener: Listener | None = None
        self._downloads = Downloads(self.limits)
        self._readings = Readings(library)
        self._references = references.References(options.references)

    async def start(self) -> None:
        """Listen; raises `StreamError` if the address cannot be had."""
        app = web.Application(middlewares=[self._reply], client_max_size=MAX_OFFER_BYTES)
        app.router.add_get("/", self._index)
        app.router.add_get("/files/{name}", self._file)
        app.router.add_get("/blobs/{name}", self._blob)
        app.router.add_post("/files/{name}", self._offer)
        app.router.add_delete("/sessions/{id}", self._end)
        app.router.add_get(f"{references.PATH}{{name}}", self._reference)
        app.router.add_get("/view/{name}", pages.page)
        app.router.add_get("/view/", pages.gallery)
        app.router.add_get("/web/{path:.+}", pages.asset)
        app.router.add_get("/healthz", self._health)
        app.router.add_get("/metrics", self._metrics)
        runner = web.AppRunner(
            app,
            access_log=None,
            logger=log,
            handle_signals=False,
            handler_cancellation=True,
            auto_decompress=False,  # an offer that is packed is none
            keepalive_timeout=KEEPALIVE_S,
            shutdown_timeout=self.limits.drain_s,
        )
        await runner.setup()
        self._runner = runner
        make = runner.server
        if make is None:
            raise StreamError("the server cannot be set up")
        listener = Listener(self._connections, make, self._count_refused)
        await listener.listen(self.options.host, self.options.port)
        self._listener, self.port = listener, listener.port
        self._replies = Replies(self.options, listener.addresses)

    async def close(self) -> None:
        """Take no more sessions, let those there finish for a while, then end them."""
        await self._sessions.drain()
        if self._listener is not None:
            await self._listener.close()
        if self._runner is not None:
            await self._runner.cleanup()
        self._readings.close()

    @property
    def sessions(self) -> int:
        """The number of sessions there are now."""
        return len(self._sessions)

    @property
    def downloads(self) -> int:
        """The number of downloads there are now, and of requests that wait for a file."""
        return len(self._downloads)

    @property
    def waiting(self) -> int:
        """The number of connections that have not sent a request head."""
        return len(self._connections)

    def _open(self) -> int:
        """Return the number of connections there are now."""
        server = self._runner.server if self._runner is not None else None
        return len(server.connections) if server is not None else 0

    def _count_slow(self) -> None:
        self.count["inrcodec_slow_connections_total"] += 1

    def _count_refused(self) -> None:
        self.count["inrcodec_refused_connections_total"] += 1

    @web.middleware
    async def _reply(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Count, time and tell requests around what `Replies` does."""
        self._connections.arrived(request.protocol)
        self.count["inrcodec_requests_total"] += 1
        started, response = time.monotonic(), None
        try:
            response = await self._replies.to(request, handler)
            return response
        finally:
            if request.protocol.transport is not None:
                self._connections.expect(request.protocol)
            self._tell(request, response, time.monotonic() - started)

    def _tell(
        self, request: web.Request, response: web.StreamResponse | None, elapsed_s: float
    ) -> None:
        """Count and log how a request ended; None: whoever asked has gone."""
        status = 499 if response is None else response.status
        size = 0 if response is None or request.method == "HEAD" else response.content_length or 0
        self.count[f'inrcodec_responses_total{{status="{status // 100}xx"}}'] += 1
        self.count["inrcodec_downloaded_bytes_total"] += size
        if events.is_heard():
            events.tell(
                "request",
                client=self._client(request),
                method=request.method,
                path=events.public(request.path),
                status=status,
                size_bytes=size,
                elapsed_s=round(elapsed_s, 4),
            )

    async def _index(self, request: web.Request) -> web.Response:
        if pages.is_wanted(request):
            return await pages.page(request)
        names = {"files": await self._readings.names()}
        return web.json_response(names, headers={"Vary": "Accept"})

    async def _file(self, request: web.Request) -> web.StreamResponse:
        with self._downloads.counted(self._client(request)):
            name = request.match_info["name"]
            stream = await self._readings.stream(name)
            found = await in_thread(self._references.find, name)
            headers = {references.HEADER: references.PATH + quote(name)} if found else {}
            return await self._send(request, stream, "no-cache", headers)

    async def _reference(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        with self._downloads.counted(self._client(request)):
            await in_thread(self._library.version, name)  # so it names a file, and is no path
            found = await in_thread(self._references.open, name)
            with found.file:
                headers = pages.HEADERS | self._replies.cors(request)
                return await self._downloads.send_reference(request, headers, found)

    async def _blob(self, request: web.Request) -> web.StreamResponse:
        digest, _, extension = request.match_info["name"].partition(".")
        if extension != "inr":
            raise UnknownFileError
        with self._downloads.counted(self._client(request)):
            name = self._library.name_of(digest)
            stream = checked(await self._readings.stream(name), digest)
            who = "public" if self.options.token is None else "private"
            return await self._send(request, stream, f"{who}, max-age=31536000, immutable", {})

    async def _send(
        self, request: web.Request, stream: Stream, caching: str, more: dict[str, str]
    ) -> web.StreamResponse:
        """Send the file or a range of it; `more` are further headers."""
        status, headers, body = content(request, stream, caching)
        headers |= more | self._replies.cors(request)
        return await self._downloads.send(request, status, headers, body)

    def _client(self, request: web.Request) -> str:
        """Return what tells the client of a request from others."""
        forwarded = request.headers.getall(hdrs.X_FORWARDED_FOR, [])
        return self._clients.key(request.remote or "", forwarded)

    async def _offer(self, request: web.Request) -> web.Response:
        """Take an offer and begin a session."""
        address = self._client(request)
        with self._downloads.counted(address):
            self._sessions.check(request, address)
            stream = await self._readings.stream(request.match_info["name"])
            offer = await self._sessions.offer_of(request)
        return await self._sessions.begin(request, address, offer, stream)

    async def _end(self, request: web.Request) -> web.Response:
        return self._sessions.end(request.match_info["id"])

    async def _health(self, request: web.Request) -> web.Response:
        status, text = (503, "draining") if self._sessions.draining else (200, "ok")
        return web.Response(status=status, text=f"{text}\n")

    async def _metrics(self, request: web.Request) -> web.Response:
        """Write the numbers of the server in the text format of Prometheus."""
        now = {
            "inrcodec_sessions": self.sessions,
            "inrcodec_connections": self._open(),
            "inrcodec_waiting_connections": self.waiting,
            "inrcodec_downloads": self.downloads,
            "inrcodec_readings": len(self._readings),
            "inrcodec_draining": int(self._sessions.draining),
        }
        text = exposition({**now, **self.count, **process_numbers()})
        return web.Response(text=text, headers={"Content-Type": EXPOSITION})
