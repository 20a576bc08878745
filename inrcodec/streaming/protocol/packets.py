"""Messages of a stream <-> datagrams of at most 1160 bytes, as docs/streaming.md says.

    magic 0x9E, kind (1) | stream (8) | body | CRC-32 of all before (4)

The stream's name is the beginning of the SHA-256 of the file: datagrams of another file, or of
another version of it, have another name. Parsing raises nothing but `PacketError`.
"""

from __future__ import annotations

import struct
import zlib
from typing import get_args

from inrcodec.errors import PacketError
from inrcodec.streaming.protocol.manifest import Manifest
from inrcodec.streaming.protocol.messages import (
    STREAM_BYTES,
    Have,
    Ping,
    Sent,
    Start,
    Stop,
    Symbol,
    Want,
)

MAX_PACKET = 1160
"""Bytes of the longest datagram: what one SCTP chunk of aiortc holds (its USERDATA_MAX_LENGTH). One
byte more would make two chunks of a message, which is lost if either of them is."""

MAGIC = 0x9E
_HEAD = struct.Struct(f">BB{STREAM_BYTES}s")
OVERHEAD = _HEAD.size + 4

Message = Manifest | Symbol | Sent | Start | Have | Want | Stop | Ping

_TYPES: dict[int, type[Message]] = {int(form.kind): form for form in get_args(Message)}


def pack(stream: bytes, message: Message) -> bytes:
    """Return the datagram of a message of a stream."""
    packet = _HEAD.pack(MAGIC, message.kind, stream) + message.body()
    return packet + zlib.crc32(packet).to_bytes(4, "big")


def parse(packet: bytes) -> tuple[bytes, Message]:
    """Return (stream, message) of a datagram; raises `PacketError` if it is not valid."""
    if not isinstance(packet, bytes):
        raise PacketError("a message that is not bytes")
    if not OVERHEAD <= len(packet) <= MAX_PACKET:
        raise PacketError(f"a datagram of {len(packet)} bytes")
    magic, kind, stream = _HEAD.unpack_from(packet)
    if magic != MAGIC or kind not in _TYPES:
        raise PacketError(f"a datagram of kind {kind}")
    if zlib.crc32(packet[:-4]).to_bytes(4, "big") != packet[-4:]:
        raise PacketError("a datagram whose checksum is wrong")
    return stream, _TYPES[kind].of(packet[_HEAD.size : -4])


def bitmaps(form: type[Have], layer: int, numbers: list[int]) -> list[Have]:
    """Return the fewest messages that name these symbols of a layer; `numbers` ascend."""
    messages: list[Have] = []
    most = (MAX_PACKET - OVERHEAD - 4) * 8
    at = 0
    while at < len(numbers):
        first = numbers[at]
        stop = at
        while stop < len(numbers) and numbers[stop] < first + most:
            stop += 1
        bits = bytearray((numbers[stop - 1] - first) // 8 + 1)
        for number in numbers[at:stop]:
            bits[(number - first) // 8] |= 0x80 >> (number - first) % 8
        messages.append(form(layer, first, bytes(bits)))
        at = stop
    return messages
