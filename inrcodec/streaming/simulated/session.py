"""A session over a simulated link: which picture is there when, after how many bytes.

Time is simulated, so a run takes as long as the decoding. The link loses, delays and limits
datagrams (`channel.py`); words of the receiver go the other way over a link that delays and loses
as much. What is never to be lost (notes, and everything in reliable mode) is sent again a round
trip after it was lost, as an ideal ARQ does: congestion control and timeouts, which a transport
adds, are in benchmarks of real peers.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from inrcodec.errors import PacketError
from inrcodec.streaming.protocol.messages import Mode, Start
from inrcodec.streaming.protocol.packets import MAX_PACKET
from inrcodec.streaming.protocol.receiver import Receiver
from inrcodec.streaming.protocol.sender import Outgoing, Sender
from inrcodec.streaming.protocol.stream import Stream
from inrcodec.streaming.simulated.link import Link, Loss

FRAMES = 24
"""About how many pictures of a session are looked at beside those of whole layers."""

PATIENCE = 1.5
"""Round trips of silence after which a receiver asks for what is missing."""

LEAST_WAIT_S = 0.001
"""Before anything is sent again, however short the round trip."""

MAX_ROUNDS = 200
GIVE_UP_S = 600.0


@dataclass(frozen=True, slots=True)
class Conditions:
    """Of a link: what it loses, the round trip, bytes a second each way (None: no limit), and the
    seed of its losses."""

    loss: Loss
    rtt_s: float = 0.06
    bytes_per_s: float | None = None
    seed: int = 0

    @property
    def again_s(self) -> float:
        """After which what was lost is sent again."""
        return max(self.rtt_s, LEAST_WAIT_S)

    def link(self, *, back: bool = False) -> Link:
        """The way to the receiver, or the way back."""
        return Link(self.loss, 2 * self.seed + back, self.rtt_s / 2, self.bytes_per_s)


@dataclass(frozen=True, slots=True)
class Frame:
    """What a receiver had at a time: bytes that came, whole layers, and runs of the file to
    decode."""

    time_s: float
    received_bytes: int
    layers: int
    runs: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Transmission:
    """What came of a session: frames in order of time, all bytes that were sent, the losses of the
    link (True: lost), and whether the receiver got the whole file."""

    frames: tuple[Frame, ...]
    sent_bytes: int
    mask: tuple[bool, ...]
    complete: bool


def simulate(
    stream: Stream, mode: Mode, conditions: Conditions, estimate: float | None = None
) -> Transmission:
    """Stream a file once: the receiver asks at time 0, half a round trip before the sender knows.
    Repair symbols are planned for a loss of `estimate`, by default that of the link."""
    run = _Run(stream, mode, conditions, conditions.loss.mean if estimate is None else estimate)
    run.go()
    return Transmission(
        tuple(run.frames), run.sent_bytes, tuple(run.down.mask), run.receiver.complete
    )


class _Run:
    """One session: a queue of what happens when."""

    def __init__(self, stream: Stream, mode: Mode, conditions: Conditions, estimate: float) -> None:
        self.mode, self.conditions = mode, conditions
        self._start = Start(mode, loss_permille=round(1000 * min(0.5, estimate)))
        self.sender, self.receiver = Sender(stream), Receiver()
        self.down, self.up = conditions.link(), conditions.link(back=True)
        self.frames: list[Frame] = []
        self.sent_bytes = 0
        self._events: list[tuple[float, int, Callable[[float], object]]] = []
        self._count = itertools.count()
        self._every = max(1, sum(x.sources for x in stream.manifest.layers) // FRAMES)
        self._since = 0
        self._heard_s, self._rounds = 0.0, 0
        self._sending = False
        self._held: dict[int, bytes] = {}
        self._next_in, self._next_out = 0, 0

    def go(self) -> None:
        """Let everything happen."""
        for datagram in self.receiver.resume(self._start):
            self._word(0.0, datagram)
        self._at(self._patience, self._watch)
        while self._events:
            time_s, _, happen = heapq.heappop(self._events)
            if time_s > GIVE_UP_S or (self.receiver.complete and not self._held):
                break
            happen(time_s)
        if self._since:
            self._look(self._heard_s)

    @property
    def _patience(self) -> float:
        return PATIENCE * self.conditions.rtt_s + 0.02

    def _at(self, time_s: float, happen: Callable[[float], object]) -> None:
        heapq.heappush(self._events, (time_s, next(self._count), happen))

    def _word(self, now_s: float, datagram: bytes) -> None:
        """A datagram of the receiver, sent until it arrives."""
        free, arrival = self.up.send(now_s, len(datagram))
        if arrival is None:
            self._at(free + self.conditions.again_s, lambda t: self._word(t, datagram))
        else:
            self._at(arrival, lambda t: self._said(t, datagram))

    def _said(self, now_s: float, datagram: bytes) -> None:
        fresh = not self.sender.started
        self.sender.push(datagram)
        if fresh and self.sender.started:
            self._transmit(now_s, self.sender.manifest(), sure=True)
        if not self._sending:
            self._send(now_s)

    def _send(self, now_s: float) -> None:
        """Send the next datagram, and the one after it when the link is free."""
        outgoing: Outgoing | None = self.sender.next()
        self._sending = outgoing is not None
        if outgoing is not None:
            sure = outgoing.note or self.mode == Mode.RELIABLE
            free = self._transmit(now_s, outgoing.datagram, sure=sure)
            self._at(free, self._send)

    def _transmit(self, now_s: float, datagram: bytes, *, sure: bool) -> float:
        number = -1
        if self.mode == Mode.RELIABLE:
            number, self._next_out = self._next_out, self._next_out + 1
        return self._try(now_s, datagram, number, sure)

    def _try(self, now_s: float, datagram: bytes, number: int, sure: bool) -> float:
        free, arrival = self.down.send(now_s, len(datagram))
        self.sent_bytes += len(datagram)
        if arrival is not None:
            self._at(arrival, lambda t: self._arrived(t, datagram, number))
        elif sure:
            again = free + self.conditions.again_s
            self._at(again, lambda t: self._try(t, datagram, number, sure))
        return free

    def _arrived(self, now_s: float, datagram: bytes, number: int) -> None:
        """Hand over to the receiver; in reliable mode in order."""
        if number < 0:
            self._take(now_s, datagram)
            return
        self._held[number] = datagram
        while self._next_in in self._held:
            self._take(now_s, self._held.pop(self._next_in))
            self._next_in += 1

    def _take(self, now_s: float, datagram: bytes) -> None:
        self._heard_s = now_s
        try:
            whole = self.receiver.push(datagram)
        except PacketError:
            return  # a datagram that overtook the manifest
        self._since += 1
        if whole or self._since >= self._every:
            self._look(now_s)
        if self.mode in (Mode.FEC, Mode.NACK):
            words = [word for layer in whole for word in self.receiver.thanks(layer)]
            for message in words + self.receiver.requests():
                self._word(now_s, message)

    def _watch(self, now_s: float) -> None:
        """Ask for what is missing after a silence."""
        if self.mode not in (Mode.FEC, Mode.NACK) or self._rounds >= MAX_ROUNDS:
            return
        if now_s - self._heard_s >= self._patience and self.receiver.manifest is not None:
            self._rounds += 1
            for message in self.receiver.wants_all():
                self._word(now_s, message)
        self._at(now_s + self._patience, self._watch)

    def _look(self, now_s: float) -> None:
        """Keep what there is to see."""
        self._since = 0
        runs = tuple(self.receiver.runs())
        frame = Frame(now_s, self.receiver.received_bytes, self.receiver.layers, runs)
        if runs and (not self.frames or runs != self.frames[-1].runs):
            self.frames.append(frame)


def simulate_bytes(data: bytes, *, reliable: bool, conditions: Conditions) -> Transmission:
    """A file of any kind in datagrams of the same size over the same link, shown by its beginning:
    what came in order, or, without retransmission, what came before the first loss."""
    size = MAX_PACKET
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    link = conditions.link()
    begun = conditions.rtt_s / 2
    waiting = [(begun, number) for number in range(len(pieces))]
    arrivals: list[float | None] = [None] * len(pieces)
    sent = 0
    heapq.heapify(waiting)
    while waiting:
        ready, number = heapq.heappop(waiting)
        free, arrival = link.send(ready, len(pieces[number]))
        sent += len(pieces[number])
        arrivals[number] = arrival
        if arrival is None and reliable and free < GIVE_UP_S:
            heapq.heappush(waiting, (free + conditions.again_s, number))
    frames = list(_in_order(pieces, arrivals))
    complete = bool(frames) and frames[-1].received_bytes == len(data)
    return Transmission(tuple(frames), sent, tuple(link.mask), complete)


def _in_order(pieces: Sequence[bytes], arrivals: Sequence[float | None]) -> Iterator[Frame]:
    """What there is of the beginning, about `FRAMES` times."""
    every = max(1, len(pieces) // FRAMES)
    now, prefix = 0.0, b""
    for number, (piece, arrival) in enumerate(zip(pieces, arrivals, strict=True)):
        if arrival is None:
            break
        now, prefix = max(now, arrival), prefix + piece
        if number % every == 0 or number == len(pieces) - 1:
            yield Frame(now, len(prefix), 0, (prefix,))
    else:
        return
    if prefix:
        yield Frame(now, len(prefix), 0, (prefix,))
