"""Messages of a stream: what sender and receiver tell each other. docs/streaming.md is the
specification.

Numbers are big endian. `body` is a message's bytes, `of` the inverse, which checks length and
limits before it reads, and raises nothing but `PacketError`. packets.py makes datagrams of them.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar

from inrcodec.errors import PacketError

STREAM_BYTES = 8
MAX_LAYERS = 32
MAX_LAYER_BYTES = 1 << 24
MAX_STREAM_BYTES = 1 << 26
"""Most bytes of a file that is streamed; with `MAX_LAYER_BYTES` what a receiver will buffer."""

MAX_SYMBOL = 1136
"""Bytes of a symbol, a multiple of 8: a datagram of 1156 bytes."""

MAX_SYMBOL_ID = (1 << 24) - 1
NO_SECTION = 0xFFFF


class Kind(IntEnum):
    """Kinds of messages. Never renumbered."""

    MANIFEST = 1
    SYMBOL = 2
    SENT = 3
    START = 16
    HAVE = 17
    WANT = 18
    STOP = 19
    PING = 32


class Mode(IntEnum):
    """How what was lost comes back. Never renumbered."""

    FEC = 1
    """Repair symbols, sent ahead; what they do not mend is asked for again."""
    NACK = 2
    """Asked for again by the receiver."""
    RELIABLE = 3
    """The transport sends again whatever was lost, in order."""
    ONCE = 4
    """Nothing: what is lost stays lost, but for what repair symbols mend."""


@dataclass(frozen=True, slots=True)
class LayerInfo:
    """One layer: its bytes, the CRC-32 of them, and how long its symbols are."""

    size_bytes: int
    checksum: int
    symbol_bytes: int

    @property
    def sources(self) -> int:
        """Symbols that are the layer itself."""
        return -(-self.size_bytes // self.symbol_bytes)


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a stream consists of, and the SHA-256 of the whole file."""

    kind: ClassVar[Kind] = Kind.MANIFEST
    digest: bytes
    layers: tuple[LayerInfo, ...]

    @property
    def stream(self) -> bytes:
        """The stream's name in every datagram."""
        return self.digest[:STREAM_BYTES]

    @property
    def size_bytes(self) -> int:
        """Of the file."""
        return sum(layer.size_bytes for layer in self.layers)

    def body(self) -> bytes:
        """digest (32), then for every layer size (4), checksum (4), symbol size (2)."""
        return self.digest + b"".join(
            _LAYER.pack(x.size_bytes, x.checksum, x.symbol_bytes) for x in self.layers
        )

    @classmethod
    def of(cls, body: bytes) -> Manifest:
        """The inverse of `body`."""
        count, rest = divmod(len(body) - 32, _LAYER.size)
        if rest or not 1 <= count <= MAX_LAYERS:
            raise PacketError(f"a manifest of {len(body)} bytes")
        layers = tuple(LayerInfo(*fields) for fields in _LAYER.iter_unpack(body[32:]))
        for layer in layers:
            if not 1 <= layer.size_bytes <= MAX_LAYER_BYTES:
                raise PacketError(f"a layer of {layer.size_bytes} bytes")
            if layer.symbol_bytes != symbol_bytes(layer.size_bytes):
                raise PacketError(f"symbols of {layer.symbol_bytes} bytes for {layer.size_bytes}")
        if sum(layer.size_bytes for layer in layers) > MAX_STREAM_BYTES:
            raise PacketError(f"a stream of more than {MAX_STREAM_BYTES} bytes")
        return cls(body[:32], layers)


_LAYER = struct.Struct(">IIH")


