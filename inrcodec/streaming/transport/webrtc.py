"""What server and client share of WebRTC: a peer connection of data channels, and its seams.

Three things have no public form in aiortc: which address its sockets bind to, how large their
receive buffers are, and how SCTP begins and how long it waits. They are set here and nowhere else;
tests watch that they still take.
"""

from __future__ import annotations

import contextlib
import importlib.util
import socket
from collections.abc import Awaitable, Callable
from typing import Any

from inrcodec.errors import StreamError
from inrcodec.streaming.protocol.packets import MAX_PACKET

CONTROL, MEDIA = "control", "media"
"""Labels of the two channels, 0 and 1: reliable and in order; neither."""

FIRST_WINDOW = 10 * MAX_PACKET
FIRST_RTO_S, LEAST_RTO_S = 0.5, 0.2

RECEIVE_BUFFER = 1 << 22
"""Bytes: with the 256 KiB of aioice a burst of a megabyte loses packets in the socket."""


def require() -> None:
    """Raise `StreamError` if the packages for streaming are not there."""
    if not all(map(importlib.util.find_spec, ("aiohttp", "aiortc", "raptorq"))):
        raise StreamError('streaming needs more packages: pip install "inrcodec[stream]"')


def connection() -> Any:
    """A peer connection that asks no STUN server."""
    from aiortc import RTCConfiguration, RTCPeerConnection

    return RTCPeerConnection(RTCConfiguration(iceServers=[]))


def channels(peer: Any) -> tuple[Any, Any]:
    """Control and media. Both sides make both, so that neither waits for the other to announce
    it."""
    control = peer.createDataChannel(CONTROL, negotiated=True, id=0)
    media = peer.createDataChannel(MEDIA, negotiated=True, id=1, ordered=False, maxRetransmits=0)
    return control, media


def quicken(peer: Any) -> None:
    """Let SCTP begin with ten packets in flight, and wait for a lost one no longer than the path
    takes: RFC 9260 says three packets and a second. Browsers (dcSCTP) begin with ten and 400 ms."""
    sctp = peer.sctp
    measured: Callable[[float], None] = sctp._update_rto

    def update(round_trip_s: float) -> None:
        measured(round_trip_s)
        sctp._rto = max(LEAST_RTO_S, sctp._srtt + 4 * sctp._rttvar)

    sctp._update_rto = update
    sctp._rto = FIRST_RTO_S
    sctp._cwnd = FIRST_WINDOW


def bind(peer: Any, local: list[str]) -> None:
    """Let the sockets of a peer that has channels use these local addresses alone."""
    ice = peer.sctp.transport.transport.iceGatherer._connection
    gather: Callable[..., Awaitable[Any]] = ice.get_component_candidates

    async def bound(component: int, addresses: list[str], timeout: int = 5) -> Any:
        return await gather(component=component, addresses=local, timeout=timeout)

    ice.get_component_candidates = bound


def widen(peer: Any) -> None:
    """Give the sockets of a peer that has a local description large receive buffers."""
    for protocol in peer.sctp.transport.transport.iceGatherer._connection._protocols:
        found = protocol.transport.get_extra_info("socket")
        if found is not None:
            with contextlib.suppress(OSError):
                found.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)


def local_addresses(host: str, port: int) -> list[str]:
    """The addresses of this machine that packets to a host leave from, one for each of its own;
    raises `StreamError`. May ask a name server."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
    except (OSError, UnicodeError) as error:
        raise StreamError(f"{host} is not known: {error}") from None
    addresses: dict[str, None] = {}
    for family, kind, *_, target in found:
        with contextlib.suppress(OSError), socket.socket(family, kind) as probe:
            probe.connect(target)  # sends nothing
            addresses[str(probe.getsockname()[0])] = None
    if not addresses:
        raise StreamError(f"{host} cannot be reached from here")
    return list(addresses)
