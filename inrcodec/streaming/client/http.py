"""A file, or the rest of one, by HTTP range requests: the beginning of a file is an image, too."""

from __future__ import annotations

import itertools
import re
from collections.abc import AsyncGenerator, Callable
from typing import Any

from inrcodec.errors import FormatError, StreamError
from inrcodec.streaming.client.failures import Refused
from inrcodec.streaming.client.options import ReceiveOptions
from inrcodec.streaming.layers import starts_in, stream_of
from inrcodec.streaming.protocol.frame import Frame
from inrcodec.streaming.protocol.messages import MAX_LAYERS, MAX_STREAM_BYTES
from inrcodec.streaming.transport.signaling import LAYERS_HEADER

PIECE = 1 << 14
"""Bytes read at once; layers that end in the same piece are shown together."""

PARSE_GROWTH = 1.3
"""A server that does not say where layers begin makes the client parse what has come, again each
time it has grown by this factor. All parses together cost 1.3 / 0.3 = 4.3 times the last one."""

MAX_LENGTH_DIGITS = 11
"""Digits of a believable Content-Length; `MAX_STREAM_BYTES` has 8."""


class Download:
    """The beginning of a file that has come so far, in `data`, and how to get the rest.

    `data` and `digest` (the SHA-256 of the file, in hex) are what is known already. `elapsed` gives
    the seconds since the file was asked for.
    """

    def __init__(
        self,
        url: str,
        options: ReceiveOptions,
        elapsed: Callable[[], float],
        data: bytes = b"",
        digest: str = "",
    ) -> None:
        self._url, self._options, self._elapsed = url, options, elapsed
        self.data, self._tag = bytearray(data), digest

    async def frames(self, http: Any) -> AsyncGenerator[Frame, None]:
        """Yield the file as it grows, layer by layer, until all that is wanted is there.

        Raises `StreamError`, `FormatError` for a file that is not valid, and what aiohttp does. If
        it fails, call it again: it asks for the rest only.
        """
        layers, wanted = await self._wanted(http)
        headers = {}
        if self.data or wanted:
            headers["Range"] = f"bytes={len(self.data)}-{wanted - 1 if wanted else ''}"
        async with http.get(self._url, headers=headers) as reply:
            self._accept(reply)
            layers = layers or _Layers(_starts(reply.headers.get(LAYERS_HEADER, "")))
            seen = 0
            async for piece in reply.content.iter_chunked(PIECE):
                self.data += piece
                if len(self.data) > MAX_STREAM_BYTES:
                    raise Refused(f"more than {MAX_STREAM_BYTES} bytes")
                layers.look(self.data)
                whole = layers.whole(len(self.data))
                enough = self._enough(layers, whole, wanted)
                whole = min(whole, self._options.layers or whole)
                if enough or whole > seen:
                    seen = whole
                    yield self._frame(bytes(self.data[: layers.end(whole)]), whole, layers.total)
                if enough:
                    return
        data = bytes(self.data)
        total = len(stream_of(data).layers)  # raises for a file that is not whole or valid
        yield self._frame(data, total, total, whole=data)

    def _accept(self, reply: Any) -> None:
        """Check that a reply goes on where `data` ends; raises `StreamError`."""
        tag = reply.headers.get("ETag", "").strip('"')
        changed = self.data and reply.status == 206 and tag != (self._tag or tag)
        if reply.status == 416 or changed:
            self.data.clear()
            self._tag = ""
            raise StreamError("the file has changed")
        if reply.status not in (200, 206):
            raise Refused(f"refused with {reply.status} {reply.reason}")
        if reply.status == 200:
            self.data.clear()
        self._tag = tag

    async def _wanted(self, http: Any) -> tuple[_Layers | None, int]:
        """Find out how many bytes to ask for, and where layers begin, if less than the file is
        wanted; 0 stands for all bytes, and None where the server does not say."""
        most, budget = self._options.layers, self._options.budget_bytes
        if most is None and budget is None:
            return None, 0
        async with http.head(self._url, allow_redirects=True) as reply:
            starts = _starts(reply.headers.get(LAYERS_HEADER, ""))
            length = reply.headers.get("Content-Length", "")
        total = int(length) if re.fullmatch(rf"[0-9]{{1,{MAX_LENGTH_DIGITS}}}", length) else 0
        if not starts or total <= starts[-1]:
            return None, 0
        ends = [*starts[1:], total][:most]
        if budget is not None:
            ends = [end for end in ends if end <= budget] or ends[:1]
        return _Layers(starts), ends[-1] if ends[-1] < total else 0

    def _enough(self, layers: _Layers, whole: int, wanted: int) -> bool:
        """Whether all that is wanted is there, and it is less than the file."""
        if not whole:
            return False
        if wanted:
            return len(self.data) >= wanted
        if layers.told:
            return False
        options = self._options
        if options.layers is not None and whole >= options.layers:
            return True
        return len(self.data) >= (options.budget_bytes or MAX_STREAM_BYTES)

    def _frame(self, shown: bytes, layers: int, total: int, *, whole: bytes | None = None) -> Frame:
        """Make a frame that shows these bytes; `whole` is the file, if it is all there."""
        return Frame(
            elapsed_s=self._elapsed(),
            received_bytes=len(self.data),
            layers=layers,
            total_layers=total,
            runs=(shown,),
            data=whole,
            transport="http",
        )


class _Layers:
    """Where the layers of a file begin, in bytes: as the server told (`told`), or as `find` finds
    in what has come of the file."""

    def __init__(self, starts: list[int], find: Callable[[bytes], list[int]] | None = None) -> None:
        self._starts, self.told = starts, bool(starts)
        self._find = find or _found_starts
        self._parsed = 0

    def look(self, data: bytearray) -> None:
        """Parse what has come, unless the server told where layers begin."""
        if not self.told and len(data) > PARSE_GROWTH * self._parsed:
            self._parsed, self._starts = len(data), self._find(bytes(data))

    def whole(self, size_bytes: int) -> int:
        """The number of layers known to be whole in so many bytes; the last one never is."""
        return sum(0 < start <= size_bytes for start in self._starts)

    def end(self, layers: int) -> int | None:
        """Where the first `layers` layers end; None if only the end of what has come tells."""
        return self._starts[layers] if layers < len(self._starts) else None

    @property
    def total(self) -> int:
        """The number of layers; one more than are known if the server did not tell."""
        return len(self._starts) if self.told else len(self._starts) + 1


def _starts(text: str) -> list[int]:
    """Parse the HTTP header that says where layers begin; empty if it is not valid."""
    try:
        starts = [int(part) for part in text.split(",")][: MAX_LAYERS + 1]
    except ValueError:
        return []
    rising = all(a < b for a, b in itertools.pairwise(starts))
    return starts if rising and starts[0] == 0 and len(starts) <= MAX_LAYERS else []


def _found_starts(data: bytes) -> list[int]:
    """Find where layers begin in the beginning of a file; empty if it is too short or not valid."""
    try:
        return starts_in(data)
    except FormatError:
        return []
