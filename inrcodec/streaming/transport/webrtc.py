"""WebRTC as server and client use it: peer connections of two data channels, and aiortc's seams.

aiortc has no public way to say which addresses its sockets bind to, how large their receive buffers
are, and how SCTP begins and how long it waits. This module alone reaches into its private parts for
that; tests check that it still works.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Awaitable, Callable
from typing import Any

from inrcodec import extras
from inrcodec.errors import StreamError
from inrcodec.streaming.protocol.packets import MAX_PACKET

CONTROL, MEDIA = "control", "media"
"""Labels of the two channels. Channel 0 is reliable and in order; channel 1 is neither."""

FIRST_WINDOW = 10 * MAX_PACKET
"""Bytes in flight at first: ten packets, as browsers (dcSCTP) and TCP (RFC 6928) have."""

FIRST_RTO_S, LEAST_RTO_S = 0.5, 0.2
"""Seconds before a packet is sent again: at first (dcSCTP), and at least (Linux' TCP)."""

RECEIVE_BUFFER = 1 << 22
"""Bytes of the receive buffer of a socket: with the 256 KiB of aioice, packets of a burst of one
megabyte are lost in the socket itself."""


def require() -> None:
    """Raise `MissingExtraError` if the packages for streaming are not installed."""
    extras.check("aiohttp", "aiortc", "raptorq", "scipy", extra="stream")


def connection() -> Any:
    """Make a peer connection that asks no STUN server."""
    from aiortc import RTCConfiguration, RTCPeerConnection

    return RTCPeerConnection(RTCConfiguration(iceServers=[]))


def channels(peer: Any) -> tuple[Any, Any]:
    """Make the channels (control, media). They are negotiated in advance: both ends make both, and
    neither waits a round trip for an announcement."""
    control = peer.createDataChannel(CONTROL, negotiated=True, id=0)
    media = peer.createDataChannel(MEDIA, negotiated=True, id=1, ordered=False, maxRetransmits=0)
    return control, media


def quicken(peer: Any) -> None:
    """Let SCTP begin with `FIRST_WINDOW` bytes in flight, and wait for a lost packet as long as the
    path takes. RFC 9260 says three packets and at least a second; browsers begin with ten packets
    and wait 400 ms at least (dcSCTP)."""
    sctp = peer.sctp
    measured: Callable[[float], None] = sctp._update_rto

    def update(round_trip_s: float) -> None:
        measured(round_trip_s)
        sctp._rto = max(LEAST_RTO_S, sctp._srtt + 4 * sctp._rttvar)

    sctp._update_rto = update
    sctp._rto = FIRST_RTO_S
    sctp._cwnd = FIRST_WINDOW


def bind(peer: Any, local: list[str]) -> None:
    """Let the sockets of a peer that has channels use these local addresses, and no others."""
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
    """Return the addresses of this machine from which packets to a host leave, one for each address
    of the host; raises `StreamError`. May ask a name server, and wait for it."""
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
