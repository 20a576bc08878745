"""The manifest is the first message of a stream: it says which layers a file has.

Its limits bound what a receiver buffers.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import ClassVar

from inrcodec.errors import PacketError
from inrcodec.streaming.protocol.messages import MAX_LAYERS, MAX_SYMBOL, STREAM_BYTES, Kind

MAX_LAYER_BYTES = 1 << 24
"""Bytes of the largest layer. It has 14769 symbols, which one block of RaptorQ holds (at most
56403, RFC 6330)."""

MAX_STREAM_BYTES = 1 << 26
"""Bytes of the largest file that is streamed."""

_DIGEST_BYTES = 32
"""Bytes of a SHA-256."""

_LAYER = struct.Struct(">IIH")


@dataclass(frozen=True, slots=True)
class LayerInfo:
    """One layer: its size, its CRC-32, and the size of its symbols; sizes are in bytes."""

    size_bytes: int
    checksum: int
    symbol_bytes: int

    @property
    def sources(self) -> int:
        """The number of symbols that are pieces of the layer itself."""
        return -(-self.size_bytes // self.symbol_bytes)


@dataclass(frozen=True, slots=True)
class Manifest:
    """The layers of a stream, and the SHA-256 of the whole file."""

    kind: ClassVar[Kind] = Kind.MANIFEST
    digest: bytes
    layers: tuple[LayerInfo, ...]

    @property
    def stream(self) -> bytes:
        """The name of the stream in every datagram: the beginning of the digest."""
        return self.digest[:STREAM_BYTES]

    @property
    def size_bytes(self) -> int:
        """The size of the file in bytes."""
        return sum(layer.size_bytes for layer in self.layers)

    def body(self) -> bytes:
        """Write digest (32), then for every layer size (4), checksum (4), symbol size (2)."""
        return self.digest + b"".join(
            _LAYER.pack(x.size_bytes, x.checksum, x.symbol_bytes) for x in self.layers
        )

    @classmethod
    def of(cls, body: bytes) -> Manifest:
        """Parse a body; raises `PacketError`."""
        count, rest = divmod(len(body) - _DIGEST_BYTES, _LAYER.size)
        if rest or not 1 <= count <= MAX_LAYERS:
            raise PacketError(f"a manifest of {len(body)} bytes")
        layers = tuple(LayerInfo(*fields) for fields in _LAYER.iter_unpack(body[_DIGEST_BYTES:]))
        for layer in layers:
            if not 1 <= layer.size_bytes <= MAX_LAYER_BYTES:
                raise PacketError(f"a layer of {layer.size_bytes} bytes")
            if layer.symbol_bytes != symbol_bytes(layer.size_bytes):
                raise PacketError(f"symbols of {layer.symbol_bytes} bytes for {layer.size_bytes}")
        manifest = cls(body[:_DIGEST_BYTES], layers)
        if manifest.size_bytes > MAX_STREAM_BYTES:
            raise PacketError(f"a stream of more than {MAX_STREAM_BYTES} bytes")
        return manifest


def symbol_bytes(size_bytes: int) -> int:
    """Return the size of the symbols of a layer of this size, both in bytes; a multiple of 8."""
    return min(MAX_SYMBOL, -(-size_bytes // 8) * 8)
