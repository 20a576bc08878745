"""One WebRTC session of a receiver: what its two data channels bring, and when to ask again."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, Any

from inrcodec.errors import StreamError
from inrcodec.streaming.protocol.messages import STREAM_BYTES, Ping, Stop
from inrcodec.streaming.protocol.packets import pack

if TYPE_CHECKING:
    from inrcodec.streaming.client.reception import Reception

HEARTBEAT_S = 2.0
FIRST_WAIT_S, LEAST_WAIT_S = 0.5, 0.05


class Unreachable(StreamError):
    """HTTP gets through, UDP does not, now or ever."""


class Channels:
    """The two data channels of one session, and what is said over them."""

    def __init__(self, reception: Reception, peer: Any, control: Any, media: Any) -> None:
        self._reception, self._peer = reception, peer
        self._control = control
        self._over = asyncio.Event()
        self._error: StreamError | None = None
        self._heard = self._fresh = time.monotonic()
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
                raise Unreachable("the server cannot be reached by UDP")
            if not self._opened:
                continue
            if now - self._fresh > options.silence_s:
                raise StreamError("nothing new from the server")
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
        self._opened = True
        self._heard = self._fresh = time.monotonic()
        for datagram in self.first:
            self._send(datagram)
        self._ping()

    def _ping(self) -> None:
        self._token = self._token + 1 & 0xFFFFFFFF
        self._pinged = time.monotonic()
        self._send(pack(bytes(STREAM_BYTES), Ping(self._token)))

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
        before = receiver.news
        try:
            whole = self._reception.take(message, media=media)
        except StreamError as error:
            self._end(error)
            return
        self._heard = now
        if receiver.news > before:
            self._fresh = now
        if receiver.pong == self._token and self._pinged > self._ponged:
            self._ponged, self._round_trip = now, now - self._pinged
        if self._done():
            self._reception.look("webrtc", last=True)
            self._send(pack(receiver.name, Stop()))
            self._end(None)
            return
        if whole:
            self._reception.look("webrtc", last=False)
        if not self._reception.options.asks_again:
            return
        for layer in whole:
            for datagram in receiver.thanks(layer):
                self._send(datagram)
        for datagram in receiver.requests():
            self._asked = now
            self._send(datagram)

    def _done(self) -> bool:
        """Whether nothing more is to come."""
        receiver, options = self._reception.receiver, self._reception.options
        if receiver.complete:
            return True
        if options.layers is not None and receiver.layers >= options.layers:
            return True
        return receiver.through if options.asks_again else receiver.final is not None

    def _ask_all(self) -> None:
        """After a silence."""
        self._asked = time.monotonic()
        if self._reception.options.asks_again:
            for datagram in self._reception.receiver.wants_all():
                self._send(datagram)
