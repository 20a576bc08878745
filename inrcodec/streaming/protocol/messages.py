"""The messages of a session: what sender and receiver tell each other beside the manifest.

docs/streaming.md is the specification. Numbers are big endian. `body` gives the bytes of a message
and `of` parses them: it checks lengths and limits before it reads, and raises nothing but
`PacketError`. The manifest, which says what the layers are, has a file of its own (manifest.py);
packets.py turns messages into datagrams.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar

from inrcodec.errors import PacketError

STREAM_BYTES = 8
"""Bytes of a stream's name."""

MAX_LAYERS = 32
"""The most layers of a stream."""

MAX_SYMBOL = 1136
"""Bytes of the longest symbol, a multiple of 8; its datagram has 1156 bytes."""

MAX_SYMBOL_ID = (1 << 24) - 1
"""The largest number of a symbol, which has three bytes."""

NO_SECTION = 0xFFFF
"""Stands for the offset of a section in a symbol in which none begins."""

MOST_EXPECTED_PERMILLE = 500
"""The highest packet loss that a receiver may expect, in thousandths: at 50 %, layers but the last
have more repair symbols than symbols of their own."""


class Kind(IntEnum):
    """The kinds of messages. Numbers are part of the protocol and never change."""

    MANIFEST = 1
    SYMBOL = 2
    SENT = 3
    START = 16
    HAVE = 17
    WANT = 18
    STOP = 19
    PING = 32


class Mode(IntEnum):
    """How lost packets are made up for. Numbers are part of the protocol and never change."""

    FEC = 1
    """Repair symbols are sent ahead; the receiver asks again for what they do not mend."""
    NACK = 2
    """The receiver asks again for what it lacks."""
    RELIABLE = 3
    """The transport sends lost packets again, and delivers in order."""
    ONCE = 4
    """Nothing is sent again; only repair symbols make up for lost packets."""


@dataclass(frozen=True, slots=True)
class Symbol:
    """A symbol of a layer. Those with numbers below `LayerInfo.sources` are the pieces of the layer
    in order, the last one cut to the layer's end; the others are repair symbols. `section` is the
    offset in a piece at which a section of the file first begins, or `NO_SECTION`."""

    kind: ClassVar[Kind] = Kind.SYMBOL
    layer: int
    number: int
    section: int
    payload: bytes

    def body(self) -> bytes:
        """Write layer (1), number (3), section (2), payload."""
        return struct.pack(">IH", self.layer << 24 | self.number, self.section) + self.payload

    @classmethod
    def of(cls, body: bytes) -> Symbol:
        """Parse a body; raises `PacketError`."""
        if not 7 <= len(body) <= 6 + MAX_SYMBOL:
            raise PacketError(f"a symbol of {len(body)} bytes")
        place, section = struct.unpack_from(">IH", body)
        payload = body[6:]
        if section != NO_SECTION and section >= len(payload):
            raise PacketError("a section that begins behind its symbol")
        return cls(_layer(place >> 24), place & MAX_SYMBOL_ID, section, payload)


@dataclass(frozen=True, slots=True)
class Sent:
    """Says that the sender has sent all of this layer; if `last`, it will send no finer layer."""

    kind: ClassVar[Kind] = Kind.SENT
    layer: int
    last: bool = False

    def body(self) -> bytes:
        """Write layer (1), 0 or 1."""
        return bytes([self.layer, self.last])

    @classmethod
    def of(cls, body: bytes) -> Sent:
        """Parse a body; raises `PacketError`."""
        _exactly(body, 2)
        return cls(_layer(body[0]), _flag(body[1]))


