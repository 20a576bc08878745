"""Many receivers of one server, without sockets and with a clock that is a number.

Receivers come at random, lose packets, fall silent for a while or go without a word; the server
takes as many at once as it may and ends those that were silent for too long. Each session is the
sender and the receiver of the protocol, which exchange one window of datagrams a round trip.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from inrcodec.errors import OptionError, PacketError
from inrcodec.streaming.protocol.messages import Mode, Start, Stop
from inrcodec.streaming.protocol.packets import pack
from inrcodec.streaming.protocol.receiver import Receiver
from inrcodec.streaming.protocol.sender import Sender
from inrcodec.streaming.protocol.stream import Stream

PAUSE_S = 4.0
"""Seconds for which a receiver that falls silent does so."""

WHOLE, VANISHED, REFUSED, OVERDUE = "whole", "vanished", "refused", "overdue"
"""How a session ends: with the whole file, cut for its silence, not taken, or cut for its time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitors:
    """Who comes: so many receivers, so many a second on average, and which shares of them fall
    silent once, or vanish amid a session. `packet_loss` is that of both directions. Raises
    `OptionError` for shares that are none."""

    count: int
    per_s: float
    rtt_s: float = 0.06
    packet_loss: float = 0.01
    silent: float = 0.05
    vanishing: float = 0.05
    seed: int = 0

    def __post_init__(self) -> None:
        shares = self.packet_loss, self.silent, self.vanishing, self.silent + self.vanishing
        if not all(0 <= share <= 1 for share in shares) or self.per_s <= 0 or self.rtt_s <= 0:
            raise OptionError(f"shares are 0 to 1, rates and times above 0, got {self}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a server allows: sessions at once, seconds of silence, and of a whole session. `window`
    are the datagrams that it sends one receiver in a round trip."""

    sessions: int = 256
    window: int = 32
    silence_s: float = 10.0
    session_s: float = 600.0


@dataclass(slots=True)
class Report:
    """What came of a crowd: sessions by their end, the most at once, bytes and datagrams that the
    server sent, and the simulated seconds until the last one was over."""

    ends: Counter[str] = field(default_factory=Counter)
    most_at_once: int = 0
    sent_bytes: int = 0
    datagrams: int = 0
    elapsed_s: float = 0.0


def simulate_crowd(
    stream: Stream,
    visitors: Visitors,
    rules: Rules | None = None,
    look: Callable[[int], None] | None = None,
) -> Report:
    """Let all visitors come for one file; `look` is called with the number of sessions that are
    over whenever one is. A session holds memory only while it lasts."""
    rules, draw, report = rules or Rules(), random.Random(visitors.seed), Report()
    now_s, over, at_once = 0.0, 0, 0
    number = itertools.count()
    events: list[tuple[float, int, _Session | None]] = [(0.0, next(number), None)]
    coming = visitors.count
    while events:
        now_s, _, session = heapq.heappop(events)
        end: str | None = None
        if session is None:
            coming -= 1
            if coming:
                heapq.heappush(
                    events, (now_s + draw.expovariate(visitors.per_s), next(number), None)
                )
            if at_once < rules.sessions:
                session = _Session(stream, visitors, draw, now_s)
                at_once += 1
                report.most_at_once = max(report.most_at_once, at_once)
            else:
                end = REFUSED
        if session is not None:
            later_s, end = session.turn(now_s, rules, report)
            if end is None:
                heapq.heappush(events, (later_s, next(number), session))
            else:
                at_once -= 1
        if end is not None:
            over += 1
            report.ends[end] += 1
            report.elapsed_s = now_s
            if look is not None:
                look(over)
    return report


class _Session:
    """One receiver and the sender that the server has for it."""

    def __init__(
        self, stream: Stream, visitors: Visitors, draw: random.Random, now_s: float
    ) -> None:
        self._sender, self._receiver = Sender(stream), Receiver()
        self._visitors, self._draw = visitors, draw
        self._begun_s = self._heard_s = now_s
        self._to_server = self._receiver.resume(Start(Mode.FEC))
        self._is_announced = False
        kind, turns = draw.random(), draw.randrange(1, 3)
        self._vanishes_after = turns if kind < visitors.vanishing else None
        is_silent = visitors.vanishing <= kind < visitors.vanishing + visitors.silent
        self._silent_after = turns if is_silent else None
        self._silent_until_s = 0.0

    def turn(self, now_s: float, rules: Rules, report: Report) -> tuple[float, str | None]:
        """One round trip: when the next one begins, or how the session ends."""
        for datagram in self._to_server:
            self._heard_s = now_s
            self._sender.push(datagram)
        self._to_server = []
        if self._sender.stopped:
            return now_s, WHOLE
        if now_s - self._begun_s >= rules.session_s:
            return now_s, OVERDUE
        if now_s - self._heard_s >= rules.silence_s:
            return now_s, VANISHED
        for datagram in self._sent(rules.window, report):
            self._take(datagram)
        self._ask(now_s)
        return now_s + self._visitors.rtt_s, None

    def _sent(self, window: int, report: Report) -> Iterator[bytes]:
        """What the server sends in a round trip and the link does not lose."""
        if self._sender.started and not self._is_announced:
            self._is_announced = True
            yield self._sender.manifest()  # over the channel that loses nothing
        for _ in range(window):
            outgoing = self._sender.next()
            if outgoing is None:
                return
            report.datagrams += 1
            report.sent_bytes += len(outgoing.datagram)
            if outgoing.note or not self._is_lost():
                yield outgoing.datagram

    def _take(self, datagram: bytes) -> None:
        """Let the receiver take a datagram and answer."""
        try:
            whole = self._receiver.push(datagram)
        except PacketError:
            return
        self._to_server += self._receiver.replies(whole)

    def _ask(self, now_s: float) -> None:
        """What the receiver says at the end of a round trip, if it says anything."""
        receiver = self._receiver
        if receiver.complete:
            self._to_server.append(pack(receiver.name, Stop()))
        elif receiver.manifest is not None:
            self._to_server += receiver.wants_all()
        if self._vanishes_after is not None:
            self._vanishes_after -= 1
            if self._vanishes_after <= 0:
                self._to_server = []
        if self._silent_after is not None:
            self._silent_after -= 1
            if self._silent_after == 0:
                self._silent_until_s = now_s + PAUSE_S
        if now_s < self._silent_until_s:
            self._to_server = []

    def _is_lost(self) -> bool:
        return self._draw.random() < self._visitors.packet_loss
