"""The files that a server offers: from names to streams.

Only the files in the served folder, or the one served file, can be named.
"""

from __future__ import annotations

import errno
import os
import stat
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from inrcodec.errors import InputError, InrCodecError, LimitError, StreamError
from inrcodec.files import EXTENSIONS
from inrcodec.streaming import layers
from inrcodec.streaming.protocol.manifest import MAX_STREAM_BYTES
from inrcodec.streaming.protocol.stream import Stream

Cut = Callable[[bytes, "int | None", "float | None"], bytes]
"""From a file, a side of slices and the most work to the file cut into these."""

MAX_NAME = 200
"""Characters of the longest name that is offered."""

CACHED_BYTES = 1 << 28
"""Memory for streams that are kept, in bytes: those of 90 MB of files."""

STREAM_BYTES = 4096
"""About the memory that a stream takes however small its file is, in bytes."""

MAX_DIGESTS = 4096
"""Files that can be asked for by their SHA-256: those asked for by name last."""

MAX_FAILURES = 4096
"""Files of which it is remembered that they cannot be streamed: those asked for last."""

EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
"""Numbers of system errors that say that the system lacks something just now."""

SEPARATORS = "/\0" if os.name == "posix" else "/\\:\0"
"""What no name of a file in a folder holds."""


class UnknownFileError(StreamError):
    """There is no such file, or no more."""

    def __init__(self) -> None:
        super().__init__("there is no such file")


