"""One file on its way: what has arrived of it, over as many connections as it takes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

from inrcodec.errors import OptionError, PacketError, StreamError
from inrcodec.streaming.client.datachannels import Channels, Unreachable
from inrcodec.streaming.client.http import HttpReception, Refused
from inrcodec.streaming.client.options import ReceiveOptions
from inrcodec.streaming.protocol.receiver import Receiver
from inrcodec.streaming.transport import webrtc
from inrcodec.streaming.transport.signaling import (
    START_HEADER,
    start_header,
    without_inline,
)

MAX_ANSWER_BYTES = 1 << 16
HTTP_PIECE = 1 << 14
MOST_REJECTED = 10000
PAUSE_S = 0.5

NO_CHANNELS = (400, 403, 404, 405, 415, 501)
"""What a server that knows nothing of offers says to one; redirections, too."""


class Unavailable(StreamError):
    """No data channels here, but perhaps plain HTTP."""


@dataclass(frozen=True, slots=True)
class State:
    """What had arrived at a time: `layers` of `total` are whole."""

    runs: tuple[bytes, ...]
    layers: int
    total: int
    received_bytes: int
    elapsed_s: float
    transport: str
    last: bool


class Newest:
    """The newest state, for one reader; an error comes after it."""

    def __init__(self) -> None:
        self._state: State | None = None
        self._error: BaseException | None = None
        self._there = asyncio.Event()

    def put(self, state: State) -> None:
        """In place of one that nobody has taken."""
        self._state = state
        self._there.set()

    def fail(self, error: BaseException) -> None:
        """There will be no other."""
        self._error = error
        self._there.set()

    async def get(self) -> State:
        """Wait for a state and take it; raises the error."""
        await self._there.wait()
        state, self._state = self._state, None
        if self._error is None:
            self._there.clear()
        elif state is None:
            raise self._error
        if state is None:
            raise StreamError("there is nothing to see")
        return state


class Reception:
    """One file from one URL; `states` says what there is to see."""

    def __init__(self, url: str, options: ReceiveOptions) -> None:
        try:
            parts = urlsplit(url)
            self._host, port = parts.hostname or "", parts.port
        except ValueError as error:
            raise OptionError(f"{url!r} is not a URL: {error}") from None
        if parts.scheme not in ("http", "https") or not self._host or not url.isprintable():
            raise OptionError(f"{url!r} is not an http or https URL")
        self._port = port or (443 if parts.scheme == "https" else 80)
        self.url, self.options = url, options
        self.receiver = Receiver()
        self.states = Newest()
        self._begun = time.monotonic()
        self._losses: Iterator[bool] = options.loss.losses(options.seed)
        self._http = HttpReception(self)

    async def run(self) -> None:
        """Receive until there is all that was asked for; failures go to `states`."""
        try:
            await self._run()
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            self.states.fail(error)

    async def _run(self) -> None:
        import aiohttp

        headers = {}
        if self.options.token is not None:
            headers["Authorization"] = f"Bearer {self.options.token}"
        timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=self.options.connect_s, sock_read=self.options.silence_s
        )
        failures, transport = 0, self.options.transport
        known = (StreamError, aiohttp.ClientError, asyncio.TimeoutError, OSError)
        async with aiohttp.ClientSession(headers=headers, timeout=timeout) as http:
            while True:
                before = self._progress
                try:
                    if transport == "http":
                        await self._http.receive(http)
                    else:
                        await self._by_channels(http)
                    return
                except known as error:
                    elsewhere = isinstance(error, (Unavailable, Unreachable))
                    if elsewhere and transport == "auto":
                        transport = "http"
                        continue
                    failures = 0 if self._progress > before else failures + 1
                    nobody = isinstance(error, aiohttp.ClientConnectorError) and not self._progress
                    final = isinstance(error, (Refused, Unavailable)) or nobody
                    if final or failures > self.options.retries:
                        said = str(error) or type(error).__name__
                        if isinstance(error, aiohttp.ClientConnectorError):
                            said = f"cannot connect: {os.strerror(error.os_error.errno or 0)}"
                        raise StreamError(f"{self.url}: {said}") from None
                    if failures > 1 and transport == "auto":
                        transport = "http"
                await asyncio.sleep(PAUSE_S * max(1, failures))

    @property
    def _progress(self) -> int:
        return self.receiver.news + len(self._http.data)

    async def _by_channels(self, http: Any) -> None:
        """One WebRTC session."""
        from aiortc import RTCSessionDescription

        peer = webrtc.connection()
        location = None
        try:
            session = Channels(self, peer, *webrtc.channels(peer))
            first = self.receiver.resume(self.options.start)
            header = start_header(first)
            try:
                local = await asyncio.to_thread(webrtc.local_addresses, self._host, self._port)
            except StreamError as error:
                raise Refused(str(error)) from None
            webrtc.bind(peer, local)
            await peer.setLocalDescription(await peer.createOffer())
            webrtc.widen(peer)
            webrtc.quicken(peer)
            offer = str(peer.localDescription.sdp)
            answer, location = await self._signal(http, offer, header)
            answer, inline = without_inline(answer)
            if not inline or header is None:
                session.first = first
            session.inline(inline)
            try:
                await peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))
            except Exception as error:  # aiortc raises whatever its parser meets
                raise StreamError(f"the answer is not valid: {type(error).__name__}") from None
            await session.run()
        finally:
            peer.remove_all_listeners()
            with contextlib.suppress(Exception):
                await peer.close()
            await self._hang_up(http, location)

    async def _signal(self, http: Any, offer: str, first: str | None) -> tuple[str, str | None]:
        """(answer, location) of an offer and the messages that come with it."""
        headers = {"Content-Type": "application/sdp"}
        if first is not None:
            headers[START_HEADER] = first
        async with http.post(
            self.url, data=offer.encode(), headers=headers, allow_redirects=False
        ) as reply:
            body = bytearray()
            async for piece in reply.content.iter_chunked(HTTP_PIECE):
                body += piece
                if len(body) > MAX_ANSWER_BYTES:
                    raise Refused("an answer that is too long")
            text = body.decode(errors="replace")
            if reply.status in (429, 503):
                raise StreamError(f"the server is full ({reply.status})")
            if reply.status in NO_CHANNELS or 300 <= reply.status < 400:
                raise Unavailable(f"no data channels here ({reply.status})")
            if reply.status != 201:
                raise Refused(f"refused with {reply.status} {text.strip()[:200]}")
            return text, reply.headers.get("Location")

    async def _hang_up(self, http: Any, location: str | None) -> None:
        """End a session, if it is one of the server we asked."""
        url = urljoin(self.url, location or "")
        same = urlsplit(url)[:2] == urlsplit(self.url)[:2]
        if location is not None and same:
            with contextlib.suppress(Exception):
                async with http.delete(url, allow_redirects=False):
                    pass

    def look(self, transport: str, *, last: bool) -> None:
        """Show what there is."""
        receiver = self.receiver
        total = len(receiver.manifest.layers) if receiver.manifest is not None else 0
        runs = tuple(receiver.runs())
        self.put(runs, receiver.layers, total, receiver.received_bytes, transport, last)

    def put(
        self,
        runs: tuple[bytes, ...],
        layers: int,
        total: int,
        size: int,
        transport: str,
        last: bool,
    ) -> None:
        """Show a state; see `State`."""
        elapsed = time.monotonic() - self._begun
        self.states.put(State(runs, layers, total, size, elapsed, transport, last))

    def take(self, datagram: object, *, media: bool) -> list[int]:
        """Hand a message to the receiver; the layers that have become whole."""
        if media and next(self._losses):
            return []
        try:
            return self.receiver.push(datagram)  # type: ignore[arg-type]
        except PacketError:
            if self.receiver.rejected > MOST_REJECTED:
                raise StreamError("the server sends what is no part of the stream") from None
            return []
