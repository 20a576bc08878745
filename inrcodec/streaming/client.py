"""Receiving a stream: an asynchronous iterator of pictures that get better.

    async for frame in receive("http://127.0.0.1:8750/files/photo.inr"):
        frame.picture        # a `Picture`
        frame.layers, frame.received_bytes, frame.complete

WebRTC data channels where the server has them, HTTP where it has not or they fail; what has arrived
is kept over a cut, and only the rest is asked for. Pictures are decoded in a thread of their own.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from inrcodec.errors import InrCodecError, OptionError, PacketError, StreamError
from inrcodec.streaming import peers
from inrcodec.streaming.channel import NO_LOSS, Loss
from inrcodec.streaming.packets import MAX_LAYERS, MAX_STREAM_BYTES, Mode, Ping, Start, Stop, pack
from inrcodec.streaming.session import Receiver
from inrcodec.streaming.signaling import (
    LAYERS_HEADER,
    START_HEADER,
    start_header,
    without_inline,
)

if TYPE_CHECKING:
    from inrcodec.pixels import Picture

Decode = Callable[[list[bytes]], "Picture"]
"""From what has arrived of a file, as `decode_picture` takes it, to a picture."""

MODES = {mode.name.lower(): mode for mode in Mode}
MAX_ANSWER_BYTES = 1 << 16
HTTP_PIECE = 1 << 14
HEARTBEAT_S = 2.0
FIRST_WAIT_S, LEAST_WAIT_S = 0.5, 0.05
MOST_REJECTED = 10000
PAUSE_S = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiveOptions:
    """How to receive. `layers`, `budget_bytes` and `patience_s` stop early (None: everything);
    `loss_estimate` is the share of packets the link is expected to lose, which repair symbols are
    planned for; `loss` drops media on purpose; `transport` is auto, webrtc or http."""

    mode: str = "fec"
    transport: str = "auto"
    token: str | None = None
    layers: int | None = None
    budget_bytes: int | None = None
    patience_s: float | None = None
    loss_estimate: float = 0.05
    loss: Loss = NO_LOSS
    seed: int = 0
    connect_s: float = 10.0
    silence_s: float = 6.0
    retries: int = 5
    threads: int | None = None

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise OptionError(f"mode must be one of {', '.join(MODES)}, got {self.mode!r}")
        if self.transport not in ("auto", "webrtc", "http"):
            raise OptionError(f"transport must be auto, webrtc or http, got {self.transport!r}")
        if self.layers is not None and not 1 <= self.layers <= MAX_LAYERS:
            raise OptionError(f"layers must be 1 .. {MAX_LAYERS}, got {self.layers}")
        if self.budget_bytes is not None and not 1 <= self.budget_bytes <= MAX_STREAM_BYTES:
            raise OptionError(f"a budget has 1 .. {MAX_STREAM_BYTES} bytes")
        if self.patience_s is not None and not 0.1 <= self.patience_s <= 6500:
            raise OptionError("patience must be 0.1 .. 6500 seconds")
        if not 0 <= self.loss_estimate <= 0.5:
            raise OptionError("an estimate of loss must be 0 .. 50 %")

    @property
    def start(self) -> Start:
        """The message that begins a session."""
        return Start(
            MODES[self.mode],
            self.layers or 0,
            self.budget_bytes or 0,
            round(1000 * self.loss_estimate),
            round(10 * self.patience_s) if self.patience_s else 0,
        )


@dataclass(frozen=True, slots=True, eq=False)
class ReceivedFrame:
    """A picture on the way. `elapsed_s` counts from the beginning to when its bytes were there, not
    to the end of decoding; `layers` of `total_layers` are whole; `data` is the file, once it is."""

    picture: Picture
    layers: int
    total_layers: int
    received_bytes: int
    elapsed_s: float
    complete: bool
    transport: str
    data: bytes | None


class _Refused(StreamError):
    """The server answered, and with a no that asking again will not change."""


class _Unavailable(StreamError):
    """No data channels here, but perhaps plain HTTP."""


class _Unreachable(StreamError):
    """HTTP gets through, UDP does not, now or ever."""


@dataclass(frozen=True, slots=True)
class _State:
    """What had arrived at a time."""

    runs: tuple[bytes, ...]
    layers: int
    received_bytes: int
    elapsed_s: float
    transport: str
    last: bool


class _Reception:
    """One file from one URL: what has arrived, over as many connections as it takes."""

    def __init__(self, url: str, options: ReceiveOptions) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise OptionError(f"{url!r} is not an http or https URL")
        self.url, self.options = url, options
        self.receiver = Receiver()
        self.begun = time.monotonic()
        self.states: asyncio.Queue[_State | BaseException] = asyncio.Queue()
        self._losses: Iterator[bool] = options.loss.losses(options.seed)
        self._host = parts.hostname
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        self._http_data, self._tag = bytearray(), ""

    async def run(self) -> None:
        """Receive until there is all that was asked for; failures go into the queue."""
        try:
            await self._run()
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            self.states.put_nowait(error)

    async def _run(self) -> None:
        import aiohttp

        headers = {}
        if self.options.token is not None:
            headers["Authorization"] = f"Bearer {self.options.token}"
        timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=self.options.connect_s, sock_read=self.options.silence_s
        )
        failures, transport = 0, self.options.transport
        async with aiohttp.ClientSession(headers=headers, timeout=timeout) as http:
            while True:
                before = self._progress
                try:
                    if transport == "http":
                        await self._by_http(http)
                    else:
                        await self._by_channels(http)
                    return
                except _Refused:
                    raise
                except (_Unavailable, _Unreachable) as error:
                    if transport == "auto":
                        transport = "http"
                        continue
                    failures += 1
                    if isinstance(error, _Unavailable) or failures > self.options.retries:
                        raise
                except (StreamError, aiohttp.ClientError, asyncio.TimeoutError, OSError) as error:
                    failures = 0 if self._progress > before else failures + 1
                    if failures > self.options.retries:
                        text = str(error) or type(error).__name__
                        raise StreamError(f"{self.url}: {text}") from None
                    if failures > 1 and transport == "auto":
                        transport = "http"
                await asyncio.sleep(PAUSE_S * max(1, failures))

    @property
    def _progress(self) -> int:
        return self.receiver.received_bytes + len(self._http_data)

    async def _by_channels(self, http: Any) -> None:
        """One WebRTC session."""
        from aiortc import RTCSessionDescription

        peer = peers.connection()
        location = None
        try:
            session = _Channels(self, peer, *peers.channels(peer))
            first = self.receiver.resume(self.options.start)
            header = start_header(first)
            peers.bind(peer, peers.local_address(self._host, self._port))
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
            if location is not None:
                with contextlib.suppress(Exception):
                    await http.delete(urljoin(self.url, location))

    async def _signal(self, http: Any, offer: str, first: str | None) -> tuple[str, str | None]:
        """(answer, location) of an offer and the messages that come with it."""
        headers = {"Content-Type": "application/sdp"}
        if first is not None:
            headers[START_HEADER] = first
        async with http.post(
            self.url, data=offer.encode(), headers=headers, allow_redirects=False
        ) as reply:
            if reply.status in (404, 405, 415, 501):
                raise _Unavailable(f"{self.url}: no data channels here ({reply.status})")
            body = await reply.content.read(MAX_ANSWER_BYTES)
            text = body.decode(errors="replace")
            if reply.status in (429, 503):
                raise StreamError(f"the server is full ({reply.status})")
            if reply.status != 201:
                said = text.strip()[:200]
                raise _Refused(f"{self.url}: refused with {reply.status} {said}")
            return text, reply.headers.get("Location")

    async def _by_http(self, http: Any) -> None:
        """The rest of the file by a range request. A prefix of it is a picture, too."""
        from inrcodec.streaming.layers import stream_of

        data = self._http_data
        if self.receiver.manifest is not None and len(self.receiver.prefix()) > len(data):
            data[:] = self.receiver.prefix()
        headers = {"Range": f"bytes={len(data)}-"} if data else {}
        async with http.get(self.url, headers=headers) as reply:
            tag, manifest = reply.headers.get("ETag", "").strip('"'), self.receiver.manifest
            known = self._tag or (manifest.digest.hex() if manifest is not None else tag)
            if reply.status == 416 or (data and reply.status == 206 and tag != known):
                data.clear()
                self.receiver, self._tag = Receiver(), ""
                raise StreamError("the file has changed")
            if reply.status not in (200, 206):
                raise _Refused(f"{self.url}: refused with {reply.status} {reply.reason}")
            if reply.status == 200:
                data.clear()
            self._tag = tag
            if await self._read(reply, _starts(reply.headers.get(LAYERS_HEADER, ""))):
                return
        whole = bytes(data)
        stream = stream_of(whole)
        receiver = Receiver()
        receiver.push(pack(stream.manifest.stream, stream.manifest))
        for number, layer in enumerate(stream.layers):
            receiver.fill(number, layer)
        self.receiver = receiver
        self._put((whole,), receiver.layers, len(whole), "http", True)

    async def _read(self, reply: Any, starts: list[int]) -> bool:
        """Take the body, with a look at every layer; whether there is enough before its end."""
        data, options, seen = self._http_data, self.options, 0
        async for piece in reply.content.iter_chunked(HTTP_PIECE):
            data += piece
            if len(data) > MAX_STREAM_BYTES:
                raise _Refused(f"{self.url}: more than {MAX_STREAM_BYTES} bytes")
            layers = sum(0 < start <= len(data) for start in starts)
            enough = options.layers is not None and layers >= options.layers
            enough = enough or len(data) >= (options.budget_bytes or MAX_STREAM_BYTES)
            if options.layers is not None:
                layers = min(layers, options.layers)
            if enough or layers > seen:
                seen = layers
                cut = starts[layers] if layers else len(data)
                self._put((bytes(data[:cut]),), layers, len(data), "http", enough)
            if enough:
                return True
        return False

    def look(self, transport: str, *, last: bool) -> None:
        """Put what there is to see into the queue."""
        receiver = self.receiver
        runs = tuple(receiver.runs())
        self._put(runs, receiver.layers, receiver.received_bytes, transport, last)

    def _put(
        self, runs: tuple[bytes, ...], layers: int, size: int, transport: str, last: bool
    ) -> None:
        elapsed = time.monotonic() - self.begun
        self.states.put_nowait(_State(runs, layers, size, elapsed, transport, last))

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


class _Channels:
    """The two data channels of one session."""

    def __init__(self, reception: _Reception, peer: Any, control: Any, media: Any) -> None:
        self._reception, self._peer = reception, peer
        self._control = control
        self._over = asyncio.Event()
        self._error: StreamError | None = None
        self._heard = time.monotonic()
        self._round_trip: float | None = None
        self._token, self._pinged, self._ponged = 0, 0.0, 0.0
        self._asked = 0.0
        self._opened = False
        self.first: list[bytes] = []
        """What to say first, if it has not been said along with the offer."""
        control.on("open", self._on_open)
        control.on("message", lambda message: self._on_message(message, media=False))
        media.on("message", lambda message: self._on_message(message, media=True))
        for channel in (control, media):
            channel.on("close", lambda: self._end(StreamError("the server closed the session")))
        peer.on("connectionstatechange", self._on_state)

    async def run(self) -> None:
        """Until there is all that was asked for; raises `StreamError` if the session ends
        before."""
        options = self._reception.options
        begun = time.monotonic()
        while not self._over.is_set():
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._over.wait(), self._patience / 2)
            now = time.monotonic()
            if not self._opened and now - begun > options.connect_s:
                raise _Unreachable("the server cannot be reached by UDP")
            if not self._opened:
                continue
            if now - self._heard > options.silence_s:
                raise StreamError("the server has fallen silent")
            if now - self._pinged > HEARTBEAT_S:
                self._ping()
            if now - max(self._heard, self._asked) > self._patience:
                self._ask_all()
        if self._error is not None:
            raise self._error

    @property
    def _patience(self) -> float:
        """Seconds of silence after which something must have been lost."""
        if self._round_trip is None:
            return FIRST_WAIT_S
        return max(LEAST_WAIT_S, 1.5 * self._round_trip)

    def _end(self, error: StreamError | None) -> None:
        if not self._over.is_set():
            self._error = error
            self._over.set()

    def _on_state(self) -> None:
        if self._peer.connectionState in ("failed", "closed"):
            self._end(StreamError("the connection was cut"))

    def _on_open(self) -> None:
        self._opened, self._heard = True, time.monotonic()
        for datagram in self.first:
            self._send(datagram)
        self._ping()

    def _ping(self) -> None:
        self._token = self._token + 1 & 0xFFFFFFFF
        self._pinged = time.monotonic()
        self._send(pack(b"\0" * 8, Ping(self._token)))

    def _send(self, datagram: bytes) -> None:
        if self._control.readyState == "open":
            self._control.send(datagram)

    def inline(self, datagrams: list[bytes]) -> None:
        """Take what came along with the answer."""
        for datagram in datagrams:
            self._on_message(datagram, media=False)

    def _on_message(self, message: object, *, media: bool) -> None:
        now = time.monotonic()
        if not isinstance(message, bytes):
            return
        receiver = self._reception.receiver
        try:
            whole = self._reception.take(message, media=media)
        except StreamError as error:
            self._end(error)
            return
        self._heard = now
        if receiver.pong == self._token and self._pinged > self._ponged:
            self._ponged, self._round_trip = now, now - self._pinged
        if self._done():
            self._reception.look("webrtc", last=True)
            self._send(pack(receiver.name, Stop()))
            self._end(None)
            return
        if whole:
            self._reception.look("webrtc", last=False)
        for datagram in receiver.requests() if self._again else []:
            self._asked = now
            self._send(datagram)

    @property
    def _again(self) -> bool:
        return MODES[self._reception.options.mode] in (Mode.FEC, Mode.NACK)

    def _done(self) -> bool:
        """Whether nothing more is to come."""
        receiver, options = self._reception.receiver, self._reception.options
        if receiver.complete:
            return True
        if options.layers is not None and receiver.layers >= options.layers:
            return True
        return receiver.through if self._again else receiver.final is not None

    def _ask_all(self) -> None:
        """After a silence."""
        self._asked = time.monotonic()
        if not self._again:
            return
        for datagram in self._reception.receiver.wants_all():
            self._send(datagram)


async def receive(
    url: str, options: ReceiveOptions | None = None, decode: Decode | None = None
) -> AsyncGenerator[ReceivedFrame, None]:
    """Pictures of the file at a URL, each better than the one before; see the module.

    Frames that are overtaken while one is decoded are left out. Raises `StreamError` when the
    server refuses or cannot be reached, `FormatError` for a file that is none, `OptionError`.
    """
    peers.require()
    options = options or ReceiveOptions()
    if decode is None:
        decode = partial(_decoded, options.threads)
    reception = _Reception(url, options)
    task = asyncio.create_task(reception.run())
    shown: tuple[bytes, ...] = ()
    try:
        while True:
            state = await reception.states.get()
            while isinstance(state, _State) and not reception.states.empty() and not state.last:
                state = reception.states.get_nowait()
            if isinstance(state, BaseException):
                raise state
            receiver = reception.receiver
            if state.runs and state.runs != shown:
                shown = state.runs
                picture = await asyncio.to_thread(decode, list(state.runs))
                total = len(receiver.manifest.layers) if receiver.manifest else state.layers
                complete = state.last and receiver.complete
                yield ReceivedFrame(
                    picture,
                    state.layers,
                    max(total, state.layers),
                    state.received_bytes,
                    state.elapsed_s,
                    complete,
                    state.transport,
                    receiver.file() if complete else None,
                )
            if state.last:
                if not state.runs:
                    raise StreamError(f"{url}: the base of the picture did not arrive")
                return
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError, InrCodecError):
            await task


async def fetch(url: str, options: ReceiveOptions | None = None) -> bytes:
    """The whole file at a URL, without decoding it. Raises as `receive`, and `StreamError` if the
    options or losses that nothing mends leave it incomplete."""
    peers.require()
    reception = _Reception(url, options or ReceiveOptions())
    task = asyncio.create_task(reception.run())
    try:
        state: _State | BaseException | None = None
        while not isinstance(state, _State) or not state.last:
            state = await reception.states.get()
            if isinstance(state, BaseException):
                raise state
        if not reception.receiver.complete:
            raise StreamError(f"{url}: only {reception.receiver.layers} layers arrived")
        return reception.receiver.file()
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError, InrCodecError):
            await task


def _decoded(threads: int | None, runs: list[bytes]) -> Picture:
    """A picture without the warnings that it is coarse: the frame says so."""
    import warnings

    from inrcodec.codec.decoder import decode_picture

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return decode_picture(runs, threads=threads)


def _starts(text: str) -> list[int]:
    """Where layers begin, of the HTTP header; empty if it says nothing of use."""
    try:
        starts = [int(part) for part in text.split(",")][: MAX_LAYERS + 1]
    except ValueError:
        return []
    rising = all(a < b for a, b in itertools.pairwise(starts))
    return starts if rising and starts[0] == 0 else []
