"""A file, or the rest of one, by HTTP range requests: the beginning of a file is an image, too."""

from __future__ import annotations

import itertools
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any

from inrcodec.errors import FormatError, StreamError, TruncatedError
from inrcodec.streaming.client.failures import Refused
from inrcodec.streaming.client.options import ReceiveOptions
from inrcodec.streaming.client.ranges import Part, length_of, part_of
from inrcodec.streaming.layers import is_whole, starts_in, stream_of
from inrcodec.streaming.protocol.frame import Beginning, Frame
from inrcodec.streaming.protocol.manifest import MAX_STREAM_BYTES
from inrcodec.streaming.protocol.messages import MAX_LAYERS
from inrcodec.streaming.transport.signaling import LAYERS_HEADER

PIECE = 1 << 14
"""Bytes read at once; layers that end in the same piece are shown together."""

PARSE_GROWTH = 1.3
"""The client parses what has come, again each time it has grown by this factor: to know that this
is a file, and not longer than one, and where layers begin if the server does not say it. All parses
together cost 1.3 / 0.3 = 4.3 times the last one."""


class Download:
    """The beginning of a file that has come so far, in `data`, and how to get the rest.

    `known` is what is there already, and of which version; what has no version is of no use.
    `elapsed` gives the seconds since the file was asked for. `most` is the most bytes that there
    ever were: what comes again is no news. `check` looks at the beginning of the file.
    """

    def __init__(
        self,
        options: ReceiveOptions,
        elapsed: Callable[[], float],
        known: Beginning,
        check: Callable[[bytes], None],
    ) -> None:
        self._options, self._elapsed, self._check = options, elapsed, check
        self.data = bytearray(known.data if known.version else b"")
        self._version = known.version
        self._layers = 0, 0
        self.most = 0

    async def frames(self, http: Any) -> AsyncGenerator[Frame, None]:
        """Yield the file as it grows, layer by layer, until all that is wanted is there.

        Raises `StreamError`, `FormatError` for a file that is not valid, and what aiohttp does. If
        it fails, call it again: it asks for the rest only.
        """
        layers, wanted = await self._wanted(http)
        headers = {}
        if self.data or wanted:
            headers["Range"] = f"bytes={len(self.data)}-{wanted - 1 if wanted else ''}"
        async with http.get(headers) as reply, aclosing(self._pieces(reply)) as pieces:
            part = part_of(reply.status, reply.reason, reply.headers)
            self._accept(part)
            layers = layers or _Layers(_starts(reply.headers.get(LAYERS_HEADER, "")))
            async for piece in pieces:
                if part.refused:
                    break  # what follows is a text for people
                self._take(piece, part)
                if layers.look(self.data):
                    self._check(bytes(self.data))
                whole = layers.whole(len(self.data))
                enough = self._enough(layers, whole, wanted)
                whole = min(whole, self._options.layers or whole)
                if enough or whole > self._layers[0]:
                    self._layers = whole, layers.total
                    yield self._frame(layers.end(whole))
                if enough:
                    return
        yield self._whole(part)

    async def _pieces(self, reply: Any) -> AsyncGenerator[bytes, None]:
        """Yield the body of a reply; that it is cut does not matter if the file is whole."""
        try:
            async for piece in reply.content.iter_chunked(PIECE):
                yield piece
        except Exception:
            if not _is_whole(self.data):
                raise

    def _accept(self, part: Part) -> None:
        """Check that a reply goes on where `data` ends; raises `StreamError`."""
        same = part.version == self._version or not self._version
        if part.refused:
            same = same or not part.version
            known = part.total == len(self.data) or (part.total is None and _is_whole(self.data))
            if same and known:
                return  # all of it is there
        elif part.begin == 0:
            self.data.clear()
            if not same:
                self._layers = 0, 0
            self._version = part.version
            return
        elif part.begin != len(self.data):
            raise Refused(f"the server sends what is at byte {part.begin}, not {len(self.data)}")
        elif same:
            return
        self.data.clear()
        self._version, self._layers = "", (0, 0)
        raise StreamError("the file has changed")

    def _take(self, piece: bytes, part: Part) -> None:
        """Take a piece; raises `Refused` if it is more than the file."""
        most = MAX_STREAM_BYTES if part.total is None else part.total
        if len(self.data) + len(piece) > most:
            raise Refused(f"more than {most} bytes")
        self.data += piece
        self.most = max(self.most, len(self.data))

    def _whole(self, part: Part) -> Frame:
        """Return the last frame, if the file says that it is whole, whatever the server said.
        Raises `StreamError` if there is more to come, `FormatError` for a file that is not whole at
        the server, or not valid."""
        data = bytes(self.data)
        try:
            total = len(stream_of(data).layers)
        except TruncatedError as error:
            if part.total is None:
                raise StreamError(f"cut, or not whole at the server: {error}") from None
            if len(data) < part.total:
                raise StreamError(f"cut after {len(data)} of {part.total} bytes") from None
            raise
        self._layers = total, total
        return self._frame(None, whole=data)

    @property
    def beginning(self) -> Beginning:
        """All that is there."""
        return Beginning(bytes(self.data), self._version)

    def rest(self) -> Frame | None:
        """Return a frame of all that is there, layers that are not whole included; None if there is
        nothing."""
        return self._frame(None) if self.data else None

    async def _wanted(self, http: Any) -> tuple[_Layers | None, int]:
        """Find out how many bytes to ask for, and where layers begin, if less than the file is
        wanted; 0 stands for all bytes, and None where the server does not say."""
        most, budget = self._options.layers, self._options.budget_bytes
        if most is None and budget is None:
            return None, 0
        async with http.head() as reply:
            starts = _starts(reply.headers.get(LAYERS_HEADER, ""))
            total = length_of(reply.headers) or 0
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

    def _frame(self, end: int | None, *, whole: bytes | None = None) -> Frame:
        """Make a frame that shows the bytes before `end` (None: all of them); `whole` is the file,
        if it is all there."""
        layers, total = self._layers
        shown = bytes(memoryview(self.data)[:end]) if whole is None else whole
        return Frame(
            elapsed_s=self._elapsed(),
            received_bytes=len(self.data),
            layers=layers,
            total_layers=total,
            runs=(shown,),
            data=whole,
            transport="http",
            version=self._version,
        )


