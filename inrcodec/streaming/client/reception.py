"""One file on its way: what has arrived of it, over as many connections as it takes."""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections.abc import Callable, Iterator
from contextlib import aclosing
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from inrcodec.errors import FormatError, PacketError, StreamError
from inrcodec.streaming.client.datachannels import Channels
from inrcodec.streaming.client.failures import Incomplete, Refused, Unavailable, Unreachable, said
from inrcodec.streaming.client.http import Download
from inrcodec.streaming.client.newest import Newest
from inrcodec.streaming.client.offer import hang_up, post_offer
from inrcodec.streaming.client.options import ReceiveOptions
from inrcodec.streaming.client.urls import check_url
from inrcodec.streaming.layers import starts_in
from inrcodec.streaming.protocol.foreign import foreign
from inrcodec.streaming.protocol.frame import Beginning, Frame
from inrcodec.streaming.protocol.receiver import Receiver, recalled
from inrcodec.streaming.transport import webrtc
from inrcodec.streaming.transport.signaling import start_header, with_candidates, without_inline
from inrcodec.streaming.transport.threads import in_thread

if TYPE_CHECKING:
    from inrcodec.streaming.client.requests import Requests

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 10.0
"""Seconds before the next attempt: twice as many after each failure in a row. Five of them wait for
a server that is away for 15 s."""

LET_GO_S = 0.5
"""Seconds in which a connection that is of no use any more is closed."""


Check = Callable[[bytes], None]
"""Looks at the beginning of a file once its header is there; raises `FormatError` for a file that
is not wanted."""


def unchecked(_: bytes) -> None:
    """Want every file."""


def pause_s(failures: int) -> float:
    """Seconds to wait after so many failures in a row."""
    return min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(10, max(0, failures - 1)))


