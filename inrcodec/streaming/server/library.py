"""The files a server offers: names to streams, without I/O beyond reading them. Nothing but the
files found when it starts, or added to a served folder since, can be named."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

from inrcodec.codec import bitstream
from inrcodec.errors import InputError, InrCodecError, StreamError
from inrcodec.streaming.layers import slice_side, stream_of
from inrcodec.streaming.protocol.messages import MAX_STREAM_BYTES
from inrcodec.streaming.protocol.stream import Stream

EXTENSIONS = (".inr", ".nif")
CACHED_BYTES = 1 << 28
MAX_DIGESTS = 4096
MAX_NAME = 200


@dataclass(frozen=True, slots=True)
class _Key:
    """A version of a file."""

    path: Path
    changed_ns: int
    size: int


class Library:
    """Files by name: one file, or those of a folder (not below it). `slices` cuts grids into slices
    of so many symbols a side, 0 into ones that suit the rate; None leaves files as they are.

    Safe from any thread: a file that is being read keeps only those waiting who want it, too.
    """

    def __init__(self, root: str, slices: int | None = None) -> None:
        self._root, self._slices = Path(root), slices
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
        """What can be asked for."""
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
        """The stream of a name; raises `KeyError` if there is none (any more), `StreamError` for a
        file that cannot be streamed."""
        try:
            if name not in self.names():  # so a name is never a path
                raise KeyError(name)
            path = self._root if self._one else self._root / name
            status = path.stat()
        except OSError:
            raise KeyError(name) from None
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
        """Why a file cannot be streamed, as far as its sections tell; "" if they tell nothing."""
        try:
            path = self._root if self._one else self._root / name
            return "" if bitstream.read(path.read_bytes()).complete else f"{name}: cut short"
        except (OSError, InrCodecError) as error:
            return f"{name}: {error}"

    def by_digest(self, digest: str) -> Stream:
        """The stream whose file has this SHA-256; raises `KeyError` if it is not, or no more, that
        of a name asked for before."""
        found = self.stream(self._digests[digest])
        if found.manifest.digest.hex() != digest:
            raise KeyError(digest)
        return found

    def _cached(self, key: _Key) -> Stream | None:
        with self._lock:
            if key in self._streams:
                self._streams.move_to_end(key)
            return self._streams.get(key)

    def _kept(self, key: _Key, name: str, stream: Stream) -> Stream:
        with self._lock:
            self._streams[key] = stream
            self._digests[stream.manifest.digest.hex()] = name
            while sum(s.held_bytes for s in self._streams.values()) > CACHED_BYTES:
                self._streams.popitem(last=False)
            while len(self._digests) > MAX_DIGESTS:
                self._digests.popitem(last=False)
        return stream

    def _read(self, key: _Key) -> Stream:
        if key.size > MAX_STREAM_BYTES:
            raise StreamError(f"more than {MAX_STREAM_BYTES} bytes")
        data = key.path.read_bytes()
        side = slice_side(data) if self._slices == 0 else self._slices
        return stream_of(data, slices=side)
