"""A file, or the rest of one, by HTTP range requests: a prefix of a file is a picture, too."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from inrcodec.errors import FormatError, StreamError
from inrcodec.streaming.protocol.messages import MAX_LAYERS, MAX_STREAM_BYTES
from inrcodec.streaming.protocol.packets import pack
from inrcodec.streaming.protocol.receiver import Receiver
from inrcodec.streaming.transport.signaling import LAYERS_HEADER

if TYPE_CHECKING:
    from inrcodec.streaming.client.reception import Reception

PIECE = 1 << 14
"""Bytes read at once."""


class Refused(StreamError):
    """The server answered, and with a no that asking again will not change."""


class HttpReception:
    """What of a reception has come, and comes, by HTTP; `data` is the beginning of the file."""

    def __init__(self, reception: Reception) -> None:
        self._reception = reception
        self.data, self._tag = bytearray(), ""

    async def receive(self, http: Any) -> None:
        """The rest of the file, or of what of it is wanted. Raises `StreamError`, and what aiohttp
        does."""
        data, manifest = self.data, self._reception.receiver.manifest
        if manifest is not None and len(self._reception.receiver.prefix()) > len(data):
            data[:] = self._reception.receiver.prefix()
        starts, wanted = await self._wanted(http)
        headers = {}
        if data or wanted:
            headers["Range"] = f"bytes={len(data)}-{wanted - 1 if wanted else ''}"
        async with http.get(self._reception.url, headers=headers) as reply:
            tag = reply.headers.get("ETag", "").strip('"')
            known = self._tag or (manifest.digest.hex() if manifest is not None else tag)
            if reply.status == 416 or (data and reply.status == 206 and tag != known):
                data.clear()
                self._reception.receiver, self._tag = Receiver(), ""
                raise StreamError("the file has changed")
            if reply.status not in (200, 206):
                raise Refused(f"refused with {reply.status} {reply.reason}")
            if reply.status == 200:
                data.clear()
            self._tag = tag
            starts = starts or _starts(reply.headers.get(LAYERS_HEADER, ""))
            enough = await self._read(reply, starts, wanted)
        if not enough:
            self._whole(bytes(data))

    async def _wanted(self, http: Any) -> tuple[list[int], int]:
        """(where layers begin, how many bytes to ask for): asks the server, if less than all is
        wanted; ([], 0) for all, and where it does not say."""
        layers, budget = self._reception.options.layers, self._reception.options.budget_bytes
        if layers is None and budget is None:
            return [], 0
        async with http.head(self._reception.url, allow_redirects=True) as reply:
            starts = _starts(reply.headers.get(LAYERS_HEADER, ""))
            length = reply.headers.get("Content-Length", "")
        total = int(length) if length.isdigit() and len(length) < 12 else 0
        if not starts or total <= starts[-1]:
            return [], 0
        chosen = [*starts[1:], total][:layers]
        if budget is not None:
            chosen = [end for end in chosen if end <= budget] or chosen[:1]
        return starts, chosen[-1] if chosen[-1] < total else 0

    async def _read(self, reply: Any, starts: list[int], wanted: int) -> bool:
        """Take the body, with a look at every layer; whether that is all that is wanted, and less
        than the file."""
        data, options, parsed = self.data, self._reception.options, 0
        seen, told = 0, bool(starts)
        async for piece in reply.content.iter_chunked(PIECE):
            data += piece
            if len(data) > MAX_STREAM_BYTES:
                raise Refused(f"more than {MAX_STREAM_BYTES} bytes")
            if not told and len(data) > 1.3 * parsed:
                parsed, starts = len(data), _found_starts(bytes(data))
            layers = sum(0 < start <= len(data) for start in starts)
            enough = not told and options.layers is not None and layers >= options.layers
            enough |= not told and len(data) >= (options.budget_bytes or MAX_STREAM_BYTES)
            enough = enough and layers > 0
            enough |= wanted > 0 and len(data) >= wanted
            layers = min(layers, options.layers or layers)
            if enough or layers > seen:
                seen = layers
                cut = starts[layers] if layers < len(starts) else len(data)
                total = len(starts) if told else len(starts) + 1
                self._reception.put((bytes(data[:cut]),), layers, total, len(data), "http", enough)
            if enough:
                return True
        return False

    def _whole(self, data: bytes) -> None:
        """All of the file has come by HTTP."""
        from inrcodec.streaming.layers import stream_of

        stream = stream_of(data)
        receiver = Receiver()
        receiver.push(pack(stream.manifest.stream, stream.manifest))
        for number, layer in enumerate(stream.layers):
            receiver.fill(number, layer)
        self._reception.receiver = receiver
        self._reception.put((data,), receiver.layers, receiver.layers, len(data), "http", True)


def _starts(text: str) -> list[int]:
    """Where layers begin, of the HTTP header; empty if it says nothing of use."""
    try:
        starts = [int(part) for part in text.split(",")][: MAX_LAYERS + 1]
    except ValueError:
        return []
    rising = all(a < b for a, b in itertools.pairwise(starts))
    return starts if rising and starts[0] == 0 and len(starts) <= MAX_LAYERS else []


def _found_starts(data: bytes) -> list[int]:
    """The same, found in the beginning of a file itself."""
    from inrcodec.codec import bitstream
    from inrcodec.streaming.layers import boundaries

    try:
        return boundaries(bitstream.read(data))
    except FormatError:
        return []
