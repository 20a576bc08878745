import asyncio
import socket
import struct

import google_crc32c
import pytest
from aioice import stun

from inrcodec.errors import StreamError
from inrcodec.streaming.transport import webrtc


def test_the_seams_to_aiortc_hold():
    """Sockets use the address we say, with large buffers; SCTP begins as we say."""

    async def go():
        peer = webrtc.connection()
        peer.createDataChannel("control")
        webrtc.bind(peer, ["127.0.0.1"])
        await peer.setLocalDescription(await peer.createOffer())
        webrtc.widen(peer)
        webrtc.quicken(peer)
        assert peer.sctp._cwnd == webrtc.FIRST_WINDOW
        peer.sctp._update_rto(0.01)
        assert peer.sctp._rto == webrtc.LEAST_RTO_S
        protocols = peer.sctp.transport.transport.iceGatherer._connection._protocols
        sockets = [p.transport.get_extra_info("socket") for p in protocols]
        names = {s.getsockname()[0] for s in sockets}
        sizes = [s.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) for s in sockets]
        sdp = peer.localDescription.sdp
        await peer.close()
        return names, sizes, sdp

    names, sizes, sdp = asyncio.run(go())
    assert names == {"127.0.0.1"}
    assert min(sizes) >= 200_000
    assert sdp.count("a=candidate") == 1


def packet(*chunks):
    """A packet of SCTP: a common head and chunks (kind, body)."""
    body = b"".join(
        struct.pack(">BBH", kind, 0, 4 + len(data)) + data + bytes(-len(data) % 4)
        for kind, data in chunks
    )
    head = struct.pack(">HHL", 5000, 5000, 0)
    checksum = struct.pack("<L", google_crc32c.value(head + bytes(4) + body))
    return head + checksum + body


INIT, HEARTBEAT, DATA = 1, 4, 0
ENDLESS = struct.pack(">HH", 1, 0)
"""A parameter that says that it has no length, not even that of its head."""


@pytest.mark.parametrize(
    "chunks",
    [
        [(INIT, bytes(16) + ENDLESS)],
        [(INIT, bytes(16) + struct.pack(">HH", 1, 4) + ENDLESS)],
        [(HEARTBEAT, ENDLESS)],
        [(DATA, bytes(12) + b"x"), (HEARTBEAT, ENDLESS)],
        [(6, ENDLESS), (9, b"")],
        [(130, struct.pack(">HH", 1, 3) + bytes(4))],
    ],
)
def test_parameters_without_an_end_are_found(chunks):
    """aiortc would go round and round them, with more memory each time."""
    assert not webrtc.sound(packet(*chunks))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        packet(),
        packet((INIT, bytes(16) + struct.pack(">HH", 1, 6) + bytes(4))),
        packet((HEARTBEAT, b"")),
        packet((DATA, bytes(12) + ENDLESS)),
        packet((DATA, bytes(13)), (HEARTBEAT, struct.pack(">HH", 1, 99))),
        bytes(12) + struct.pack(">BBH", 4, 0, 0) + bytes(20),  # a chunk without an end: refused
    ],
)
def test_other_packets_are_sound(data):
    assert webrtc.sound(data)


def guarded(go):
    """Run `go` with a peer whose sockets are open."""

    async def inside():
        peer = webrtc.connection()
        webrtc.channels(peer)
        webrtc.bind(peer, ["127.0.0.1"])
        await peer.setLocalDescription(await peer.createOffer())
        try:
            return await go(peer)
        finally:
            await peer.close()

    return asyncio.run(inside())


@pytest.mark.parametrize(
    "data",
    [
        packet((INIT, bytes(16) + ENDLESS)),
        packet((INIT, bytes(16)), (INIT, bytes(16))),  # which aiortc asserts not to be there
        packet((INIT, bytes(3))),
        packet((3, struct.pack(">LLHH", 0, 0, 9, 9))),
    ],
)
def test_packets_that_sctp_fails_on_end_the_session(data):
    """As a connection that is cut, which aiortc expects."""

    async def go(peer):
        with pytest.raises(ConnectionError):
            await peer.sctp._handle_data(data)

    guarded(go)


def test_a_peer_cannot_fill_the_memory():
    """Pieces of messages of which the last piece never comes."""
    data = packet((DATA, struct.pack(">LHHL", 7, 1, 0, 53) + bytes(1000)))

    async def go(peer):
        peer.sctp._advertised_rwnd = -webrtc.HELD_BYTES - 1
        with pytest.raises(ConnectionError):
            await peer.sctp._handle_data(data)

    guarded(go)


def test_datagrams_of_strangers_are_dropped_without_a_word(caplog):
    """An attribute of STUN that is too short makes aioice fail; so does nothing at all."""
    short = struct.pack(">HHL", 1, 8, 0x2112A442) + bytes(12) + struct.pack(">HH", 0x24, 0) * 2
    with pytest.raises(struct.error):
        stun.parse_message(short)

    async def go(peer):
        (protocol,) = peer.sctp.transport.transport.iceGatherer._connection._protocols
        loop = asyncio.get_running_loop()
        failures = []
        loop.set_exception_handler(lambda _, context: failures.append(context))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            for data in (short, b"", b"noise", short):
                stranger.sendto(data, protocol.transport.get_extra_info("sockname"))
        ice = peer.sctp.transport.transport.iceGatherer._connection
        for _ in range(500):
            if not ice._queue.empty():
                break
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
        assert failures == []
        assert ice._queue.get_nowait()[0] == b"noise"
        assert ice._queue.empty()

    guarded(go)


def test_the_paths_to_a_host():
    assert webrtc.paths("127.0.0.1", 9) == {"127.0.0.1": "127.0.0.1"}
    assert webrtc.local_addresses("127.0.0.1", 9) == ["127.0.0.1"]
    with pytest.raises(StreamError, match=r"is not known: [^\[]"):
        webrtc.paths("no-such-host.invalid", 9)
