"""One file on its way: what has arrived of it, over as many connections as it takes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Iterator
from contextlib import aclosing
from typing import Any
from urllib.parse import urlsplit

from inrcodec.errors import OptionError, StreamError
from inrcodec.streaming.client.datachannels import Channels
from inrcodec.streaming.client.failures import Refused, Unavailable, Unreachable
from inrcodec.streaming.client.http import Download
from inrcodec.streaming.client.newest import Newest
from inrcodec.streaming.client.offer import hang_up, post_offer
from inrcodec.streaming.client.options import ReceiveOptions
from inrcodec.streaming.protocol.receiver import Receiver
from inrcodec.streaming.transport import webrtc
from inrcodec.streaming.transport.signaling import start_header, without_inline

PAUSE_S = 0.5
"""Seconds before the next attempt; after n failures in a row n times as many."""


class Reception:
    """Receives one file from one URL; `frames` gives what there is to see of it.

    Raises `OptionError` for a URL that is not valid.
    """

    def __init__(self, url: str, options: ReceiveOptions) -> None:
        self._host, self._port = _host_of(url)
        self._url, self._options = url, options
        self.frames = Newest()
        self._receiver = Receiver()
        self._download: Download | None = None
        self._begun = time.monotonic()
        self._lost: Iterator[bool] = options.simulated_packet_loss.draws(options.seed)

    async def run(self) -> None:
        """Receive until all that was asked for is there; a failure goes to `frames`."""
        try:
            await self._run()
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            self.frames.end(error)
        else:
            self.frames.end()

    async def _run(self) -> None:
        """Connect again and again until everything is there, or it makes no sense any more."""
        import aiohttp

        options = self._options
        headers = {}
        if options.token is not None:
            headers["Authorization"] = f"Bearer {options.token}"
        timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=options.connect_s, sock_read=options.silence_s
        )
        failures, transport = 0, options.transport
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
                    auto = transport == "auto"
                    if auto and isinstance(error, (Unavailable, Unreachable)):
                        transport = "http"
                        continue
                    failures = 0 if self._progress > before else failures + 1
                    if self._is_final(error) or failures > options.retries:
                        raise StreamError(f"{self._url}: {_said(error)}") from None
                    if auto and failures > 1:
                        transport = "http"
                await asyncio.sleep(PAUSE_S * max(1, failures))

    @property
    def _progress(self) -> int:
        """A number that grows with whatever comes of the file."""
        return self._receiver.news + (len(self._download.data) if self._download else 0)

    def _is_final(self, error: Exception) -> bool:
        """Whether another attempt would end like this one."""
        import aiohttp

        nobody = isinstance(error, aiohttp.ClientConnectorError) and not self._progress
        return nobody or isinstance(error, (Refused, Unavailable))

    def _elapsed(self) -> float:
        """Seconds since the file was asked for."""
        return time.monotonic() - self._begun

    async def _by_http(self, http: Any) -> None:
        """Receive the rest of the file by HTTP; what came over channels is kept."""
        if self._download is None:
            manifest = self._receiver.manifest
            digest = "" if manifest is None else manifest.digest.hex()
            prefix = self._receiver.prefix()
            self._download = Download(self._url, self._options, self._elapsed, prefix, digest)
        async with aclosing(self._download.frames(http)) as frames:
            async for frame in frames:
                self.frames.put(frame)

    async def _by_channels(self, http: Any) -> None:
        """Receive over the data channels of one WebRTC session."""
        from aiortc import RTCSessionDescription

        peer = webrtc.connection()
        location = None
        try:
            session = Channels(peer, self._receiver, self._options, self._lost, self._show)
            first = self._receiver.resume(self._options.start)
            header = start_header(first)
            offer = await self._offer(peer)
            answer, location = await post_offer(http, self._url, offer, header)
            answer, inline = without_inline(answer)
            if not inline or header is None:
                session.say_first(first)
            session.take(inline)
            try:
                await peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))
            except Exception as error:  # aiortc raises whatever its parser meets
                raise StreamError(f"the answer is not valid: {type(error).__name__}") from None
            await session.run()
        finally:
            peer.remove_all_listeners()
            with contextlib.suppress(Exception):
                await peer.close()
            await hang_up(http, self._url, location)

    async def _offer(self, peer: Any) -> str:
        """Make the offer of a peer whose sockets use addresses from which the host is reached."""
        try:
            local = await asyncio.to_thread(webrtc.local_addresses, self._host, self._port)
        except StreamError as error:
            raise Refused(str(error)) from None
        webrtc.bind(peer, local)
        await peer.setLocalDescription(await peer.createOffer())
        webrtc.widen(peer)
        webrtc.quicken(peer)
        return str(peer.localDescription.sdp)

    def _show(self) -> None:
        """Put what has come over channels where it is seen."""
        self.frames.put(self._receiver.frame(self._elapsed(), "webrtc"))


def _host_of(url: str) -> tuple[str, int]:
    """Return (host, port) of a URL; raises `OptionError`."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise OptionError(f"{url!r} is not a URL: {error}") from None
    if parts.scheme not in ("http", "https") or not host or not url.isprintable():
        raise OptionError(f"{url!r} is not an http or https URL")
    return host, port or (443 if parts.scheme == "https" else 80)


def _said(error: Exception) -> str:
    """Say for a person what went wrong."""
    import aiohttp

    if isinstance(error, aiohttp.ClientConnectorError):
        return f"cannot connect: {os.strerror(error.os_error.errno or 0)}"
    return str(error) or type(error).__name__
