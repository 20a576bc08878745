import asyncio

from inrcodec.streaming.server.connections import Connections
from inrcodec.streaming.server.options import Limits


class Transport:
    def __init__(self):
        self.transport, self.aborted = self, False

    def abort(self):
        self.aborted = True


def test_the_slow_and_the_surplus_are_cut():
    async def go():
        late = asyncio.Event()
        connections = Connections(Limits(connections=2, request_s=0.05), late.set)
        one, two, three = (Transport() for _ in range(3))
        for each in (one, two, three):
            connections.expect(each)
        assert one.aborted
        assert len(connections) == 2
        connections.arrived(two)
        connections.arrived(two)
        await asyncio.wait_for(late.wait(), 30)
        return two.aborted, three.aborted, len(connections)

    assert asyncio.run(go()) == (False, True, 0)
