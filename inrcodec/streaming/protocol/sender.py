"""Everything one receiver is sent, as a state machine: no socket, no clock, no thread.

The sender gives datagrams by priority: what was asked for again, then layer after layer, repair
symbols spread among the datagrams that follow so that a burst does not take both.
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
"""Datagrams of the next layer between two repair symbols of one."""

MOST_AGAIN = 16
"""How often a sender sends one symbol at most."""

AFTER_ALL = MAX_SYMBOL_ID + 1
"""Stands for the note that a layer has been sent, which follows its symbols."""

Place = tuple[int, int]
"""(layer, symbol or `AFTER_ALL`)."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A datagram to send; `layer` is its priority, `note` whether it is a word about the stream,
    small and not to be lost, and no part of the file."""

    datagram: bytes
    layer: int
    note: bool


class Sender:
    """Everything one receiver is sent, in order. Nothing until it says `Start`."""

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

    def manifest(self) -> bytes:
        """The datagram a receiver needs first."""
        return pack(self.stream.manifest.stream, self.stream.manifest)

    def base(self, most_bytes: int) -> list[bytes]:
        """The datagrams of the base layer that the receiver lacks, for a way that loses nothing;
        they count as sent. None at all if they have more bytes than that."""
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
        """Take a message of the receiver; a datagram to answer with, or None. Raises `PacketError`
        for one that is not valid; the sender stays as it was."""
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
        """The next datagram, or None if there is nothing to send now."""
        if self.stopped or not (self._again or self._order):
            return None
        layer, number = heapq.heappop(self._again) if self._again else self._order.popleft()
        if number == AFTER_ALL:
            note = Sent(layer, layer == self._final)
            return Outgoing(pack(self.stream.manifest.stream, note), layer, True)
        if (layer, number) not in self._sent:
            self._left[layer] -= 1
        self._sent[layer, number] = self._sent.get((layer, number), 0) + 1
        return Outgoing(self.stream.datagram(layer, number), layer, False)

    @property
    def ahead(self) -> tuple[int, int]:
        """The coarsest layer that has symbols never sent yet, and their bytes; (0, 0) if none
        has."""
        layer = next((layer for layer, count in enumerate(self._left) if count), 0)
        return layer, self._left[layer] * self.stream.manifest.layers[layer].symbol_bytes

    def drop(self, layer: int) -> None:
        """Send nothing more of this layer and finer ones, but what is asked for again."""
        self._order = deque(place for place in self._order if place[0] < layer)
        self._left[layer:] = [0] * (len(self._left) - layer)
        self._final = layer - 1
        self._order.append((self._final, AFTER_ALL))

    def _start(self, message: Start) -> None:
        """Plan what to send, once: whole layers within the budget, always the base."""
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
        repaired = message.mode in (Mode.FEC, Mode.ONCE)
        loss = message.loss_permille / 1000 if repaired else 0.0
        repairs = fec.protection([info.sources for info in infos[:chosen]], loss)
        waiting: deque[Place] = deque()
        for layer in range(chosen):
            sources = infos[layer].sources
            missing = [n for n in range(sources) if n not in self._have[layer]]
            for i, number in enumerate(missing):
                self._order.append((layer, number))
                if waiting and i % REPAIR_SPACING == REPAIR_SPACING - 1:
                    self._order.append(waiting.popleft())
            while waiting and waiting[0][0] < layer - 1:
                self._order.append(waiting.popleft())
            if missing:
                waiting.extend((layer, sources + i) for i in range(repairs[layer]))
            waiting.append((layer, AFTER_ALL))
        self._order.extend(waiting)
        for layer, number in self._order:
            self._left[layer] += number != AFTER_ALL

    def _note(self, message: Have) -> None:
        """Know what the receiver has; nothing more is sent of a layer that is whole there."""
        layer = self._layer(message.layer)
        self._have[layer].update(self._sources(message))
        if self.started and len(self._have[layer]) == self.stream.manifest.layers[layer].sources:
            self._order = deque(p for p in self._order if p[0] != layer or p[1] == AFTER_ALL)
            self._left[layer] = 0

    def _resend(self, message: Want) -> None:
        layer = self._layer(message.layer)
        queued, known = set(self._again), self._have[layer]
        wanted: list[Place] = []
        for number in self._sources(message):
            times = self._sent.get((layer, number), 0)
            if (times or number in known) and times < MOST_AGAIN:
                wanted.append((layer, number))
        for place in [*wanted, (layer, AFTER_ALL)] if wanted else []:
            if place not in queued:
                heapq.heappush(self._again, place)

    def _sources(self, message: Have) -> list[int]:
        """The symbols a message names that there are."""
        sources = self.stream.manifest.layers[self._layer(message.layer)].sources
        return [number for number in message.numbers() if number < sources]

    def _layer(self, layer: int) -> int:
        if layer >= len(self.stream.layers):
            raise PacketError(f"there is no layer {layer}")
        return layer
