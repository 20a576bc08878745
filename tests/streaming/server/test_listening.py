"""Connections that come in a burst: begun together, and never more than there may be."""

import asyncio
import socket

import pytest

from inrcodec.streaming.server.connections import Connections
from inrcodec.streaming.server.listening import BURST, Listener
from inrcodec.streaming.server.options import Limits
from tests.streaming.peers import until


class Open(asyncio.Protocol):
    """A connection among those that are open; `most` is how many there ever were at once."""

    def __init__(self, opened):
        self.opened, self.transport = opened, None

    def connection_made(self, transport):
        self.transport = transport
        self.opened.add(self)
        self.opened.most = max(self.opened.most, len(self.opened))

    def connection_lost(self, error):
        self.transport = None
        self.opened.discard(self)


class Opened(set):
    most = 0


@pytest.mark.parametrize("most", [3, BURST - 1, 3 * BURST])
def test_a_burst_has_no_more_connections_than_there_may_be(most):
    """Of those that say nothing, the newest stay."""
    burst = 2 * most + BURST

    async def go():
        opened = Opened()
        connections = Connections(Limits(connections=most), lambda: len(opened), lambda: None)
        refused = []
        listener = Listener(connections, lambda: Open(opened), lambda: refused.append(1))
        await listener.listen("127.0.0.1", 0)
        address = "127.0.0.1", listener.port
        made = [socket.create_connection(address) for _ in range(burst)]  # the loop sees them later
        try:
            last = made[-1].getsockname()
            assert await until(
                lambda: any(each.transport.get_extra_info("peername") == last for each in opened)
            )
            return opened.most, len(opened), len(refused)
        finally:
            await listener.close()
            for each in list(opened):
                each.transport.abort()
            for each in made:
                each.close()

    there, at_end, refused = asyncio.run(go())
    assert there <= most
    assert not refused
    assert at_end >= most - 1
