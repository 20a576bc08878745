"""A log beside results behind a URL.

Objects of such storage cannot be added to, so a log is a folder of numbered parts, each written
once; its first line is the same in all parts of a batch and in none of another. Two batches on one
folder would write a part of the same number: the second one is told.
"""

from __future__ import annotations

import secrets
from contextlib import suppress
from typing import Protocol

from inrcodec.batch.storage import LOG, reason_of
from inrcodec.errors import OutputError

FIRST_LINE = b'{"journal"'
"""How the first line of a log begins: a part with it holds all that the parts before it hold."""


class Objects(Protocol):
    """What a log asks of storage (`urls.Store`)."""

    def join(self, folder: str, result: str) -> str:
        """The name of an object in a folder."""

    def put(self, path: str, data: bytes, *, replace: bool) -> None:
        """Write an object; raises `FileExistsError` for one that is there, and `OSError`."""

    def remove(self, paths: list[str]) -> None:
        """Remove objects; raises `OSError`."""

    def parts_of(self, folder: str) -> dict[str, bytes]:
        """The contents of all objects of a folder by their names in it; raises `OSError`."""


class StoreLog:
    """A folder of parts, which are put together when it is opened."""

    def __init__(self, store: Objects, folder: str) -> None:
        self._store, self._folder = store, folder
        self.path = store.join(folder, LOG)
        self._batch = f"{secrets.token_hex(8)}\n".encode()
        try:
            parts = store.parts_of(self.path)
        except OSError as error:
            raise OutputError(f"cannot be used: {reason_of(error)}").about(folder) from None
        numbers = sorted(int(name) for name in parts if name.isdigit())
        contents = {n: parts[_name(n)].partition(b"\n")[2] for n in numbers if _name(n) in parts}
        firsts = [n for n, content in contents.items() if content.startswith(FIRST_LINE)]
        self._numbers = list(contents)
        self._content = b"".join(contents[n] for n in contents if n >= max(firsts, default=0))

    def read(self) -> bytes:
        """Put all parts into one, so that there are not more with every batch."""
        content, self._content = self._content, b""
        if len(self._numbers) > 1 and content.startswith(FIRST_LINE):
            old = list(self._numbers)
            try:
                self.append(content, on_disk=True)
                self._remove(old)
            except OSError as error:
                text = f"cannot be written: {reason_of(error)}"
                raise OutputError(text).about(self.path) from None
        return content

    def append(self, lines: bytes, *, on_disk: bool) -> None:
        """Write a part, under the next number."""
        number = max(self._numbers, default=0) + 1
        try:
            self._store.put(self._part(number), self._batch + lines, replace=False)
        except FileExistsError:
            raise OutputError("another batch writes to this folder").about(self._folder) from None
        self._numbers.append(number)

    def close(self, *, discard: bool) -> None:
        """With `discard` all parts go, unless another batch has added some."""
        if discard:
            with suppress(OSError):
                if len(self._store.parts_of(self.path)) == len(self._numbers):
                    self._remove(list(self._numbers))

    def _remove(self, numbers: list[int]) -> None:
        self._store.remove([self._part(number) for number in numbers])
        self._numbers = [number for number in self._numbers if number not in numbers]

    def _part(self, number: int) -> str:
        return self._store.join(self.path, _name(number))


def _name(number: int) -> str:
    """Of a part: in the order of the numbers."""
    return f"{number:010}"