def symbol_bytes(size_bytes: int) -> int:
    """How long the symbols of a layer of this size are, a multiple of 8. A block of RaptorQ has at
    most 56403 (RFC 6330); these are at most 14769."""
    return min(MAX_SYMBOL, -(-size_bytes // 8) * 8)


@dataclass(frozen=True, slots=True)
class Symbol:
    """A piece of a layer. Numbers below `LayerInfo.sources` are pieces of the layer itself in
    order, the last one cut to the layer's end; others are repair symbols. `section` is where in a
    piece the first section of the file that begins in it does, `NO_SECTION` if none does."""

    kind: ClassVar[Kind] = Kind.SYMBOL
    layer: int
    number: int
    section: int
    payload: bytes

    def body(self) -> bytes:
        """layer (1), number (3), section (2), payload."""
        return struct.pack(">IH", self.layer << 24 | self.number, self.section) + self.payload

    @classmethod
    def of(cls, body: bytes) -> Symbol:
        """The inverse of `body`."""
        if not 7 <= len(body) <= 6 + MAX_SYMBOL:
            raise PacketError(f"a symbol of {len(body)} bytes")
        place, section = struct.unpack_from(">IH", body)
        payload = body[6:]
        if section != NO_SECTION and section >= len(payload):
            raise PacketError("a section that begins behind its symbol")
        return cls(_layer(place >> 24), place & MAX_SYMBOL_ID, section, payload)


@dataclass(frozen=True, slots=True)
class Sent:
    """The sender has nothing more of this layer to send for now, nor, if it is the `last`, of finer
    ones."""

    kind: ClassVar[Kind] = Kind.SENT
    layer: int
    last: bool = False

    def body(self) -> bytes:
        """layer (1), 0 or 1."""
        return bytes([self.layer, self.last])

    @classmethod
    def of(cls, body: bytes) -> Sent:
        """The inverse of `body`."""
        _exactly(body, 2)
        return cls(_layer(body[0]), _flag(body[1]))


@dataclass(frozen=True, slots=True)
class Start:
    """The receiver is ready: how to send, at most how many layers and bytes (0: all), the share of
    packets it expects to lose, in thousandths, and the tenths of a second after which what comes is
    of no use any more (0: never)."""

    kind: ClassVar[Kind] = Kind.START
    mode: Mode
    layers: int = 0
    budget_bytes: int = 0
    loss_permille: int = 0
    patience_ds: int = 0

    def body(self) -> bytes:
        """mode (1), layers (1), budget (4), loss (2), patience (2)."""
        return _START.pack(
            self.mode, self.layers, self.budget_bytes, self.loss_permille, self.patience_ds
        )

    @classmethod
    def of(cls, body: bytes) -> Start:
        """The inverse of `body`."""
        _exactly(body, _START.size)
        mode, layers, budget, loss, patience = _START.unpack(body)
        if mode not in set(Mode):
            raise PacketError(f"unknown mode {mode}")
        if layers > MAX_LAYERS or loss > 500:
            raise PacketError(f"{layers} layers at a loss of {loss / 10} %")
        return cls(Mode(mode), layers, budget, loss, patience)


_START = struct.Struct(">BBIHH")


@dataclass(frozen=True, slots=True)
class Have:
    """Source symbols the receiver has of a layer, from `first` on, a bit each, the first in the
    highest bit."""

    kind: ClassVar[Kind] = Kind.HAVE
    layer: int
    first: int
    bits: bytes

    def body(self) -> bytes:
        """layer (1), first (3), bits."""
        return struct.pack(">I", self.layer << 24 | self.first) + self.bits

    @classmethod
    def of(cls, body: bytes) -> Have:
        """The inverse of `body`."""
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
    """Source symbols the receiver lacks of a layer, in the form of `Have`."""

    kind: ClassVar[Kind] = Kind.WANT


@dataclass(frozen=True, slots=True)
class Stop:
    """The receiver wants nothing more."""

    kind: ClassVar[Kind] = Kind.STOP

    def body(self) -> bytes:
        """Nothing."""
        return b""

    @classmethod
    def of(cls, body: bytes) -> Stop:
        """The inverse of `body`."""
        _exactly(body, 0)
        return cls()


@dataclass(frozen=True, slots=True)
class Ping:
    """Still there. `answer` for the reply to one."""

    kind: ClassVar[Kind] = Kind.PING
    token: int
    answer: bool = False

    def body(self) -> bytes:
        """token (4), 0 or 1."""
        return struct.pack(">IB", self.token, self.answer)

    @classmethod
    def of(cls, body: bytes) -> Ping:
        """The inverse of `body`."""
        _exactly(body, 5)
        token, answer = struct.unpack(">IB", body)
        return cls(token, _flag(answer))


Message = Manifest | Symbol | Sent | Start | Have | Want | Stop | Ping


def _layer(number: int) -> int:
    """A layer's number; raises `PacketError`."""
    if number >= MAX_LAYERS:
        raise PacketError(f"layer {number}; the limit is {MAX_LAYERS}")
    return number


def _flag(number: int) -> bool:
    """0 or 1; raises `PacketError`."""
    if number > 1:
        raise PacketError(f"{number} is neither no nor yes")
    return bool(number)


def _exactly(body: bytes, size: int) -> None:
    """Raise `PacketError` unless the body has this size."""
    if len(body) != size:
        raise PacketError(f"a message of {len(body)} bytes, not {size}")
