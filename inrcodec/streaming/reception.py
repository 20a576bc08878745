"""One file on its way: what has arrived of it, over as many connections as it takes."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

from inrcodec.errors import FormatError, OptionError, PacketError, StreamError
from inrcodec.streaming import peers
from inrcodec.streaming.datachannels import Channels, Unreachable
from inrcodec.streaming.packets import MAX_LAYERS, MAX_STREAM_BYTES, pack
from inrcodec.streaming.receive_options import ReceiveOptions
from inrcodec.streaming.session import Receiver
from inrcodec.streaming.signaling import (
    LAYERS_HEADER,
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


class Refused(StreamError):
    """The server answered, and with a no that asking again will not change."""


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
        if state is None and self._error is not None:
            raise self._error
        if self._error is None:
            self._there.clear()
        if state is None:
            return await self.get()
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
        self._http_data, self._tag = bytearray(), ""

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
                        await self._by_http(http)
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
                        raise StreamError(f"{self.url}: {said}") from None
                    if failures > 1 and transport == "auto":
                        transport = "http"
                await asyncio.sleep(PAUSE_S * max(1, failures))

    @property
    def _progress(self) -> int:
        return self.receiver.news + len(self._http_data)

    async def _by_channels(self, http: Any) -> None:
        """One WebRTC session."""
        from aiortc import RTCSessionDescription

        peer = peers.connection()
        location = None
        try:
            session = Channels(self, peer, *peers.channels(peer))
            first = self.receiver.resume(self.options.start)
            header = start_header(first)
            try:
                local = await asyncio.to_thread(peers.local_addresses, self._host, self._port)
            except StreamError as error:
                raise Refused(str(error)) from None
            peers.bind(peer, local)
            await peer.setLocalDescription(await peer.createOffer())
            peers.widen(peer)
            peers.quicken(peer)
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

    async def _by_http(self, http: Any) -> None:
        """The rest of the file, or of what of it is wanted, by a range request. A prefix of a file
        is a picture, too."""
        data, manifest = self._http_data, self.receiver.manifest
        if manifest is not None and len(self.receiver.prefix()) > len(data):
            data[:] = self.receiver.prefix()
        starts, total = await self._described(http)
        wanted = self._wanted(starts, total)
        headers = {}
        if data or wanted:
            headers["Range"] = f"bytes={len(data)}-{wanted - 1 if wanted else ''}"
        async with http.get(self.url, headers=headers) as reply:
            tag = reply.headers.get("ETag", "").strip('"')
            known = self._tag or (manifest.digest.hex() if manifest is not None else tag)
            if reply.status == 416 or (data and reply.status == 206 and tag != known):
                data.clear()
                self.receiver, self._tag = Receiver(), ""
                raise StreamError("the file has changed")
            if reply.status not in (200, 206):
                raise Refused(f"refused with {reply.status} {reply.reason}")
            if reply.status == 200:
                data.clear()
            self._tag = tag
            enough = await self._read(reply, starts, wanted)
        if not enough:
            self._whole(bytes(data))

    async def _described(self, http: Any) -> tuple[list[int], int]:
        """(where layers begin, bytes of the file) if less than all is wanted and the server says;
        else ([], 0)."""
        async with http.head(self.url, allow_redirects=True) as reply:
            if reply.status in (401, 404):
                raise Refused(f"refused with {reply.status} {reply.reason}")
            starts = _starts(reply.headers.get(LAYERS_HEADER, ""))
            length = reply.headers.get("Content-Length", "")
            total = int(length) if length.isdigit() and len(length) < 12 else 0
            return (starts, total) if starts and total > starts[-1] else ([], 0)

    def _wanted(self, starts: list[int], total: int) -> int:
        """How many bytes to ask for: 0 for all."""
        layers, budget = self.options.layers, self.options.budget_bytes
        ends = [*starts[1:], total]
        if not starts or (layers is None and budget is None):
            return 0
        chosen = ends[:layers]
        if budget is not None:
            chosen = [end for end in chosen if end <= budget] or chosen[:1]
        return chosen[-1] if chosen[-1] < total else 0

    async def _read(self, reply: Any, starts: list[int], wanted: int) -> bool:
        """Take the body, with a look at every layer; whether that is all that is wanted, and less
        than the file."""
        data, options, parsed = self._http_data, self.options, 0
        seen, told = 0, bool(starts)
        async for piece in reply.content.iter_chunked(HTTP_PIECE):
            data += piece
            if len(data) > MAX_STREAM_BYTES:
                raise Refused(f"more than {MAX_STREAM_BYTES} bytes")
            if not told and len(data) > 1.3 * parsed:
                parsed, starts = len(data), _found_starts(bytes(data))
            layers = sum(0 < start <= len(data) for start in starts)
            enough = not told and options.layers is not None and layers >= options.layers
            enough |= not told and len(data) >= (options.budget_bytes or MAX_STREAM_BYTES)
            enough = enough and layers > 0
            enough |= wanted > 0 and len(data) >= wanted
            layers = min(layers, options.layers or layers)
            if enough or layers > seen:
                seen = layers
                cut = starts[layers] if layers < len(starts) else len(data)
                total = len(starts) if told else len(starts) + 1
                self._put((bytes(data[:cut]),), layers, total, len(data), "http", enough)
            if enough:
                return True
        return False

    def _whole(self, data: bytes) -> None:
        """All of the file has come by HTTP."""
        from inrcodec.streaming.layers import stream_of

        stream = stream_of(data)
        receiver = Receiver()
        receiver.push(pack(stream.manifest.stream, stream.manifest))
        for number, layer in enumerate(stream.layers):
            receiver.fill(number, layer)
        self.receiver = receiver
        self._put((data,), receiver.layers, receiver.layers, len(data), "http", True)

    def look(self, transport: str, *, last: bool) -> None:
        """Show what there is."""
        receiver = self.receiver
        total = len(receiver.manifest.layers) if receiver.manifest is not None else 0
        runs = tuple(receiver.runs())
        self._put(runs, receiver.layers, total, receiver.received_bytes, transport, last)

    def _put(
        self,
        runs: tuple[bytes, ...],
        layers: int,
        total: int,
        size: int,
        transport: str,
        last: bool,
    ) -> None:
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


def _starts(text: str) -> list[int]:
    """Where layers begin, of the HTTP header; empty if it says nothing of use."""
    try:
        starts = [int(part) for part in text.split(",")][: MAX_LAYERS + 1]
    except ValueError:
        return []
    rising = all(a < b for a, b in itertools.pairwise(starts))
    return starts if rising and starts[0] == 0 and len(starts) <= MAX_LAYERS else []


def _found_starts(data: bytes) -> list[int]:
    """The same, found in the beginning of a file itself."""
    from inrcodec.codec import bitstream
    from inrcodec.streaming.layers import boundaries

    try:
        return boundaries(bitstream.read(data))
    except FormatError:
        return []
