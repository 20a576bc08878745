"""Where files of a batch are: on this machine, or behind URLs, which `urls` opens.

    place, path = place_of("photos/a.png"), "photos/a.png"
    place.read(path)

The place of a path does not depend on the file: `s3://bucket/a.png` is in that of all `s3://` URLs.
"""

from __future__ import annotations

import hashlib
import os
import re
from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterable, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Protocol

from inrcodec.errors import OutputError
from inrcodec.files import is_dangling, read_bytes, write_bytes

Marks = tuple[int, int, int]
"""Size of a file in bytes, the time of its last modification in nanoseconds, and what else changes
with its content: the time of the last change of its status, or a number made of its entity tag."""

LOG = ".inrcodec-journal.jsonl"
"""Name of the log beside results."""

SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
LOCAL_SCHEMES = ("file", "local")


def scheme_of(name: str) -> str | None:
    """The scheme of a URL ("s3"), None for a path."""
    match = SCHEME.match(name)
    return match[1].lower() if match else None


def plain(name: str) -> str:
    """A name as this package uses it: the path of a `file://` URL, any other name as it is."""
    return name.partition("://")[2] if scheme_of(name) in LOCAL_SCHEMES else name


def reason_of(error: OSError) -> str:
    """Why a file cannot be read or written, without its name."""
    for kind, text in (
        (FileNotFoundError, "No such file or directory"),
        (PermissionError, "Permission denied"),
    ):
        if isinstance(error, kind) and (error.strerror is None or error.errno is None):
            return text
    return error.strerror or str(error) or type(error).__name__


class Log(Protocol):
    """Lines that are kept beside results and only ever added to."""

    path: str
    """Its name, for messages."""

    def read(self) -> bytes:
        """All whole lines."""

    def append(self, lines: bytes, *, on_disk: bool) -> None:
        """Add whole lines; with `on_disk` they outlive a power failure from then on. Raises
        `OSError`, and `OutputError` if another batch has written meanwhile."""

    def close(self, *, discard: bool) -> None:
        """End; with `discard` nothing is left of it. Never raises."""


class Place(ABC):
    """A kind of storage. Paths are those of its files, as people name them."""

    at_once: int
    """How many files are best written at a time."""
    is_shared: bool
    """Whether other processes see the same files."""

    @abstractmethod
    def join(self, folder: str, result: str) -> str:
        """The path of a result, whose parts have "/" between them, below a folder."""

    @abstractmethod
    def identity(self, path: str) -> Hashable | None:
        """What two names of one file share; None for what is not there."""

    @abstractmethod
    def marks(self, path: str) -> Marks:
        """The marks of a file as it is now; raises `OSError`."""

    @abstractmethod
    def marks_of_all(self, paths: Iterable[str]) -> Mapping[str, Marks | OSError]:
        """The marks of many files, or why they have none."""

    @abstractmethod
    def sha256(self, path: str) -> str:
        """The SHA-256 of a file's bytes; raises `OSError`."""

    @abstractmethod
    def read(self, path: str) -> bytes:
        """All bytes of a file; raises `InputError`."""

    @abstractmethod
    def check_writable(self, path: str) -> None:
        """Raise `OutputError` for a name that no file can be written to, such as a folder's."""

    @abstractmethod
    def write(self, path: str, data: bytes, *, replace: bool, temporary: str) -> None:
        """Write a file, all of it or nothing, once; missing folders are made. One that is there is
        replaced, or refused unless `replace`, also if it appears at the last moment. `temporary` is
        the name of a file beside it, where one is needed. Raises `OutputError`."""

    @abstractmethod
    def remove_temporary(self, path: str, temporary: str) -> None:
        """Remove what a write of this path left behind when it was killed."""

    @abstractmethod
    def log(self, folder: str) -> Log:
        """Open the log of a folder, which is made; raises `OutputError`, also where another batch
        holds it."""


def place_of(name: str) -> Place:
    """The place of a path or a URL. Raises `OptionError` for a scheme that nothing knows, and
    `MissingExtraError`."""
    return _place_of_scheme(scheme_of(name))


