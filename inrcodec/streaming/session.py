"""Sender and receiver of one stream as state machines: no socket, no clock, no thread.

The sender gives datagrams by priority: what was asked for again, then layer after layer, repair
symbols spread among the datagrams that follow so that a burst does not take both. The receiver
takes datagrams in any order, as often as they come, and whatever else arrives; it knows at any time
which bytes of the file are there.
"""

from __future__ import annotations

import hashlib
import heapq
import math
import zlib
from collections import deque
from dataclasses import dataclass

from inrcodec.errors import PacketError
from inrcodec.streaming import fec
from inrcodec.streaming.packets import (
    MAX_LAYERS,
    MAX_SYMBOL_ID,
    NO_SECTION,
    STREAM_BYTES,
    Have,
    LayerInfo,
    Manifest,
    Mode,
    Ping,
    Sent,
    Start,
    Stop,
    Symbol,
    Want,
    bitmaps,
    pack,
    parse,
)
from inrcodec.streaming.stream import Stream

REPAIR_SPACING = 3
"""Datagrams of the next layer between two repair symbols of one."""

SPARE_SYMBOLS = 32
"""Most symbols of a layer a receiver holds beyond those it needs."""

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
        queued = set(self._again)
        wanted = [(layer, number) for number in self._sources(message)]
        known = self._have[layer]
        wanted = [
            place
            for place in wanted
            if (self._sent.get(place, 0) or place[1] in known)
            and self._sent.get(place, 0) < MOST_AGAIN
        ]
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


class _Layer:
    """What is there of one layer: symbols until it is whole, then its bytes."""

    def __init__(self, info: LayerInfo) -> None:
        self.info = info
        self.data: bytes | None = None
        self.symbols: dict[int, bytes] = {}
        self.marks: dict[int, int] = {}
        self.repairs = 0

    def add(self, symbol: Symbol) -> bool:
        """Take a symbol; whether the layer has become whole. Raises `PacketError` for one of a
        wrong size."""
        info, number = self.info, symbol.number
        last = info.size_bytes - (info.sources - 1) * info.symbol_bytes
        wanted = last if number == info.sources - 1 else info.symbol_bytes
        if len(symbol.payload) != wanted:
            raise PacketError(f"a symbol of {len(symbol.payload)} bytes, not {wanted}")
        if self.data is not None or number in self.symbols:
            return False
        if number >= info.sources:
            if self.repairs >= info.sources + SPARE_SYMBOLS:
                return False
            self.repairs += 1
        self.symbols[number] = symbol.payload
        if number < info.sources:
            self.marks[number] = symbol.section
        if len(self.symbols) < info.sources:
            return False
        return self._complete(fec.recovered(self.symbols, info))

    def fill(self, data: bytes) -> bool:
        """Take all bytes of the layer from elsewhere; whether they are right."""
        return self._complete(data)

    def _complete(self, data: bytes | None) -> bool:
        if data is None:
            return False
        if len(data) != self.info.size_bytes or zlib.crc32(data) != self.info.checksum:
            self._clear()  # valid datagrams of no such layer: begin anew
            return False
        self.data = data
        self._clear()
        return True

    def _clear(self) -> None:
        self.symbols.clear()
        self.marks.clear()
        self.repairs = 0

    @property
    def missing(self) -> list[int]:
        """Source symbols that are not there."""
        if self.data is not None:
            return []
        return [n for n in range(self.info.sources) if n not in self.symbols]

    def runs(self) -> list[bytes]:
        """What is there as runs of bytes: one from the layer's beginning, others that begin with a
        section each. The first is empty if the beginning is missing, the last if the end is."""
        if self.data is not None:
            return [self.data]
        runs: list[bytes] = []
        run: bytearray | None = bytearray()
        for number in range(self.info.sources):
            symbol = self.symbols.get(number)
            if symbol is None:
                if run is not None:
                    runs.append(bytes(run))
                run = None
            elif run is not None:
                run += symbol
            elif self.marks[number] != NO_SECTION:
                run = bytearray(symbol[self.marks[number] :])
        return [*runs, b"" if run is None else bytes(run)]


