"""Connections that owe a request, and those beyond the number that there may be."""

import asyncio

from inrcodec.streaming.server.connections import Connections
from inrcodec.streaming.server.options import Limits


class Transport:
    def __init__(self):
        self.transport, self.aborted = self, False

    def abort(self):
        self.aborted, self.transport = True, None


def watched(limits, slow):
    """Connections whose number is that of the transports which are not cut."""
    transports = []
    return transports, Connections(
        limits, lambda: sum(not each.aborted for each in transports), slow
    )


def test_the_slow_are_cut():
    async def go():
        late = asyncio.Event()
        transports, connections = watched(Limits(request_s=0.05), late.set)
        transports += [Transport(), Transport()]
        for each in transports:
            connections.expect(each)
        connections.arrived(transports[0])
        connections.arrived(transports[0])
        await asyncio.wait_for(late.wait(), 30)
        return [each.aborted for each in transports], len(connections)

    assert asyncio.run(go()) == ([False, True], 0)


def test_room_is_made_by_those_that_have_waited_longest():
    """Those that have sent a request are not cut, whatever there is to be made room for."""

    async def go():
        transports, connections = watched(Limits(connections=3), lambda: None)
        for _ in range(3):
            assert connections.make_room()
            transports.append(Transport())
            connections.expect(transports[-1])
        connections.arrived(transports[0])
        assert connections.make_room()
        assert [each.aborted for each in transports] == [False, True, False]
        assert connections.make_room()  # there is one less
        transports.append(Transport())
        connections.arrived(transports[2])
        assert not connections.make_room()
        return [each.aborted for each in transports]

    assert asyncio.run(go()) == [False, True, False, False]


def test_those_that_have_gone_are_let_go_of():
    async def go():
        _, connections = watched(Limits(connections=5), lambda: None)
        for _ in range(100):
            gone = Transport()
            connections.expect(gone)
            gone.abort()
        assert len(connections) == 5
        assert not connections.cut_oldest()
        return len(connections)

    assert asyncio.run(go()) == 0
