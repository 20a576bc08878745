"""One session over channels that are lists: no socket."""

import asyncio
from dataclasses import replace
from itertools import repeat

import pytest

from inrcodec.errors import LimitError, StreamError
from inrcodec.streaming import ReceiveOptions, Receiver, Sender
from inrcodec.streaming.client import datachannels
from inrcodec.streaming.client.datachannels import Channels
from inrcodec.streaming.client.failures import Refused, Unreachable
from inrcodec.streaming.protocol.messages import Have, Ping, Sent, Stop, Want
from inrcodec.streaming.protocol.packets import MAX_PACKET, pack, parse
from inrcodec.streaming.protocol.receiver import MOST_VERSIONS


class Channel:
    readyState = "open"
    bufferedAmount = 0

    def __init__(self):
        self.sent, self._listeners = [], {}

    def on(self, event, listener):
        self._listeners[event] = listener

    def emit(self, event, *arguments):
        self._listeners[event](*arguments)

    def send(self, datagram):
        self.sent.append(datagram)


class Peer(Channel):
    connectionState = "new"

    def __init__(self):
        super().__init__()
        self.channels = []

    def createDataChannel(self, label, **options):
        self.channels.append(Channel())
        return self.channels[-1]


class Call:
    """A session and its other end."""

    def __init__(self, stream, lost=None, **options):
        self.peer, self.receiver, self.frames = Peer(), Receiver(), []
        self.heads, self.refusal = [], None
        self.options = ReceiveOptions(**options)
        lost = repeat(False) if lost is None else iter(lost)
        self.session = Channels(
            self.peer, self.receiver, self.options, lost, self._show, self._check
        )
        self.sender = Sender(stream)
        self.control, self.media = self.peer.channels
        self.session.say_first(self.receiver.resume(self.options.start))

    def _check(self, head):
        self.heads.append(head)
        if self.refusal is not None:
            raise self.refusal

    def _show(self):
        self.frames.append(self.receiver.frame(0.0))

    def open(self):
        self.control.emit("open")
        self.session.take([self.sender.manifest()])

    def exchange(self):
        """Let the sender hear and send everything."""
        heard, self.control.sent = self.control.sent, []
        for datagram in heard:
            answer = self.sender.push(datagram)
            if answer is not None:
                self.control.emit("message", answer)
        while (outgoing := self.sender.next()) is not None:
            channel = self.control if outgoing.note else self.media
            channel.emit("message", outgoing.datagram)

    def said(self, kind):
        return [d for d in self.control.sent if type(parse(d)[1]) is kind]


def run(go, stream, **options):
    async def inside():
        call = Call(stream, **options)
        await go(call)
        return call

    return asyncio.run(inside())


def test_a_file_arrives(stream):
    async def go(call):
        call.open()
        assert call.said(Ping)
        call.exchange()
        await call.session.run()

    call = run(go, stream)
    assert call.frames[-1].data == stream.data
    assert [frame.layers for frame in call.frames] == list(range(1, len(stream.layers) + 1))
    assert call.said(Have)
    assert parse(call.control.sent[-1])[1] == Stop()


def test_what_is_dropped_is_asked_for_again(stream):
    async def go(call):
        call.open()
        call.exchange()
        assert call.said(Want)
        while not call.receiver.complete:
            call.exchange()
        await call.session.run()

    lost = [n % 3 == 0 for n in range(20)] + [False] * 1000
    assert run(go, stream, mode="nack", lost=lost).frames[-1].data == stream.data


def test_after_a_silence_everything_is_asked_for(stream):
    """All messages of the sender are lost but the first."""

    async def go(call):
        call.open()
        call.control.sent.clear()
        running = asyncio.create_task(call.session.run())
        while not call.said(Want):
            await asyncio.sleep(0.02)
        call.control.emit("close")
        with pytest.raises(StreamError, match="closed the session"):
            await running

    run(go, stream, mode="nack")


def test_a_server_that_lies_is_not_asked_again(stream):
    """Its layers are not the file that its manifest names."""
    lie = replace(stream.manifest, digest=bytes(32))

    async def go(call):
        call.control.emit("open")
        call.session.take([pack(bytes(8), lie)])
        for datagram in call.receiver.resume(call.options.start):
            call.sender.push(datagram)
        while (outgoing := call.sender.next()) is not None:
            call.media.emit("message", pack(bytes(8), parse(outgoing.datagram)[1]))
        with pytest.raises(Refused, match="manifest"):
            await call.session.run()

    call = run(go, stream, mode="nack")
    assert call.frames[-1].data is None


def test_a_file_that_changes_all_the_time_is_refused(stream):
    async def go(call):
        call.open()
        for n in range(1, MOST_VERSIONS + 1):
            other = replace(stream.manifest, digest=bytes([n] * 32))
            call.control.emit("message", pack(other.stream, other))
        with pytest.raises(Refused, match="versions"):
            await call.session.run()

    run(go, stream)


def test_nonsense_is_dropped_and_in_the_end_refused(stream):
    async def go(call):
        call.open()
        for _ in range(datachannels.MOST_REJECTED):
            call.media.emit("message", b"nonsense")
            call.media.emit("message", "text")
        assert call.receiver.rejected == datachannels.MOST_REJECTED
        call.media.emit("message", b"nonsense")
        with pytest.raises(StreamError, match="no part"):
            await call.session.run()

    run(go, stream)


def test_a_connection_that_fails(stream):
    async def go(call):
        call.peer.connectionState = "failed"
        call.peer.emit("connectionstatechange")
        with pytest.raises(StreamError, match="cut"):
            await call.session.run()

    run(go, stream)


def test_channels_that_do_not_open(stream):
    async def go(call):
        with pytest.raises(Unreachable):
            await call.session.run()

    run(go, stream, connect_s=0.1)


def test_a_file_that_is_refused_by_its_header_ends_the_session_at_its_first_symbol(stream):
    call = Call(stream)
    call.refusal = LimitError("too much")
    call.open()
    call.exchange()
    with pytest.raises(LimitError, match="too much"):
        asyncio.run(call.session.run())
    assert call.heads == [stream.data[: stream.manifest.layers[0].symbol_bytes]]
    assert call.receiver.news == 1
    assert call.frames == []


def test_the_header_of_a_file_is_looked_at_once(stream):
    call = Call(stream)
    call.open()
    call.exchange()
    asyncio.run(call.session.run())
    assert call.receiver.complete
    assert len(call.heads) == 1


def test_a_server_that_asks_for_more_than_it_reads_is_not_answered(stream):
    """A message of a few bytes has the receiver ask for all symbols of a layer."""
    call = Call(stream)
    call.open()

    def send(datagram):
        call.control.sent.append(datagram)
        call.control.bufferedAmount += len(datagram)

    call.control.send = send
    sent = pack(stream.manifest.stream, Sent(0, False))
    for _ in range(10_000):
        call.control.emit("message", sent)
    assert 0 < call.control.bufferedAmount < datachannels.MOST_WAITING_BYTES + MAX_PACKET
    call.control.bufferedAmount = 0  # it reads on
    call.exchange()
    call.control.bufferedAmount = 0
    call.exchange()
    assert call.receiver.complete
