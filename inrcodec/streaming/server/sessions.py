"""One receiver of a server: its peer connection, and the sender that says what to send."""

from __future__ import annotations

import asyncio
import contextlib
import math
import secrets
import time
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from inrcodec.errors import PacketError
from inrcodec.streaming.protocol.foreign import foreign
from inrcodec.streaming.protocol.messages import Mode
from inrcodec.streaming.protocol.sender import Sender
from inrcodec.streaming.server.library import BusyError
from inrcodec.streaming.server.options import Limits
from inrcodec.streaming.transport import webrtc
from inrcodec.streaming.transport.signaling import (
    MAX_INLINE_BYTES,
    START_HEADER,
    OfferError,
    started,
    with_inline,
)

if TYPE_CHECKING:
    from inrcodec.streaming.protocol.stream import Stream

HIGH_WATER, LOW_WATER = 1 << 16, 1 << 15
"""Bytes that channels may hold back: enough for a round trip of 60 ms at 8 Mbit/s; more would only
delay what the receiver asks for again."""

RATE_AFTER_BYTES = 1 << 15
"""Bytes sent before the rate of a link is believed: three times the first window of SCTP."""


class Session:
    """Sends a stream to one receiver at `address` from the address `local`. `lost` says of each
    media packet whether to drop it on purpose; what is sent is added to the counters `count`."""

    def __init__(
        self,
        stream: Stream,
        address: str,
        local: str,
        limits: Limits,
        lost: Iterator[bool],
        count: Counter[str],
    ) -> None:
        self.id = secrets.token_urlsafe(16)
        self.address, self._local = address, local
        self.connected = False
        self._limits, self._lost, self._total = limits, lost, count
        self._sender = Sender(stream)
        self._peer = webrtc.connection()
        self._channels: dict[str, Any] = {}
        self._begun = self._heard = time.monotonic()
        self._started: float | None = None
        self._sent_bytes = self._bad = 0
        self._announced = False
        self._over = asyncio.Event()
        self._peer.on("datachannel", self._on_channel)
        self._peer.on("connectionstatechange", self._on_state)

    async def answer(self, offer: str, first: str | None) -> str:
        """Return the SDP answer to an offer and the messages that came with it, along with the
        manifest and the base; raises `OfferError`, and `BusyError` if there is no socket."""
        from aiortc import RTCSessionDescription

        inline = self._inline(first)
        self._open(*webrtc.channels(self._peer))
        with foreign(OfferError, "the offer cannot be answered"):
            await self._peer.setRemoteDescription(RTCSessionDescription(offer, "offer"))
        webrtc.bind(self._peer, [self._local])
        await self._peer.setLocalDescription(await self._peer.createAnswer())
        webrtc.widen(self._peer)
        webrtc.quicken(self._peer)
        answer = str(self._peer.localDescription.sdp)
        if "a=candidate:" not in answer:
            raise BusyError("there is no UDP socket for another session")
        return with_inline(answer, inline)

    def _inline(self, first: str | None) -> list[bytes]:
        """Return manifest and base if the receiver has said what it has; raises `OfferError`."""
        if first is None:
            return []
        for datagram in started(first):
            try:
                self._sender.push(datagram)
            except PacketError as error:
                raise OfferError(f"{START_HEADER}: {error}") from None
        self._announced = True
        base = self._sender.base(MAX_INLINE_BYTES)
        self._total["inrcodec_sent_bytes_total"] += sum(map(len, base))
        return [self._sender.manifest(), *base]

    async def run(self) -> None:
        """Run until the receiver is through, silent, or out of time; then let go of everything."""
        limits = self._limits
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

    def facts(self) -> dict[str, object]:
        """What a log says of the session, without its name."""
        return {
            "client": self.address,
            "file": self._sender.stream.manifest.stream.hex(),
            "connected": self.connected,
            "finished": self._sender.stopped,
            "sent_bytes": self._sent_bytes,
            "bad_messages": self._bad,
            "elapsed_s": round(time.monotonic() - self._begun, 3),
        }

    def stop(self) -> None:
        """End the session soon."""
        self._over.set()

    def _on_state(self) -> None:
        if self._peer.connectionState in ("failed", "closed"):
            self.stop()

    def _open(self, control: Any, media: Any) -> None:
        """Listen to the channels, which open when the receiver is there."""
        self._channels = {webrtc.CONTROL: control, webrtc.MEDIA: media}
        for channel in (control, media):
            channel.bufferedAmountLowThreshold = LOW_WATER
            channel.on("bufferedamountlow", self._pump)
            channel.on("close", self.stop)
            channel.on("open", self._on_open)
        control.on("message", self._on_message)

    def _on_open(self) -> None:
        """Send the manifest over the control channel, unless it came with the answer."""
        self.connected, self._heard = True, time.monotonic()
        if not self._announced and self._channels[webrtc.CONTROL].readyState == "open":
            self._announced = True
            self._channels[webrtc.CONTROL].send(self._sender.manifest())
        self._pump()

    def _on_channel(self, channel: Any) -> None:
        """End a session whose receiver opens another channel."""
        self.stop()

    def _count(self, size_bytes: int) -> None:
        self._total["inrcodec_sent_bytes_total"] += size_bytes
        self._sent_bytes += size_bytes

    def _on_message(self, message: object) -> None:
        """Take a message of the receiver, answer, and send on."""
        try:
            answer = self._sender.push(message)  # type: ignore[arg-type]
        except PacketError:
            self._bad += 1
            self._total["inrcodec_bad_messages_total"] += 1
            if self._bad > self._limits.bad_messages:
                self.stop()
            return
        self._heard = time.monotonic()
        if answer is not None and self._channels[webrtc.CONTROL].bufferedAmount < HIGH_WATER:
            self._channels[webrtc.CONTROL].send(answer)
        if self._sender.stopped:
            self.stop()
        self._pump()

    def _pump(self) -> None:
        """Send by priority for as long as the channels hold back little: they share one queue."""
        control = self._channels.get(webrtc.CONTROL)
        reliable = self._sender.mode == Mode.RELIABLE
        media = control if reliable else self._channels.get(webrtc.MEDIA)
        if control is None or media is None or self._over.is_set():
            return
        if control.readyState != "open" or media.readyState != "open":
            return
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
            if not reliable and next(self._lost):
                self._total["inrcodec_dropped_on_purpose_total"] += 1
                continue
            media.send(outgoing.datagram)

    def _adapt(self, held_bytes: int) -> None:
        """Leave out the layers that would come later than the receiver is willing to wait."""
        if self._sender.patience_s == math.inf:
            return
        layer, size = self._sender.ahead
        gone = self._sent_bytes - held_bytes
        if not layer or self._started is None or gone < RATE_AFTER_BYTES:
            return
        took = time.monotonic() - self._started
        if took + (held_bytes + size) * took / gone > self._sender.patience_s:
            self._sender.drop(layer)
