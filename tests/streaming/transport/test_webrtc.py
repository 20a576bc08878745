import asyncio

from inrcodec.streaming.transport import webrtc


def test_the_seams_to_aiortc_hold():
    """Sockets use the address we say, with large buffers; SCTP begins as we say."""
    import socket

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
