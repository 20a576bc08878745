"""The files that a server offers: from names to streams.

Only the files in the served folder, or the one served file, can be named.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

from inrcodec.errors import InputError, InrCodecError, StreamError
from inrcodec.files import EXTENSIONS
from inrcodec.streaming.layers import check_side, is_whole, slice_side, stream_of
from inrcodec.streaming.protocol.messages import MAX_STREAM_BYTES
from inrcodec.streaming.protocol.stream import Stream

MAX_NAME = 200
"""Characters of the longest name that is offered."""

CACHED_BYTES = 1 << 28
"""Memory for streams that are kept, in bytes: those of 90 MB of files."""

MAX_DIGESTS = 4096
"""Files that can be asked for by their SHA-256: those asked for by name last."""


class UnknownFileError(StreamError):
    """There is no such file, or no more."""

    def __init__(self) -> None:
        super().__init__("there is no such file")


@dataclass(frozen=True, slots=True)
class _Key:
    """One version of a file."""

    path: Path
    changed_ns: int
    size: int


class Library:
    """Files by name: one file, or those of a folder (not of folders in it).

    `slices` is the side of the slices, in symbols, that grids are cut into; 0 chooses one that
    suits the rate of a file, None leaves files as they are; files without grids stay as they are
    anyway. Streams of at most `cached_bytes` in memory are kept. May be used from any thread; a
    thread that waits for a file to be read keeps no other waiting. Raises `InputError` if there is
    nothing at `root`, `StreamError` if it is one file that cannot be streamed, and `OptionError`
    for a side that no file can have.
    """

    def __init__(
        self, root: str, slices: int | None = None, *, cached_bytes: int = CACHED_BYTES
    ) -> None:
        if slices:
            check_side(slices)
        self._root, self._slices, self._cached_bytes = Path(root), slices, cached_bytes
        if not self._root.exists():
            raise InputError(f"{root}: there is no such file or folder")
        self._one = self._root.is_file()
        self._streams: OrderedDict[_Key, Stream] = OrderedDict()
        self._reading: dict[_Key, threading.Lock] = {}
        self._digests: OrderedDict[str, str] = OrderedDict()
        self._lock = threading.Lock()
        if self._one:
            self.stream(self._root.name)

    def names(self) -> list[str]:
        """Return the names that can be asked for, sorted."""
        if self._one:
            return [self._root.name]
        return sorted(
            entry.name
            for entry in os.scandir(self._root)
            if entry.name.endswith(EXTENSIONS)
            and entry.is_file(follow_symlinks=False)
            and len(entry.name) <= MAX_NAME
        )

    def stream(self, name: str) -> Stream:
        """Return the stream of a name; raises `UnknownFileError` if there is none (any more), and
        `StreamError` for a file that cannot be streamed."""
        try:
            if name not in self.names():  # so a name is never a path
                raise UnknownFileError
            path = self._root if self._one else self._root / name
            status = path.stat()
        except OSError:
            raise UnknownFileError from None
        key = _Key(path, status.st_mtime_ns, status.st_size)
        found = self._cached(key)
        if found is not None:
            return found
        with self._lock:
            reading = self._reading.setdefault(key, threading.Lock())
        try:
            with reading:
                return self._cached(key) or self._kept(key, name, self._read(key))
        except OSError as error:
            raise StreamError(f"{name}: cannot be read: {error.strerror}") from None
        except InrCodecError as error:
            raise StreamError(f"{name}: {error}") from None
        finally:
            with self._lock:
                self._reading.pop(key, None)

    def problem(self, name: str) -> str:
        """Say why a file cannot be streamed, as far as its sections tell; "" if they do not."""
        try:
            path = self._root if self._one else self._root / name
            return "" if is_whole(path.read_bytes()) else f"{name}: cut short"
        except (OSError, InrCodecError) as error:
            return f"{name}: {error}"

    def by_digest(self, digest: str) -> Stream:
        """Return the stream of the file with this SHA-256 (hex); raises `UnknownFileError` if it is
        not, or no more, that of a name asked for before."""
        name = self._digests.get(digest)
        if name is None:
            raise UnknownFileError
        found = self.stream(name)
        if found.manifest.digest.hex() != digest:
            raise UnknownFileError
        return found

    def _cached(self, key: _Key) -> Stream | None:
        """Return the stream that is kept of a file, if there is one."""
        with self._lock:
            if key in self._streams:
                self._streams.move_to_end(key)
            return self._streams.get(key)

    def _kept(self, key: _Key, name: str, stream: Stream) -> Stream:
        """Keep a stream, and let go of those used longest ago."""
        with self._lock:
            self._streams[key] = stream
            self._digests[stream.manifest.digest.hex()] = name
            while sum(s.held_bytes for s in self._streams.values()) > self._cached_bytes:
                self._streams.popitem(last=False)
            while len(self._digests) > MAX_DIGESTS:
                self._digests.popitem(last=False)
        return stream

    def _read(self, key: _Key) -> Stream:
        """Read a file and cut it into a stream."""
        if key.size > MAX_STREAM_BYTES:
            raise StreamError(f"more than {MAX_STREAM_BYTES} bytes")
        data = key.path.read_bytes()
        suits = slice_side(data)  # None for a file without grids
        return stream_of(data, slices=suits if self._slices == 0 or suits is None else self._slices)
