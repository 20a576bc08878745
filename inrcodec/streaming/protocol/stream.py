"""A file cut into layers and symbols, ready to be sent to any number of receivers."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Sequence
from itertools import pairwise

from inrcodec.errors import LimitError
from inrcodec.streaming.protocol import fec
from inrcodec.streaming.protocol.manifest import MAX_STREAM_BYTES, LayerInfo, Manifest, symbol_bytes
from inrcodec.streaming.protocol.messages import MAX_LAYERS, NO_SECTION, Symbol
from inrcodec.streaming.protocol.packets import pack


class Stream:
    """The layers of a file and their datagrams, which are made once for all receivers.

    `data` is the file; `starts` are the byte offsets of its layers (0 first), `sections` those of
    its sections. Raises `LimitError` for a file that is too large to stream or has too many layers.
    """

    def __init__(self, data: bytes, starts: Sequence[int], sections: Sequence[int]) -> None:
        if len(data) > MAX_STREAM_BYTES:
            raise LimitError(f"{len(data)} bytes; the most a stream can have is {MAX_STREAM_BYTES}")
        self.data = data
        if len(starts) > MAX_LAYERS:
            raise LimitError(f"{len(starts)} layers; the most a stream can have is {MAX_LAYERS}")
        spans = list(pairwise([*starts, len(data)]))
        self.layers = tuple(data[a:b] for a, b in spans)
        infos = (LayerInfo(len(x), zlib.crc32(x), symbol_bytes(len(x))) for x in self.layers)
        self.manifest = Manifest(hashlib.sha256(data).digest(), tuple(infos))
        self._sources = [
            self._source_datagrams(layer, [at - a for at in sections if a <= at < b])
            for layer, (a, b) in enumerate(spans)
        ]
        self._repairs: list[list[bytes]] = [[] for _ in self.layers]

    @property
    def held_bytes(self) -> int:
        """About the memory this takes, in bytes: the file, its layers, and their datagrams."""
        return 3 * len(self.data)

    def datagram(self, layer: int, number: int) -> bytes:
        """Return the datagram of a symbol; repair symbols are made when first asked for."""
        sources = self._sources[layer]
        if number < len(sources):
            return sources[number]
        at = number - len(sources)
        if at >= len(self._repairs[layer]):
            count = max(at + 1, 2 * len(self._repairs[layer]), 8, len(sources) // 8)
            self._repairs[layer] = self._repair_datagrams(layer, count)
        return self._repairs[layer][at]

    def _source_datagrams(self, layer: int, sections: list[int]) -> list[bytes]:
        """Cut a layer into symbols; `sections` are the offsets in it at which sections begin."""
        info, data = self.manifest.layers[layer], self.layers[layer]
        size = info.symbol_bytes
        marks = [NO_SECTION] * info.sources
        for at in reversed(sections):
            marks[at // size] = at % size
        pieces = (data[n * size : (n + 1) * size] for n in range(info.sources))
        symbols = (Symbol(layer, n, marks[n], piece) for n, piece in enumerate(pieces))
        return [pack(self.manifest.stream, symbol) for symbol in symbols]

    def _repair_datagrams(self, layer: int, count: int) -> list[bytes]:
        """Make the first `count` repair symbols of a layer."""
        info = self.manifest.layers[layer]
        repairs = fec.repair_symbols(self.layers[layer], info.symbol_bytes, count)
        symbols = (Symbol(layer, info.sources + i, NO_SECTION, x) for i, x in enumerate(repairs))
        return [pack(self.manifest.stream, symbol) for symbol in symbols]
