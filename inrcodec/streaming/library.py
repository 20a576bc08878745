"""The files a server offers: names to streams, without I/O beyond reading them. Nothing but the
files found when it starts, or added to a served folder since, can be named."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

from inrcodec.errors import InputError, InrCodecError, StreamError
from inrcodec.streaming.layers import slice_side, stream_of
from inrcodec.streaming.packets import MAX_STREAM_BYTES
from inrcodec.streaming.stream import Stream

EXTENSIONS = (".inr", ".nif")
CACHED_BYTES = 1 << 28
MAX_NAME = 200


@dataclass(frozen=True, slots=True)
class _Key:
    """A version of a file."""

    path: Path
    changed_ns: int
    size: int


class Library:
    """Files by name: one file, or those of a folder (not below it). `slices` cuts grids into slices
    of so many symbols a side, 0 into ones that suit the rate; None leaves files as they are."""

    def __init__(self, root: str, slices: int | None = None) -> None:
        self._root, self._slices = Path(root), slices
        if not self._root.exists():
            raise InputError(f"{root}: there is no such file or folder")
        self._streams: OrderedDict[_Key, Stream] = OrderedDict()
        self._digests: dict[str, str] = {}
        self._lock = threading.Lock()
        if self._root.is_file():
            self.stream(self._root.name)

    def names(self) -> list[str]:
        """What can be asked for."""
        if self._root.is_file():
            return [self._root.name]
        return sorted(
            entry.name
            for entry in os.scandir(self._root)
            if entry.name.endswith(EXTENSIONS)
            and entry.is_file(follow_symlinks=False)
            and len(entry.name) <= MAX_NAME
        )

    def stream(self, name: str) -> Stream:
        """The stream of a name, from any thread; raises `KeyError` if there is none,
        `InrCodecError` for a file that cannot be streamed."""
        with self._lock:
            return self._found(name)

    def _found(self, name: str) -> Stream:
        if name not in self.names():  # so a name is never a path
            raise KeyError(name)
        path = self._root if self._root.is_file() else self._root / name
        try:
            status = path.stat()
            key = _Key(path, status.st_mtime_ns, status.st_size)
            found = self._streams.pop(key, None)
            if found is None:
                if status.st_size > MAX_STREAM_BYTES:
                    raise StreamError(f"{name}: more than {MAX_STREAM_BYTES} bytes")
                found = self._read(path)
        except OSError as error:
            raise InputError(f"{name}: cannot be read: {error.strerror}") from None
        except InrCodecError as error:
            raise StreamError(f"{name}: {error}") from None
        self._streams[key] = found
        self._digests[found.manifest.digest.hex()] = name
        while sum(len(s.data) for s in self._streams.values()) > CACHED_BYTES:
            self._streams.popitem(last=False)
        return found

    def by_digest(self, digest: str) -> Stream:
        """The stream whose file has this SHA-256; raises `KeyError` if it is not, or no more, that
        of a name asked for before."""
        found = self.stream(self._digests[digest])
        if found.manifest.digest.hex() != digest:
            raise KeyError(digest)
        return found

    def _read(self, path: Path) -> Stream:
        data = path.read_bytes()
        side = slice_side(data) if self._slices == 0 else self._slices
        return stream_of(data, slices=side)
