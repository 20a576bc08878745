"""WebRTC as server and client use it: peer connections of two data channels, and aiortc's seams.

aiortc has no public way to say which addresses its sockets bind to, how large their receive buffers
are, and how SCTP begins and how long it waits; and its parsers fail in ways that it does not
expect. This module alone reaches into its private parts for that; tests check that it still works.
"""

from __future__ import annotations

import contextlib
import socket
import struct
from collections.abc import Awaitable, Callable
from typing import Any

from inrcodec import extras
from inrcodec.errors import StreamError
from inrcodec.streaming.protocol.foreign import is_failure
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


HELD_BYTES = 1 << 16
"""Bytes beyond the window of SCTP (1 MiB) that a peer may send of messages that do not become
whole: probes of a closed window are a packet each."""

_PARAMETERS_AT = {1: 16, 2: 16, 4: 0, 5: 0, 6: 0, 9: 0, 130: 0}
"""Kinds of SCTP chunks that end in parameters, and where in their bodies those begin (RFC 9260,
RFC 6525)."""


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
    """Let the sockets of a peer that has channels use these local addresses, and no others; and
    guard the parsers of what strangers send there."""
    _guard_channels(peer.sctp)
    ice = peer.sctp.transport.transport.iceGatherer._connection
    gather: Callable[..., Awaitable[Any]] = ice.get_component_candidates

    async def bound(component: int, addresses: list[str], timeout: int = 5) -> Any:
        found = await gather(component=component, addresses=local, timeout=timeout)
        for protocol in ice._protocols:
            _guard_socket(protocol)
        return found

    ice.get_component_candidates = bound


def _guard_socket(protocol: Any) -> None:
    """Let a socket drop the datagrams that its parsers fail on: anyone can send some."""
    received: Callable[[bytes, Any], None] = protocol.datagram_received

    def guarded(data: bytes, address: Any) -> None:
        if data:  # the transport above reads the first byte of whatever comes
            try:
                received(data, address)
            except BaseException as error:
                if not is_failure(error):
                    raise

    protocol.datagram_received = guarded


def _guard_channels(sctp: Any) -> None:
    """End the session of a peer whose packets SCTP cannot parse or hold."""
    handle: Callable[[bytes], Awaitable[None]] = sctp._handle_data

    async def guarded(packet: bytes) -> None:
        if not sound(packet) or sctp._advertised_rwnd < -HELD_BYTES:
            raise ConnectionError  # which the transport above takes for the end
        try:
            await handle(packet)
        except BaseException as error:
            if not is_failure(error):
                raise
            raise ConnectionError from error

    sctp._handle_data = guarded


def sound(packet: bytes) -> bool:
    """Whether all parameters in a packet of SCTP have at least the length of their own heads.
    aiortc goes on by that length: at one of 0 it stays for ever, and takes all memory."""
    at = 12
    while at + 4 <= len(packet):
        kind, size = struct.unpack_from(">BxH", packet, at)
        end = at + max(4, size)
        place = at + 4 + _PARAMETERS_AT.get(kind, size)
        while place + 4 <= min(end, len(packet)):
            (length,) = struct.unpack_from(">H", packet, place + 2)
            if length < 4:
                return False
            place += length + -length % 4
        at = end + -end % 4
    return True


def widen(peer: Any) -> None:
    """Give the sockets of a peer that has a local description large receive buffers."""
    for protocol in peer.sctp.transport.transport.iceGatherer._connection._protocols:
        found = protocol.transport.get_extra_info("socket")
        if found is not None:
            with contextlib.suppress(OSError):
                found.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)


def paths(host: str, port: int) -> dict[str, str]:
    """Return the addresses of a host, and for each the address of this machine from which packets
    to it leave; raises `StreamError`. May ask a name server, and wait for it."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise StreamError(f"{host} is not known: {reason}") from None
    addresses: dict[str, str] = {}
    for family, kind, *_, target in found:
        with contextlib.suppress(OSError), socket.socket(family, kind) as probe:
            probe.connect(target)  # sends nothing
            addresses[str(target[0])] = str(probe.getsockname()[0])
    if not addresses:
        raise StreamError(f"{host} cannot be reached from here")
    return addresses


def local_addresses(host: str, port: int) -> list[str]:
    """Return the addresses of this machine from which packets to a host leave, as `paths` does."""
    return list(dict.fromkeys(paths(host, port).values()))