class _Layers:
    """Where the layers of a file begin, in bytes: as the server told (`told`), or as `find` finds
    in what has come of the file."""

    def __init__(self, starts: list[int], find: Callable[[bytes], list[int]] | None = None) -> None:
        self._starts, self.told = starts, bool(starts)
        self._find = find or _found_starts
        self._parsed = 0

    def look(self, data: bytearray) -> bool:
        """Parse what has come, if there is enough new of it; return whether there was. Raises
        `FormatError` for what is no beginning of a file."""
        if len(data) <= PARSE_GROWTH * self._parsed:
            return False
        self._parsed = len(data)
        found = self._find(bytes(data))
        self._starts = self._starts if self.told else found
        return True

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


def _is_whole(data: bytearray) -> bool:
    """Whether this is a whole file."""
    try:
        return is_whole(bytes(data))
    except FormatError:
        return False


def _starts(text: str) -> list[int]:
    """Parse the HTTP header that says where layers begin; empty if it is not valid."""
    try:
        starts = [int(part) for part in text.split(",")][: MAX_LAYERS + 1]
    except ValueError:
        return []
    rising = all(a < b for a, b in itertools.pairwise(starts))
    return starts if rising and starts[0] == 0 and len(starts) <= MAX_LAYERS else []


def _found_starts(data: bytes) -> list[int]:
    """Find where layers begin in the beginning of a file; empty if it is too short. Raises
    `FormatError` for what is not valid, such as bytes that follow the end."""
    try:
        return starts_in(data)
    except TruncatedError:
        return []
