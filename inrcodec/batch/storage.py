"""What a batch asks of where its files are: `disk` and `urls` are the two answers."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterable, Mapping
from typing import Protocol

Marks = tuple[int, int, int]
"""Size of a file in bytes, the time of its last modification in nanoseconds, and what else changes
with its content: the time of the last change of its status, or a number made of its entity tag."""

LOG = ".inrcodec-journal.jsonl"
"""Name of the log beside results."""

SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")
LOCAL_SCHEMES = ("file", "local")


def scheme_of(name: str) -> str | None:
    """The scheme of a URL ("s3"), None for a path; a single letter is a drive."""
    match = SCHEME.match(name)
    return match[1].lower() if match else None


def plain(name: str) -> str:
    """A name as this package uses it: the path of a `file://` URL, any other name as it is."""
    return name.partition("://")[2] if scheme_of(name) in LOCAL_SCHEMES else name


def reason_of(error: OSError) -> str:
    """Why a file cannot be read or written, without its name; what storage says, where it says more
    than a name."""
    if error.errno is None and " " in str(error):
        return str(error)
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