class Receiver:
    """What one receiver has of a stream. `push` every datagram; the rest is state.

    Memory is bounded by the manifest, which is bounded by the limits of packets.py: at most symbols
    of twice the file and 32 more a layer. Keep the receiver over a cut: `resume` tells a new sender
    what is there already.
    """

    def __init__(self) -> None:
        self.manifest: Manifest | None = None
        self.received_bytes = 0
        self.news = 0
        """Symbols that were not there before."""
        self.rejected = 0
        self.pong: int | None = None
        """Token of the last ping that was answered."""
        self.final: int | None = None
        """The last layer the sender is going to send, once it has said so."""
        self._layers: list[_Layer] = []
        self._sent: deque[int] = deque(maxlen=MAX_LAYERS)

    def push(self, datagram: bytes) -> list[int]:
        """Take a datagram; the layers that have become whole. Raises `PacketError` for one that is
        not valid or of another stream; the receiver stays as it was, but for the count
        `rejected`."""
        try:
            return self._push(datagram)
        except PacketError:
            self.rejected += 1
            raise

    def _push(self, datagram: bytes) -> list[int]:
        stream, message = parse(datagram)
        if isinstance(message, Manifest):
            if stream != message.stream:
                raise PacketError("a manifest of another stream")
            self._begin(message)
            return []
        if isinstance(message, Ping):
            self.pong = message.token if message.answer else self.pong
            return []
        if self.manifest is None or stream != self.manifest.stream:
            raise PacketError("a datagram of another stream")
        if isinstance(message, Symbol):
            if message.layer >= len(self._layers):
                raise PacketError(f"there is no layer {message.layer}")
            layer = self._layers[message.layer]
            before = len(layer.symbols)
            whole = layer.add(message)
            self.news += whole or len(layer.symbols) > before
            self.received_bytes += len(datagram)
            return [message.layer] if whole else []
        if isinstance(message, Sent):
            self._sent.append(message.layer)
            if message.last:
                self.final = message.layer
            return []
        raise PacketError(f"a sender does not send {message.kind.name}")

    def _begin(self, manifest: Manifest) -> None:
        """Take a manifest; that of another version of the file lets go of what there was."""
        if manifest != self.manifest:
            self.manifest = manifest
            self._layers = [_Layer(info) for info in manifest.layers]

    @property
    def name(self) -> bytes:
        """The stream's name; zeros before there is a manifest."""
        return bytes(STREAM_BYTES) if self.manifest is None else self.manifest.stream

    def resume(self, start: Start) -> list[bytes]:
        """The datagrams that begin a session: what is there, then `start`."""
        self.final = None
        messages: list[Have | Start] = []
        for number, layer in enumerate(self._layers):
            missing = set(layer.missing)
            known = [n for n in range(layer.info.sources) if n not in missing]
            messages += bitmaps(Have, number, known)
        return [pack(self.name, message) for message in [*messages, start]]

    def requests(self) -> list[bytes]:
        """The datagrams that ask for what is missing of layers the sender is through with."""
        through = dict.fromkeys(self._sent)
        self._sent.clear()
        return [datagram for layer in through for datagram in self.wants(layer)]

    def thanks(self, layer: int) -> list[bytes]:
        """The datagrams that say that a layer is whole."""
        sources = range(self._layers[layer].info.sources)
        return [pack(self.name, message) for message in bitmaps(Have, layer, list(sources))]

    def wants(self, layer: int) -> list[bytes]:
        """The datagrams that ask for what is missing of a layer."""
        if self.manifest is None or layer >= len(self._layers):
            return []
        messages = bitmaps(Want, layer, self._layers[layer].missing)
        return [pack(self.manifest.stream, message) for message in messages]

    def wants_all(self) -> list[bytes]:
        """The same for all layers the sender may be through with."""
        last = len(self._layers) - 1 if self.final is None else self.final
        return [datagram for layer in range(last + 1) for datagram in self.wants(layer)]

    def fill(self, layer: int, data: bytes) -> bool:
        """Take all bytes of a layer that came some other way; whether they are right."""
        return self._layers[layer].data is not None or self._layers[layer].fill(data)

    def has(self, layer: int) -> bool:
        """Whether a layer is whole."""
        return layer < len(self._layers) and self._layers[layer].data is not None

    @property
    def layers(self) -> int:
        """Whole layers from the first on."""
        count = 0
        while self.has(count):
            count += 1
        return count

    @property
    def through(self) -> bool:
        """Whether all is there that the sender is going to send."""
        return self.final is not None and self.layers > self.final

    @property
    def complete(self) -> bool:
        """Whether the whole file is there."""
        return bool(self._layers) and self.layers == len(self._layers)

    def prefix(self) -> bytes:
        """The file up to the first layer that is not whole."""
        return b"".join(layer.data or b"" for layer in self._layers[: self.layers])

    def file(self) -> bytes:
        """The whole file; raises `PacketError` if it is not there or not what the manifest says."""
        data = self.prefix()
        if self.manifest is None or hashlib.sha256(data).digest() != self.manifest.digest:
            raise PacketError("the file is not whole")
        return data

    def runs(self) -> list[bytes]:
        """All that is there and can be decoded, for `decode_picture`: the first run is the
        beginning of the file, others begin with a section. Empty without the base layer."""
        if not self.has(0):
            return []
        runs = [b""]
        for layer in self._layers:
            first, *others = layer.runs()
            runs[-1] += first
            runs += others
        return [run for run in runs if run]
