"""One layer of a stream at the receiving end."""

from __future__ import annotations

import zlib

from inrcodec.errors import PacketError
from inrcodec.streaming.protocol import fec
from inrcodec.streaming.protocol.manifest import LayerInfo
from inrcodec.streaming.protocol.messages import NO_SECTION, Symbol


class IncomingLayer:
    """One layer on its way: symbols until it is whole, then its bytes."""

    def __init__(self, info: LayerInfo) -> None:
        self.info = info
        self.data: bytes | None = None
        self.symbols: dict[int, bytes] = {}
        self.marks: dict[int, int] = {}
        self._recovery = fec.Recovery(info)

    def add(self, symbol: Symbol) -> bool:
        """Take a symbol; return whether the layer has become whole. Raises `PacketError` for a
        symbol that no sender makes, and for one that makes recovery fail."""
        info, number = self.info, symbol.number
        last = info.size_bytes - (info.sources - 1) * info.symbol_bytes
        wanted = last if number == info.sources - 1 else info.symbol_bytes
        if len(symbol.payload) != wanted:
            raise PacketError(f"a symbol of {len(symbol.payload)} bytes, not {wanted}")
        if number >= fec.most_symbols(info.sources):
            raise PacketError(f"symbol {number} of a layer of {info.sources}")
        if self.data is not None or number in self.symbols:
            return False
        if number < info.sources:
            self.marks[number] = symbol.section
        elif self._recovery.given_up:
            return False
        self.symbols[number] = symbol.payload
        return len(self.symbols) >= info.sources and self._fill()

    def _fill(self) -> bool:
        """Make the layer of its symbols, which are enough; return whether it is whole."""
        if len(self.marks) == self.info.sources:
            return self.take(b"".join(self.symbols[n] for n in range(self.info.sources)))
        try:
            data = self._recovery.attempt(self.symbols)
        except PacketError:
            self._clear()  # symbols that cannot be of one layer: receive it anew
            raise
        if data is not None:
            return self.take(data)
        if self._recovery.given_up:
            self.symbols = {n: self.symbols[n] for n in self.marks}
        return False

    def take(self, data: bytes) -> bool:
        """Take all bytes of the layer; return whether they are right."""
        right = len(data) == self.info.size_bytes and zlib.crc32(data) == self.info.checksum
        if right:
            self.data = data
        self._clear()  # if wrong, they are valid datagrams of another layer: receive it anew
        return right

    def _clear(self) -> None:
        """Let go of all symbols."""
        self.symbols.clear()
        self.marks.clear()
        self._recovery.restart()

    @property
    def head(self) -> bytes:
        """The beginning of the layer: its first symbol, or all of it; empty without."""
        return self.symbols.get(0, b"") if self.data is None else self.data

    @property
    def held(self) -> int:
        """The number of symbols that are there, of those that make the layer."""
        sources = self.info.sources
        return sources if self.data is not None else min(len(self.symbols), sources)

    @property
    def missing(self) -> list[int]:
        """The numbers of the source symbols that are missing."""
        if self.data is not None:
            return []
        return [n for n in range(self.info.sources) if n not in self.symbols]

    def runs(self) -> list[bytes]:
        """Return the bytes that are there as runs: one from the beginning of the layer, then runs
        that begin with a section each. The first is empty if the beginning is missing, the last one
        if the end is."""
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
