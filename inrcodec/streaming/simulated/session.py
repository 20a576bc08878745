"""A session over a simulated link: what the receiver has when, after how many bytes.

Time is simulated: a run waits for nothing. The link loses, delays and limits datagrams (link.py);
messages of the receiver go the other way over a link that loses and delays as much. What must not
be lost (notes, and everything in reliable mode) is sent again a round trip after it was lost, as an
ideal ARQ does. Congestion control and timeouts, which a real transport adds, are left out;
`python -m benchmarks.streaming.peers` measures real peers.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from inrcodec.errors import PacketError
from inrcodec.streaming.protocol import fec
from inrcodec.streaming.protocol.frame import Frame
from inrcodec.streaming.protocol.messages import Mode, Start
from inrcodec.streaming.protocol.packets import MAX_PACKET
from inrcodec.streaming.protocol.receiver import Receiver
from inrcodec.streaming.protocol.sender import Outgoing, Sender
from inrcodec.streaming.protocol.stream import Stream
from inrcodec.streaming.simulated.link import Link, PacketLoss

FRAMES = 24
"""About how many frames of a session are kept beside those of whole layers: each is decoded, and
more would not be told apart in a plot."""

PATIENCE = 1.5
"""Round trips of silence after which a receiver asks for what is missing, as real receivers do
(client/pace.py): an answer takes one round trip, and half of one allows for delays."""

LEAST_PATIENCE_S = 0.02
"""Added to it, so that a receiver does not ask all the time where the round trip is 0."""

LEAST_WAIT_S = 0.001
"""The least time before a datagram is sent again, for links without any delay."""

MAX_ROUNDS = 200
"""How often a receiver asks after a silence before a session ends as it is."""

GIVE_UP_S = 600.0
"""When a session ends as it is, as a server's does (`Limits.session_s`)."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """The conditions of a link: the packets it loses, the round trip in seconds, bytes a second in
    each direction (None: no limit), and the seed of the packet loss."""

    packet_loss: PacketLoss
    rtt_s: float = 0.06
    bytes_per_s: float | None = None
    seed: int = 0

    @property
    def again_s(self) -> float:
        """Seconds after which a lost datagram is sent again."""
        return max(self.rtt_s, LEAST_WAIT_S)

    def link(self, *, back: bool = False) -> Link:
        """Make the link to the receiver, or the one back."""
        return Link(self.packet_loss, 2 * self.seed + back, self.rtt_s / 2, self.bytes_per_s)


@dataclass(frozen=True, slots=True)
class Transmission:
    """The outcome of a session: frames in order of time, all bytes that were sent, for each packet
    whether the link lost it, and whether the receiver got the whole file."""

    frames: tuple[Frame, ...]
    sent_bytes: int
    mask: tuple[bool, ...]
    complete: bool


def simulate(
    stream: Stream, mode: Mode, conditions: Conditions, expected: float | None = None
) -> Transmission:
    """Stream a file once: the receiver asks at time 0, half a round trip before the sender knows.
    Repair symbols are planned for a packet loss of `expected`, by default the mean of the link."""
    if expected is None:
        expected = conditions.packet_loss.mean
    run = _Run(stream, mode, conditions, expected)
    run.go()
    return Transmission(
        tuple(run.frames), run.sent_bytes, tuple(run.down.mask), run.receiver.complete
    )


class _Run:
    """One session: a queue of events in the order of simulated time."""

    def __init__(self, stream: Stream, mode: Mode, conditions: Conditions, expected: float) -> None:
        self.mode, self.conditions = mode, conditions
        self._start = Start(
            mode, packet_loss_permille=round(1000 * min(fec.MOST_EXPECTED_LOSS, expected))
        )
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
        """Run through the events until the file is there or nothing more can happen."""
        for datagram in self.receiver.resume(self._start):
            self._say(0.0, datagram)
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
        """Seconds of silence after which the receiver asks for what is missing."""
        return PATIENCE * self.conditions.rtt_s + LEAST_PATIENCE_S

    def _at(self, time_s: float, happen: Callable[[float], object]) -> None:
        """Queue an event."""
        heapq.heappush(self._events, (time_s, next(self._count), happen))

    def _say(self, now_s: float, datagram: bytes) -> None:
        """Send a datagram of the receiver until it arrives."""
        free, arrival = self.up.send(now_s, len(datagram))
        if arrival is None:
            self._at(free + self.conditions.again_s, lambda t: self._say(t, datagram))
        else:
            self._at(arrival, lambda t: self._hear(t, datagram))

    def _hear(self, now_s: float, datagram: bytes) -> None:
        """Hand a datagram to the sender, and let it send."""
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
        """Send a datagram to the receiver, again and again if `sure`; return when the link is
        free."""
        number = -1
        if self.mode == Mode.RELIABLE:
            number, self._next_out = self._next_out, self._next_out + 1
        return self._try(now_s, datagram, number, sure)

    def _try(self, now_s: float, datagram: bytes, number: int, sure: bool) -> float:
        """Send a datagram once; queue its arrival, or the next attempt."""
        free, arrival = self.down.send(now_s, len(datagram))
        self.sent_bytes += len(datagram)
        if arrival is not None:
            self._at(arrival, lambda t: self._arrived(t, datagram, number))
        elif sure:
            again = free + self.conditions.again_s
            self._at(again, lambda t: self._try(t, datagram, number, sure))
        return free

    def _arrived(self, now_s: float, datagram: bytes, number: int) -> None:
        """Hand a datagram to the receiver; in reliable mode in order."""
        if number < 0:
            self._take(now_s, datagram)
            return
        self._held[number] = datagram
        while self._next_in in self._held:
            self._take(now_s, self._held.pop(self._next_in))
            self._next_in += 1

    def _take(self, now_s: float, datagram: bytes) -> None:
        """Let the receiver take a datagram and answer."""
        self._heard_s = now_s
        try:
            whole = self.receiver.push(datagram)
        except PacketError:
            return  # a datagram that overtook the manifest
        self._since += 1
        if whole or self._since >= self._every:
            self._look(now_s)
        if self.mode in (Mode.FEC, Mode.NACK):
            for message in self.receiver.replies(whole):
                self._say(now_s, message)

    def _watch(self, now_s: float) -> None:
        """Ask for what is missing after a silence."""
        if self.mode not in (Mode.FEC, Mode.NACK) or self._rounds >= MAX_ROUNDS:
            return
        if now_s - self._heard_s >= self._patience and self.receiver.manifest is not None:
            self._rounds += 1
            for message in self.receiver.wants_all():
                self._say(now_s, message)
        self._at(now_s + self._patience, self._watch)

    def _look(self, now_s: float) -> None:
        """Keep a frame, if there is anything new to see."""
        self._since = 0
        frame = self.receiver.frame(now_s)
        if frame.runs and (not self.frames or frame.runs != self.frames[-1].runs):
            self.frames.append(frame)


def simulate_bytes(data: bytes, *, reliable: bool, conditions: Conditions) -> Transmission:
    """Send a file of any kind in datagrams of the same size over the same link. Its frames show its
    beginning: what came in order or, if not `reliable`, what came before the first lost packet."""
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
    complete = bool(frames) and frames[-1].complete
    return Transmission(tuple(frames), sent, tuple(link.mask), complete)


def _in_order(pieces: Sequence[bytes], arrivals: Sequence[float | None]) -> Iterator[Frame]:
    """Yield the beginning of a file as it grows, about `FRAMES` times."""
    every = max(1, len(pieces) // FRAMES)
    now, prefix = 0.0, b""
    shown = 0
    for number, (piece, arrival) in enumerate(zip(pieces, arrivals, strict=True)):
        if arrival is None:
            break
        now, prefix = max(now, arrival), prefix + piece
        if number % every == 0 or number == len(pieces) - 1:
            shown = len(prefix)
            yield _beginning(now, prefix, whole=number == len(pieces) - 1)
    if len(prefix) > shown:
        yield _beginning(now, prefix, whole=False)


def _beginning(now_s: float, prefix: bytes, *, whole: bool) -> Frame:
    """Make the frame of the beginning of a file that has no layers."""
    return Frame(
        elapsed_s=now_s,
        received_bytes=len(prefix),
        layers=0,
        total_layers=0,
        runs=(prefix,),
        data=prefix if whole else None,
    )