@cache
def _place_of_scheme(scheme: str | None) -> Place:
    if scheme is None or scheme in LOCAL_SCHEMES:
        return Disk()
    from inrcodec.batch.urls import Store

    return Store(scheme)


class Disk(Place):
    """Files of this machine."""

    at_once, is_shared = 1, True

    def join(self, folder: str, result: str) -> str:
        """As `os.path.join`."""
        return os.path.join(folder, *result.split("/"))

    def identity(self, path: str) -> Hashable | None:
        """Its device and number."""
        try:
            status = os.stat(path)
        except (OSError, ValueError):
            return None
        return status.st_dev, status.st_ino

    def marks(self, path: str) -> Marks:
        """From `os.stat`."""
        status = os.stat(path)
        return status.st_size, status.st_mtime_ns, status.st_ctime_ns

    def marks_of_all(self, paths: Iterable[str]) -> Mapping[str, Marks | OSError]:
        """One after the other."""
        found: dict[str, Marks | OSError] = {}
        for path in paths:
            try:
                found[path] = self.marks(path)
            except OSError as error:
                found[path] = error
        return found

    def sha256(self, path: str) -> str:
        """Read a part at a time."""
        found = hashlib.sha256()
        with open(path, "rb") as file:
            while part := file.read(1 << 20):
                found.update(part)
        return found.hexdigest()

    def read(self, path: str) -> bytes:
        """As `read_bytes`."""
        return read_bytes(path)

    def check_writable(self, path: str) -> None:
        """Refuse a link to nothing and a folder."""
        if is_dangling(path):
            raise OutputError(f"{path}: is a link to a file that does not exist")
        if os.path.isdir(path):
            raise OutputError(f"{path}: is a folder")

    def write(self, path: str, data: bytes, *, replace: bool, temporary: str) -> None:
        """As `write_bytes`."""
        write_bytes(path, data, replace=replace, temporary=temporary)

    def remove_temporary(self, path: str, temporary: str) -> None:
        """It lies beside the file that the path leads to."""
        with suppress(OSError):
            os.unlink(os.path.join(os.path.dirname(os.path.realpath(path)), temporary))

    def log(self, folder: str) -> Log:
        """A file of lines."""
        return DiskLog(folder)


class DiskLog:
    """A file that is held, and locked where the system can, until it is closed."""

    def __init__(self, folder: str) -> None:
        self._folder, self.path = folder, os.path.join(folder, LOG)
        self._made = not os.path.isdir(folder)
        try:
            Path(folder).mkdir(parents=True, exist_ok=True)
            self._file = open(self.path, "ab+")  # noqa: SIM115  held until `close`
        except OSError as error:
            reason = error.strerror or error
            raise OutputError(f"cannot be written: {reason}").about(self.path) from None
        try:
            self._lock()
        except BaseException:
            self._file.close()
            raise

    def _lock(self) -> None:
        """Keep other batches out: the lock ends with the process."""
        try:
            import fcntl
        except ImportError:
            return
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OutputError("another batch writes to this folder").about(self._folder) from None
        except OSError:  # a file system without locks
            return

    def read(self) -> bytes:
        """A last line that was cut short is dropped."""
        self._file.seek(0)
        data = self._file.read()
        whole = data.rfind(b"\n") + 1
        if whole < len(data):
            self._file.truncate(whole)
        return data[:whole]

    def append(self, lines: bytes, *, on_disk: bool) -> None:
        """Write at the end."""
        self._file.write(lines)
        self._file.flush()
        if on_disk:
            os.fsync(self._file.fileno())

    def close(self, *, discard: bool) -> None:
        """With `discard` the folder goes too if it was made for it."""
        if discard and not self._file.closed:
            with suppress(OSError):
                os.unlink(self.path)
                if self._made:
                    os.rmdir(self._folder)
        with suppress(OSError):  # a full disk, which `append` told of
            self._file.close()