@dataclass(frozen=True, slots=True)
class Start:
    """Says that the receiver is ready, and how to send: the mode, the most layers and bytes (0: no
    limit), the packet loss it expects in thousandths, and the tenths of a second after which data
    is of no use to it any more (0: never)."""

    kind: ClassVar[Kind] = Kind.START
    mode: Mode
    layers: int = 0
    budget_bytes: int = 0
    packet_loss_permille: int = 0
    patience_ds: int = 0

    def body(self) -> bytes:
        """Write mode (1), layers (1), budget (4), packet loss (2), patience (2)."""
        return _START.pack(
            self.mode, self.layers, self.budget_bytes, self.packet_loss_permille, self.patience_ds
        )

    @classmethod
    def of(cls, body: bytes) -> Start:
        """Parse a body; raises `PacketError`."""
        _exactly(body, _START.size)
        mode, layers, budget, packet_loss, patience = _START.unpack(body)
        if mode not in set(Mode):
            raise PacketError(f"unknown mode {mode}")
        if layers > MAX_LAYERS or packet_loss > MOST_EXPECTED_PERMILLE:
            raise PacketError(f"{layers} layers at a packet loss of {packet_loss / 10} %")
        return cls(Mode(mode), layers, budget, packet_loss, patience)


_START = struct.Struct(">BBIHH")


@dataclass(frozen=True, slots=True)
class Have:
    """Names source symbols of a layer that the receiver has: a bit each from number `first` on, the
    first in the highest bit of the first byte."""

    kind: ClassVar[Kind] = Kind.HAVE
    layer: int
    first: int
    bits: bytes

    def body(self) -> bytes:
        """Write layer (1), first (3), bits."""
        return struct.pack(">I", self.layer << 24 | self.first) + self.bits

    @classmethod
    def of(cls, body: bytes) -> Have:
        """Parse a body; raises `PacketError`."""
        if len(body) < 5:
            raise PacketError(f"a bitmap message of {len(body)} bytes")
        (place,) = struct.unpack_from(">I", body)
        return cls(_layer(place >> 24), place & MAX_SYMBOL_ID, body[4:])

    def numbers(self) -> list[int]:
        """The numbers of the symbols whose bits are set."""
        return [
            self.first + 8 * i + j
            for i, byte in enumerate(self.bits)
            if byte
            for j in range(8)
            if byte >> 7 - j & 1
        ]


@dataclass(frozen=True, slots=True)
class Want(Have):
    """Names source symbols of a layer that the receiver lacks, in the form of `Have`."""

    kind: ClassVar[Kind] = Kind.WANT


@dataclass(frozen=True, slots=True)
class Stop:
    """Says that the receiver wants nothing more."""

    kind: ClassVar[Kind] = Kind.STOP

    def body(self) -> bytes:
        """Write nothing: the body is empty."""
        return b""

    @classmethod
    def of(cls, body: bytes) -> Stop:
        """Parse a body; raises `PacketError`."""
        _exactly(body, 0)
        return cls()


@dataclass(frozen=True, slots=True)
class Ping:
    """Asks whether the other end is still there; `answer` marks the reply."""

    kind: ClassVar[Kind] = Kind.PING
    token: int
    answer: bool = False

    def body(self) -> bytes:
        """Write token (4), 0 or 1."""
        return struct.pack(">IB", self.token, self.answer)

    @classmethod
    def of(cls, body: bytes) -> Ping:
        """Parse a body; raises `PacketError`."""
        _exactly(body, 5)
        token, answer = struct.unpack(">IB", body)
        return cls(token, _flag(answer))


def _layer(number: int) -> int:
    """Return the number of a layer; raises `PacketError` if it is too large."""
    if number >= MAX_LAYERS:
        raise PacketError(f"layer {number}; the limit is {MAX_LAYERS}")
    return number


def _flag(number: int) -> bool:
    """Return a flag that is 0 or 1; raises `PacketError` for anything else."""
    if number > 1:
        raise PacketError(f"{number} is neither no nor yes")
    return bool(number)


def _exactly(body: bytes, size: int) -> None:
    """Raise `PacketError` unless the body has this size."""
    if len(body) != size:
        raise PacketError(f"a message of {len(body)} bytes, not {size}")
