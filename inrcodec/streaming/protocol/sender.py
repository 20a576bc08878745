"""The sending end of a stream as a state machine: no socket, no clock, no thread.

The sender gives datagrams by priority: first what the receiver asked for again, then layer after
layer. It spreads the repair symbols of a layer among the symbols of the next one, so that one burst
of lost packets does not take both the symbols and what would repair them.
"""

from __future__ import annotations

import heapq
import math
from collections import deque
from dataclasses import dataclass

from inrcodec.errors import PacketError
from inrcodec.streaming.protocol import fec
from inrcodec.streaming.protocol.messages import (
    MAX_SYMBOL_ID,
    Have,
    Mode,
    Ping,
    Sent,
    Start,
    Stop,
    Want,
)
from inrcodec.streaming.protocol.packets import pack, parse
from inrcodec.streaming.protocol.stream import Stream

REPAIR_SPACING = 3
"""Symbols of the next layer between two repair symbols: a burst of 4 packets, the mean burst that
docs/streaming.md measures, takes one repair symbol and no more."""

MOST_AGAIN = 16
"""How often a sender sends one symbol at most. At a packet loss of 50 % all 16 are lost once in
65,536 times; a hostile receiver costs 16 times the file and no more."""

PLAN_GROWTH = 1.5
"""How many times the packet loss must be what was planned for before there is another plan: however
a receiver asks, there are few plans."""

AFTER_ALL = MAX_SYMBOL_ID + 1
"""Stands for the message `Sent`, which follows the symbols of a layer."""

Place = tuple[int, int]
"""(layer, symbol or `AFTER_ALL`)."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A datagram to send. `layer` is its priority; `note` marks a message about the stream, which
    is small, must not be lost, and carries no part of the file."""

    datagram: bytes
    layer: int
    note: bool