class Reception:
    """Receives one file from one URL; `frames` gives what there is to see of it. `known` is its
    beginning, if that is there from an earlier time. `check` may refuse the file by its header.

    Raises `OptionError` for a URL that is not valid.
    """

    def __init__(
        self, url: str, options: ReceiveOptions, known: Beginning, check: Check = unchecked
    ) -> None:
        self._host, self._port = check_url(url)
        self._check = check
        self._url, self._options, self._known = url, options, known
        self.frames = Newest()
        self._receiver = Receiver(known.data)
        self._download: Download | None = None
        self._begun = time.monotonic()
        self._lost: Iterator[bool] = options.simulated_packet_loss.draws(options.seed)

    async def run(self) -> None:
        """Receive until all that was asked for is there; a failure goes to `frames`, behind a frame
        of all that had come."""
        limit = self._options.timeout_s
        try:
            await asyncio.wait_for(self._run(), limit)
        except asyncio.CancelledError:
            raise
        except asyncio.TimeoutError:
            self._fail(StreamError(f"{self._url}: not all of it arrived in {limit:g} s"))
        except BaseException as error:
            self._fail(error)
        else:
            self.frames.end()

    def _fail(self, error: BaseException) -> None:
        """End `frames` with an error."""
        with contextlib.suppress(PacketError):
            rest = self._rest()
            if rest is not None and rest.runs:
                self.frames.put(rest)
            if isinstance(error, StreamError) and self.beginning.data:
                error = Incomplete(str(error), self.beginning)
        self.frames.end(error)

    @property
    def beginning(self) -> Beginning:
        """What is there of the file without a gap, at any time."""
        if self._download is not None:
            return self._download.beginning
        known, manifest = self._known, self._receiver.manifest
        if manifest is None:
            return known
        came = Beginning(next(iter(self._receiver.runs()), b""), manifest.digest.hex())
        longer = len(known.data) > len(came.data)
        return known if longer and known.version == came.version else came

    def _rest(self) -> Frame | None:
        """Return a frame of all that is there."""
        if self._download is not None:
            return self._download.rest()
        return self._receiver.frame(self._elapsed(), "webrtc")

    async def _run(self) -> None:
        """Connect again and again until everything is there, or it makes no sense any more."""
        import aiohttp

        from inrcodec.streaming.client.requests import requests

        options = self._options
        failures, transport = 0, options.transport
        known = (StreamError, aiohttp.ClientError, asyncio.TimeoutError, OSError)
        async with requests(self._url, options) as http:
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
                        raise StreamError(f"{self._url}: {said(error)}") from None
                    if auto and failures > 1:
                        transport = "http"
                await asyncio.sleep(pause_s(failures))

    @property
    def _progress(self) -> int:
        """A number that grows with whatever comes of the file that was never there before."""
        return self._receiver.news + (self._download.most if self._download else 0)

    def _is_final(self, error: Exception) -> bool:
        """Whether another attempt would end like this one."""
        import aiohttp

        strangers = (aiohttp.ClientConnectorError, aiohttp.ClientResponseError)  # no server of ours
        nobody = isinstance(error, strangers) and not self._progress
        return nobody or isinstance(error, (Refused, Unavailable))

    def _elapsed(self) -> float:
        """Seconds since the file was asked for."""
        return time.monotonic() - self._begun

    async def _by_http(self, http: Requests) -> None:
        """Receive the rest of the file by HTTP; what came over channels is kept."""
        if self._download is None:
            self._download = Download(self._options, self._elapsed, self.beginning, self._check)
        async with aclosing(self._download.frames(http)) as frames:
            async for frame in frames:
                self.frames.put(frame)

    async def _by_channels(self, http: Requests) -> None:
        """Receive over the data channels of one WebRTC session."""
        peer = webrtc.connection()
        location = None
        try:
            session = Channels(
                peer, self._receiver, self._options, self._lost, self._show, self._check
            )
            first = self._receiver.resume(self._options.start)
            if self._receiver.manifest is None:
                first = [*_recalled(self._known, self._options.asks_again), *first]
            header = start_header(first)
            offer, addresses = await self._offer(peer)
            answer, location = await post_offer(http, offer, header)
            answer, inline = without_inline(answer)
            if not inline or header is None:
                session.say_first(first)
            session.take(inline)
            await self._accept(peer, answer, addresses)
            await session.run()
        finally:
            peer.remove_all_listeners()
            with contextlib.suppress(Exception):
                await asyncio.wait_for(_let_go(peer, http, location), LET_GO_S)

    async def _offer(self, peer: Any) -> tuple[str, list[str]]:
        """Return (offer, addresses of the host). The sockets of the peer use those addresses of
        this machine from which the host is reached."""
        try:
            paths = await in_thread(webrtc.paths, self._host, self._port)
        except StreamError as error:
            raise Refused(str(error)) from None
        webrtc.bind(peer, list(dict.fromkeys(paths.values())))
        await peer.setLocalDescription(await peer.createOffer())
        webrtc.widen(peer)
        webrtc.quicken(peer)
        return str(peer.localDescription.sdp), list(paths)

    async def _accept(self, peer: Any, answer: str, addresses: list[str]) -> None:
        """Let the peer connect as the answer says, but to no other host."""
        from aiortc import RTCSessionDescription

        answer, candidates = with_candidates(answer, addresses)
        with foreign(StreamError, "the answer is not valid"):
            await peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        if not candidates:
            raise Unreachable(f"the server names no UDP port of {self._host}")

    def _show(self) -> None:
        """Put what has come over channels where it is seen."""
        self.frames.put(self._receiver.frame(self._elapsed(), "webrtc"))


def _recalled(known: Beginning, asks_again: bool) -> list[bytes]:
    """Return the datagrams that say which layers a beginning has, if they can be told. The last one
    may lack its end, so it counts only where the receiver asks again."""
    if not re.fullmatch("[0-9a-f]{64}", known.version):
        return []
    try:
        starts = starts_in(known.data)
    except FormatError:
        return []
    ends = [*starts, len(known.data)] if asks_again else starts
    sizes = [end - begin for begin, end in pairwise(ends)]
    return recalled(bytes.fromhex(known.version), sizes)


async def _let_go(peer: Any, http: Requests, location: str | None) -> None:
    """End a session here and at the server."""
    with contextlib.suppress(Exception):
        await peer.close()
    await hang_up(http, location)