class BusyError(StreamError):
    """The system lacks something just now, such as file descriptors; later it may not."""


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a file: a path, and what changes when the file does."""

    path: Path
    inode: int
    changed_ns: int
    size: int


class Library:
    """Files by name: one file, or those of a folder (not of folders in it).

    `slices` is the side of the slices, in symbols, that grids are cut into; 0 chooses one that
    suits the rate of a file, None leaves files as they are; files without grids stay as they are
    anyway. A file that takes more than `max_work` seconds of one core to be cut (None: those of
    a decode) cannot be streamed. Streams of at most `cached_bytes` in memory are kept, and
    which versions of files cannot be streamed. May be used from any thread. Raises `InputError`
    if there is nothing at `root`, `StreamError` if it is one file that cannot be streamed, and
    `OptionError` for a side that no file can have, or what is no number of seconds. `stream` is
    `version`, which only looks, then `kept`, which neither reads nor waits, then `read`, which
    takes seconds for a large file.
    """

    def __init__(
        self,
        root: str,
        slices: int | None = None,
        *,
        max_work: float | None = None,
        cached_bytes: int = CACHED_BYTES,
    ) -> None:
        if slices:
            layers.check_side(slices)
        layers.check_work(max_work)
        self._root, self._slices, self._max_work = Path(root), slices, max_work
        self._cached_bytes = cached_bytes
        if not self._root.exists():
            raise InputError(f"{root}: there is no such file or folder")
        self._one = self._root.is_file()
        self._streams: OrderedDict[Version, Stream] = OrderedDict()
        self._held_bytes = 0
        self._failures: OrderedDict[Version, str] = OrderedDict()
        self._digests: OrderedDict[str, str] = OrderedDict()
        self._lock = threading.Lock()
        if self._one:
            if not _is_text(self._root.name):
                raise InputError(f"{root!r}: a link cannot say this name, which is not Unicode")
            self.stream(self._root.name)

    def names(self) -> list[str]:
        """Return the names that can be asked for, sorted; raises `StreamError` if the folder cannot
        be read (any more)."""
        if self._one:
            return [self._root.name]
        try:
            with os.scandir(self._root) as entries:
                return sorted(
                    entry.name
                    for entry in entries
                    if _can_be_offered(entry.name) and entry.is_file(follow_symlinks=False)
                )
        except OSError as error:
            raise _unreadable(self._root.name, error) from None

    def version(self, name: str) -> Version:
        """Return the version that a file has now; raises `UnknownFileError` if there is none."""
        try:
            if self._one:
                path, status = self._root, self._root.stat()
                known = name == self._root.name
            else:
                known = _can_be_offered(name)  # so a name is never a path
                path = self._root / name if known else self._root
                status = path.lstat()
        except OSError:
            raise UnknownFileError from None
        if not known or not stat.S_ISREG(status.st_mode):
            raise UnknownFileError
        return Version(path, status.st_ino, status.st_mtime_ns, status.st_size)

    def kept(self, version: Version) -> Stream | None:
        """Return the stream of a version of a file if it has been read; raises `StreamError` if it
        is known that it cannot be streamed."""
        with self._lock:
            if version in self._failures:
                self._failures.move_to_end(version)
                raise StreamError(self._failures[version])
            if version in self._streams:
                self._streams.move_to_end(version)
            return self._streams.get(version)

    def read(self, version: Version, cut: Cut = layers.cut) -> Stream:
        """Read a version of a file, cut it into a stream, and keep that. `cut` does what
        `layers.cut` does. Raises `StreamError` for a file that cannot be streamed,
        `UnknownFileError` for one that is gone."""
        name = version.path.name
        try:
            stream = layers.stream_of(cut(_data(version), self._slices, self._max_work))
        except BusyError:
            raise
        except FileNotFoundError:
            raise UnknownFileError from None
        except OSError as error:
            raise _unreadable(name, error) from None
        except InrCodecError as error:
            message = f"{name}: {error}"
            self._keep(version, message)
            raise StreamError(message) from None
        self._keep(version, stream)
        return stream

    def stream(self, name: str) -> Stream:
        """Return the stream of a name; raises `UnknownFileError` if there is none (any more), and
        `StreamError` for a file that cannot be streamed."""
        version = self.version(name)
        found = self.kept(version)
        return self.read(version) if found is None else found

    def problem(self, name: str) -> str:
        """Say why a file cannot be streamed, as far as its sections tell; "" if they do not."""
        try:
            layers.check_cut(_data(self.version(name)), self._slices, self._max_work)
        except OSError as error:
            return str(_unreadable(name, error))
        except InrCodecError as error:
            return f"{name}: {error}"
        return ""

    def name_of(self, digest: str) -> str:
        """Return the name of the file that had this SHA-256 (hex) when it was read; raises
        `UnknownFileError` if it is none that was asked for lately."""
        with self._lock:
            name = self._digests.get(digest)
        if name is None:
            raise UnknownFileError
        return name

    def _keep(self, version: Version, outcome: Stream | str) -> None:
        """Keep a stream, or why there is none, unless the file has changed meanwhile; let go of
        those used longest ago."""
        name = version.path.name
        try:
            if self.version(name) != version:
                return
        except UnknownFileError:
            return
        with self._lock:
            if isinstance(outcome, str):
                self._failures[version] = outcome
                if len(self._failures) > MAX_FAILURES:
                    self._failures.popitem(last=False)
                return
            self._forget(self._streams.pop(version, None))
            self._streams[version] = outcome
            self._held_bytes += _size_of(outcome)
            self._digests[outcome.manifest.digest.hex()] = name
            while self._held_bytes > self._cached_bytes:
                self._forget(self._streams.popitem(last=False)[1])
            if len(self._digests) > MAX_DIGESTS:
                self._digests.popitem(last=False)

    def _forget(self, stream: Stream | None) -> None:
        if stream is not None:
            self._held_bytes -= _size_of(stream)


def checked(stream: Stream, digest: str) -> Stream:
    """Return a stream if its file has this SHA-256 (hex); raises `UnknownFileError`."""
    if stream.manifest.digest.hex() != digest:
        raise UnknownFileError
    return stream


def _can_be_offered(name: str) -> bool:
    """Whether a name is one that a folder offers."""
    fits = name.endswith(EXTENSIONS) and len(name) <= MAX_NAME and _is_text(name)
    return fits and not set(name) & set(SEPARATORS)


def _is_text(name: str) -> bool:
    """Whether a name is Unicode, so that a link can say it (other bytes become surrogates)."""
    return not any("\ud800" <= character <= "\udfff" for character in name)


def _data(version: Version) -> bytes:
    """Read a version of a file; raises `LimitError` for one that is too large to stream."""
    if version.size > MAX_STREAM_BYTES:
        raise LimitError(f"more than {MAX_STREAM_BYTES} bytes")
    return version.path.read_bytes()


def _size_of(stream: Stream) -> int:
    """About the memory that a stream takes, in bytes."""
    return stream.held_bytes + STREAM_BYTES


def _unreadable(name: str, error: OSError) -> StreamError:
    """Return the error that says why a file or a folder cannot be read."""
    kind = BusyError if error.errno in EXHAUSTED else StreamError
    return kind(f"{name}: cannot be read: {error.strerror}")