class Sender:
    """Gives the datagrams for one receiver in order; none before the receiver says `Start`."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.started = self.stopped = False
        self.mode = Mode.NACK
        self.patience_s = math.inf
        self._have: list[set[int]] = [set() for _ in stream.layers]
        self._order: deque[Place] = deque()
        self._again: list[Place] = []
        self._sent: dict[Place, int] = {}
        self._left = [0] * len(stream.layers)
        self._final = 0
        self._lost = 0
        self._packet_loss = 0.0
        self._repairs = [0] * len(stream.layers)

    def manifest(self) -> bytes:
        """Return the manifest's datagram, which a receiver needs before any other."""
        return pack(self.stream.manifest.stream, self.stream.manifest)

    def base(self, most_bytes: int) -> list[bytes]:
        """Return the datagrams of the base layer that the receiver lacks, to go by a way that loses
        nothing; they count as sent. Returns none if they have more than `most_bytes` bytes."""
        infos = self.stream.manifest.layers[0]
        missing = [n for n in range(infos.sources) if n not in self._have[0]]
        datagrams = [self.stream.datagram(0, n) for n in missing]
        if sum(map(len, datagrams)) > most_bytes:
            return []
        self._have[0].update(missing)
        self._order = deque(place for place in self._order if place[0] or place[1] == AFTER_ALL)
        self._left[0] = 0
        return datagrams

    def push(self, datagram: bytes) -> bytes | None:
        """Take a message of the receiver; return a datagram to answer with, or None. Raises
        `PacketError` for a message that is not valid, and then stays as it was."""
        stream, message = parse(datagram)
        if isinstance(message, Ping):
            return None if message.answer else pack(stream, Ping(message.token, True))
        if isinstance(message, Stop):
            self.stopped = True
            return None
        if isinstance(message, Start):  # of whatever version the receiver knows of
            self._start(message)
            return None
        if stream != self.stream.manifest.stream:
            if type(message) is Have:
                return None  # of a version that is no more; the manifest will say so
            raise PacketError("a message about another file, or another version of it")
        if isinstance(message, Want):
            self._resend(message)
        elif isinstance(message, Have):
            self._note(message)
        else:
            raise PacketError(f"a receiver does not send {message.kind.name}")
        return None

    def next(self) -> Outgoing | None:
        """Return the next datagram, or None if there is nothing to send now."""
        if self.stopped or not (self._again or self._order):
            return None
        again = bool(self._again)
        layer, number = heapq.heappop(self._again) if again else self._order.popleft()
        if number == AFTER_ALL:
            note = Sent(layer, layer == self._final)
            return Outgoing(pack(self.stream.manifest.stream, note), layer, True)
        self._left[layer] -= not again
        self._sent[layer, number] = self._sent.get((layer, number), 0) + 1
        return Outgoing(self.stream.datagram(layer, number), layer, False)

    @property
    def ahead(self) -> tuple[int, int]:
        """The coarsest layer with symbols never sent yet, and their size in bytes; (0, 0) if there
        is none."""
        layer = next((layer for layer, count in enumerate(self._left) if count), 0)
        return layer, self._left[layer] * self.stream.manifest.layers[layer].symbol_bytes

    def drop(self, layer: int) -> None:
        """Send no more of this layer and of finer ones, except what the receiver asks for again."""
        self._order = deque(place for place in self._order if place[0] < layer)
        self._left[layer:] = [0] * (len(self._left) - layer)
        self._final = layer - 1
        self._order.append((self._final, AFTER_ALL))

    def _start(self, message: Start) -> None:
        """Plan what to send, once: whole layers within the budget, and always the base."""
        if self.started:
            return
        self.started, self.mode = True, message.mode
        self.patience_s = message.patience_ds / 10 or math.inf
        infos = self.stream.manifest.layers[: message.layers or None]
        budget, spent, chosen = message.budget_bytes, 0, 0
        for info in infos:
            spent += info.size_bytes
            if chosen and budget and spent > budget:
                break
            chosen += 1
        self._final = chosen - 1
        if message.mode in (Mode.FEC, Mode.ONCE):
            self._packet_loss = message.packet_loss_permille / 1000
        self._plan(0)

    def _plan(self, first: int) -> None:
        """Plan what to send of the layers from `first` on, of which nothing was sent yet."""
        infos = self.stream.manifest.layers[: self._final + 1]
        wanted = fec.protection([info.sources for info in infos], self._packet_loss)
        self._order = deque(place for place in self._order if place[0] < first)
        waiting: deque[Place] = deque()
        for layer in range(first, len(infos)):
            sources = infos[layer].sources
            missing = [n for n in range(sources) if n not in self._have[layer]]
            for i, number in enumerate(missing):
                self._order.append((layer, number))
                if waiting and i % REPAIR_SPACING == REPAIR_SPACING - 1:
                    self._order.append(waiting.popleft())
            while waiting and waiting[0][0] < layer - 1:
                self._order.append(waiting.popleft())
            self._repairs[layer] = wanted[layer] if missing else 0
            waiting.extend((layer, sources + i) for i in range(self._repairs[layer]))
            waiting.append((layer, AFTER_ALL))
        self._order.extend(waiting)
        self._left[first:] = [0] * (len(self._left) - first)
        for layer, number in self._order:
            self._left[layer] += layer >= first and number != AFTER_ALL

    def _note(self, message: Have) -> None:
        """Note what the receiver has; no more is sent of a layer that is whole there."""
        layer = self._layer(message.layer)
        self._have[layer].update(self._sources(message))
        if self.started and len(self._have[layer]) == self.stream.manifest.layers[layer].sources:
            self._order = deque(p for p in self._order if p[0] != layer or p[1] == AFTER_ALL)
            self._left[layer] = 0

    def _resend(self, message: Want) -> None:
        """Queue again what the receiver asks for, unless it was never sent or too often. In mode
        fec, repair symbols go along with it, and with the layers after it."""
        layer = self._layer(message.layer)
        queued, known = set(self._again), self._have[layer]
        wanted: list[Place] = []
        for number in self._sources(message):
            times = self._sent.get((layer, number), 0)
            self._lost += times == 1
            if (times or number in known) and times < MOST_AGAIN:
                wanted.append((layer, number))
        repairs = self._mend(layer, len(wanted)) if self.mode == Mode.FEC else []
        for place in [*wanted, *repairs, (layer, AFTER_ALL)] if wanted else []:
            if place not in queued:
                heapq.heappush(self._again, place)

    def _mend(self, layer: int, count: int) -> list[Place]:
        """Return the repair symbols that go with `count` symbols sent again, for the packet loss
        that was seen; plan more of them for the layers of which nothing was sent yet."""
        seen = min(self._lost / max(1, len(self._sent)), fec.MOST_EXPECTED_LOSS)
        if seen > PLAN_GROWTH * self._packet_loss:
            self._packet_loss = seen
            self._plan(1 + max((begun for begun, _ in self._sent), default=-1))
        sources = self.stream.manifest.layers[layer].sources
        first = sources + self._repairs[layer]
        repairs = fec.repair_count(count, seen, fec.EARLY_FAILURE) if count else 0
        most = fec.most_symbols(sources) - sources  # the stream keeps them, for all receivers
        last = max(first, min(first + repairs, most))
        self._repairs[layer] = last - sources
        return [(layer, number) for number in range(first, last)]

    def _sources(self, message: Have) -> list[int]:
        """Return those source symbols named by a message that exist."""
        sources = self.stream.manifest.layers[self._layer(message.layer)].sources
        return [number for number in message.numbers() if number < sources]

    def _layer(self, layer: int) -> int:
        """Return the number of a layer; raises `PacketError` if there is no such layer."""
        if layer >= len(self.stream.layers):
            raise PacketError(f"there is no layer {layer}")
        return layer
