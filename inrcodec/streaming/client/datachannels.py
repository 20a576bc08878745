"""One WebRTC session of a receiver: what its two data channels bring, and what it answers."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any

from inrcodec.errors import FormatError, InrCodecError, PacketError, StreamError
from inrcodec.streaming.client.failures import Refused
from inrcodec.streaming.client.options import ReceiveOptions
from inrcodec.streaming.client.pace import Pace
from inrcodec.streaming.protocol.messages import STREAM_BYTES, Ping, Stop
from inrcodec.streaming.protocol.packets import pack
from inrcodec.streaming.protocol.receiver import MOST_VERSIONS, Receiver
from inrcodec.streaming.transport import webrtc

MOST_REJECTED = 10_000
"""Datagrams that are not valid, or of another stream, after which a session ends: 12 MB of them."""


MOST_WAITING_BYTES = 1 << 16
"""Bytes that the control channel may hold back. Nothing more is said to a server that asks for more
than it reads; what is missing is asked for again later."""


class Channels:
    """The two data channels of one session. Messages go to `receiver`; `show` is called whenever a
    layer has become whole, and once at the end; `check`, which may refuse the file, with the
    beginning of each of its versions. `lost` says of each media packet whether to drop it on
    purpose."""

    def __init__(
        self,
        peer: Any,
        receiver: Receiver,
        options: ReceiveOptions,
        lost: Iterator[bool],
        show: Callable[[], None],
        check: Callable[[bytes], None],
    ) -> None:
        self._peer, self._receiver, self._options = peer, receiver, options
        self._lost, self._show, self._check = lost, show, check
        self._checked = 0
        self._over = asyncio.Event()
        self._error: InrCodecError | None = None
        self._pace = Pace(
            time.monotonic(), connect_s=options.connect_s, silence_s=options.silence_s
        )
        self._token = 0
        self._first: list[bytes] = []
        self._control, media = webrtc.channels(peer)
        self._control.on("open", self._on_open)
        self._control.on("message", self._on_message)
        media.on("message", self._on_media)
        for channel in (self._control, media):
            channel.on("close", lambda: self._end(StreamError("the server closed the session")))
        peer.on("connectionstatechange", self._on_state)

    def say_first(self, datagrams: list[bytes]) -> None:
        """Say these as soon as the control channel opens."""
        self._first = datagrams

    def take(self, datagrams: list[bytes]) -> None:
        """Take datagrams that came with the answer to the offer."""
        for datagram in datagrams:
            self._on_message(datagram)

    async def run(self) -> None:
        """Receive until all that was asked for is there; raises `StreamError` if the session ends
        before, and what `check` does."""
        while not self._over.is_set():
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._over.wait(), self._pace.patience / 2)
            if self._over.is_set():
                break
            now = time.monotonic()
            self._pace.check(now)
            if self._pace.ping_due(now):
                self._ping()
            if self._pace.ask_due(now):
                self._ask_all()
        if self._error is not None:
            raise self._error

    def _end(self, error: InrCodecError | None) -> None:
        """End the session, with an error or without; only the first call counts."""
        if not self._over.is_set():
            self._error = error
            self._over.set()

    def _on_state(self) -> None:
        if self._peer.connectionState in ("failed", "closed"):
            self._end(StreamError("the connection was cut"))

    def _on_open(self) -> None:
        self._pace.opened(time.monotonic())
        self._send(self._first)
        self._send(self._receiver.haves())  # also what it knew of the file that the answer names
        self._ping()

    def _ping(self) -> None:
        """Ask whether the server is still there."""
        self._token = self._token + 1 & 0xFFFFFFFF
        self._pace.pinged(time.monotonic())
        self._send([pack(bytes(STREAM_BYTES), Ping(self._token))])

    def _ask_all(self) -> None:
        """Ask for everything that is missing, after a silence."""
        self._pace.asked(time.monotonic())
        if self._options.asks_again:
            self._send(self._receiver.wants_all())

    def _send(self, datagrams: list[bytes]) -> None:
        """Send over the control channel, if it is open and holds back little."""
        control = self._control
        for datagram in datagrams:
            if control.readyState == "open" and control.bufferedAmount < MOST_WAITING_BYTES:
                control.send(datagram)

    def _on_media(self, message: object) -> None:
        if not next(self._lost):
            self._on_message(message)

    def _on_message(self, message: object) -> None:
        """Hand a message to the receiver, show what has become whole, and answer."""
        if not isinstance(message, bytes) or self._over.is_set():
            return
        before = self._receiver.news
        whole = self._push(message)
        if self._checked < self._receiver.versions and (head := self._receiver.head):
            self._checked = self._receiver.versions
            try:
                self._check(head)
            except FormatError as error:
                self._end(error)
                return
        now = time.monotonic()
        self._pace.heard(now, news=self._receiver.news > before)
        if self._receiver.pong == self._token:
            self._pace.answered(now)
        done = self._done()
        if done or whole:
            try:
                self._show()
            except PacketError as error:
                self._end(Refused(f"the server's manifest is wrong: {error}"))
                return
        if done:
            self._send([pack(self._receiver.name, Stop())])
            self._end(None)
        elif self._options.asks_again:
            self._send(self._receiver.replies(whole))

    def _push(self, message: bytes) -> list[int]:
        """Let the receiver take a message; return the layers that have become whole."""
        try:
            return self._receiver.push(message)
        except PacketError as error:
            if self._receiver.versions > MOST_VERSIONS:
                self._end(Refused(str(error)))
            elif self._receiver.rejected > MOST_REJECTED:
                self._end(StreamError("the server sends what is no part of the stream"))
            return []

    def _done(self) -> bool:
        """Whether nothing more is to come."""
        receiver, options = self._receiver, self._options
        if receiver.complete:
            return True
        if options.layers is not None and receiver.layers >= options.layers:
            return True
        return receiver.through if options.asks_again else receiver.final is not None
