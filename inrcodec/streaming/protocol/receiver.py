"""The receiving end of a stream as a state machine: no socket, no clock, no thread.

A receiver takes datagrams in any order, any number of times, and refuses whatever else arrives. At
any time it knows which bytes of the file are there.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Sequence

from inrcodec.errors import PacketError
from inrcodec.streaming.protocol.frame import Frame
from inrcodec.streaming.protocol.incoming import IncomingLayer
from inrcodec.streaming.protocol.manifest import LayerInfo, Manifest, symbol_bytes
from inrcodec.streaming.protocol.messages import (
    MAX_LAYERS,
    STREAM_BYTES,
    Have,
    Ping,
    Sent,
    Start,
    Symbol,
    Want,
)
from inrcodec.streaming.protocol.packets import bitmaps, pack, parse

MOST_VERSIONS = 4
"""The most versions of a file that a receiver follows: each begins anew, and a hostile sender names
another one whenever it likes."""


def recalled(digest: bytes, sizes: Sequence[int]) -> list[bytes]:
    """Return the datagrams that say that the first layers of a file, of so many bytes each, are
    there, before its manifest is. `digest` is the SHA-256 of the whole file."""
    infos = [LayerInfo(size, 0, symbol_bytes(size)) for size in sizes]
    messages = [bitmaps(Have, n, list(range(info.sources))) for n, info in enumerate(infos)]
    return [pack(digest[:STREAM_BYTES], message) for layer in messages for message in layer]


class Receiver:
    """Takes the datagrams of a stream by `push`; everything else reads what it has.

    The manifest bounds the memory, and manifest.py bounds the manifest: a receiver holds about as
    many symbols as the file has, and the decoder of a layer once more those of the layer. Keep the
    receiver when a connection is cut: `resume` tells a new sender what is there already. `known` is
    the beginning of the file as it was once: layers of it whose checksums are right are kept.
    """

    def __init__(self, known: bytes = b"") -> None:
        self._known = known
        self.manifest: Manifest | None = None
        self.received_bytes = 0
        self.news = 0
        """The most symbols that were ever there: what comes anew after it was thrown away is no
        news."""
        self.versions = 0
        """The number of versions of the file that the sender named."""
        self.rejected = 0
        self.pong: int | None = None
        """The token of the last ping that was answered."""
        self.final: int | None = None
        """The last layer the sender is going to send, once it has said so."""
        self._layers: list[IncomingLayer] = []
        self._sent: deque[int] = deque(maxlen=MAX_LAYERS)

    def push(self, datagram: bytes) -> list[int]:
        """Take a datagram; return the layers that have become whole by it. Raises `PacketError` for
        one that is not valid or of another stream; then only the count `rejected` changes."""
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
            return self._begin(message)
        if isinstance(message, Ping):
            self.pong = message.token if message.answer else self.pong
            return []
        if self.manifest is None or stream != self.manifest.stream:
            raise PacketError("a datagram of another stream")
        if isinstance(message, Symbol):
            if message.layer >= len(self._layers):
                raise PacketError(f"there is no layer {message.layer}")
            whole = self._layers[message.layer].add(message)
            self.received_bytes += len(datagram)
            self.news = max(self.news, sum(layer.held for layer in self._layers))
            return [message.layer] if whole else []
        if isinstance(message, Sent):
            self._sent.append(message.layer)
            if message.last:
                self.final = message.layer
            return []
        raise PacketError(f"a sender does not send {message.kind.name}")

    def _begin(self, manifest: Manifest) -> list[int]:
        """Take a manifest; one of another version of the file lets go of what was there. Return the
        layers that are known. Raises `PacketError` for a file that changes too often."""
        whole: list[int] = []
        if manifest != self.manifest:
            self.versions += 1
            if self.versions > MOST_VERSIONS:
                raise PacketError(f"more than {MOST_VERSIONS} versions of one file")
            self.manifest = manifest
            self._layers = [IncomingLayer(info) for info in manifest.layers]
            end = 0
            for number, layer in enumerate(self._layers):
                begin, end = end, end + layer.info.size_bytes
                if layer.take(self._known[begin:end]):
                    whole.append(number)
        return whole

    @property
    def head(self) -> bytes:
        """The beginning of the file, at least its first symbol; empty if that is not there."""
        return self._layers[0].head if self._layers else b""

    @property
    def name(self) -> bytes:
        """The stream's name; zeros before there is a manifest."""
        return bytes(STREAM_BYTES) if self.manifest is None else self.manifest.stream

    def resume(self, start: Start) -> list[bytes]:
        """Return the datagrams that begin a session: HAVE for what is there, then `start`."""
        self.final = None
        return [*self.haves(), pack(self.name, start)]

    def haves(self) -> list[bytes]:
        """Return the datagrams that say what is there."""
        messages: list[Have] = []
        for number, layer in enumerate(self._layers):
            missing = set(layer.missing)
            known = [n for n in range(layer.info.sources) if n not in missing]
            messages += bitmaps(Have, number, known)
        return [pack(self.name, message) for message in messages]

    def requests(self) -> list[bytes]:
        """Return the datagrams that ask for what is missing of layers that the sender has sent."""
        through = dict.fromkeys(self._sent)
        self._sent.clear()
        return [datagram for layer in through for datagram in self.wants(layer)]

    def thanks(self, layer: int) -> list[bytes]:
        """Return the datagrams that say that a layer is whole."""
        sources = range(self._layers[layer].info.sources)
        return [pack(self.name, message) for message in bitmaps(Have, layer, list(sources))]

    def replies(self, whole: list[int]) -> list[bytes]:
        """Return what a receiver that asks again says after a push that made these layers whole."""
        return [word for layer in whole for word in self.thanks(layer)] + self.requests()

    def wants(self, layer: int) -> list[bytes]:
        """Return the datagrams that ask for what is missing of a layer."""
        if self.manifest is None or layer >= len(self._layers):
            return []
        messages = bitmaps(Want, layer, self._layers[layer].missing)
        return [pack(self.manifest.stream, message) for message in messages]

    def wants_all(self) -> list[bytes]:
        """Return the datagrams that ask for all that is missing and may have been sent."""
        last = len(self._layers) - 1 if self.final is None else self.final
        return [datagram for layer in range(last + 1) for datagram in self.wants(layer)]

    def has(self, layer: int) -> bool:
        """Whether a layer is whole."""
        return layer < len(self._layers) and self._layers[layer].data is not None

    @property
    def layers(self) -> int:
        """The number of whole layers before the first that is not whole."""
        count = 0
        while self.has(count):
            count += 1
        return count

    @property
    def through(self) -> bool:
        """Whether everything is there that the sender is going to send."""
        return self.final is not None and self.layers > self.final

    @property
    def complete(self) -> bool:
        """Whether the whole file is there."""
        return bool(self._layers) and self.layers == len(self._layers)

    def prefix(self) -> bytes:
        """Return the beginning of the file, up to the first layer that is not whole."""
        return b"".join(layer.data or b"" for layer in self._layers[: self.layers])

    def file(self) -> bytes:
        """Return the whole file; raises `PacketError` if it is incomplete or not what the manifest
        says."""
        data = self.prefix()
        if self.manifest is None or hashlib.sha256(data).digest() != self.manifest.digest:
            raise PacketError("the file is not whole")
        return data

    def runs(self) -> list[bytes]:
        """Return everything that is there and can be decoded: the first run is the beginning of the
        file, the others begin with a section. Without the base layer there are none."""
        if not self.has(0):
            return []
        runs = [b""]
        for layer in self._layers:
            first, *others = layer.runs()
            runs[-1] += first
            runs += others
        return [run for run in runs if run]

    def frame(self, elapsed_s: float, transport: str = "") -> Frame:
        """Return what is there now, `elapsed_s` seconds after the file was asked for. Raises
        `PacketError` if all layers are there but are not the file that the manifest names."""
        return Frame(
            elapsed_s=elapsed_s,
            received_bytes=self.received_bytes,
            layers=self.layers,
            total_layers=len(self._layers),
            runs=tuple(self.runs()),
            data=self.file() if self.complete else None,
            transport=transport,
            version="" if self.manifest is None else self.manifest.digest.hex(),
        )
