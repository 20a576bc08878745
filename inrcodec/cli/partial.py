"""What a reception leaves of a file that did not arrive whole: the next one goes on from there."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from inrcodec.errors import OutputError
from inrcodec.files import read_bytes, write_bytes

if TYPE_CHECKING:
    from inrcodec.streaming import Beginning

EXTENSION = ".part"

MARK = b"inrcodec part\n"
"""How such a file begins. Two lines follow, the version of the file and its URL, and then its
beginning."""


class Partial:
    """The file beside `output` that keeps the beginning of what is at `url`."""

    def __init__(self, output: str, url: str) -> None:
        self.path = output + EXTENSION
        self._url = urlsplit(url)._replace(query="", fragment="").geturl()  # links expire

    def read(self) -> Beginning:
        """Return what is there; nothing if it is of another URL. Raises `OutputError` for a file
        that no reception left, and which is therefore not to be replaced."""
        from inrcodec.streaming import Beginning

        if not os.path.lexists(self.path):
            return Beginning()
        data = read_bytes(self.path)
        if not data.startswith(MARK):
            raise OutputError(f"{self.path}: is no part of a file that was received; remove it")
        lines = data[len(MARK) :].split(b"\n", 2)
        if len(lines) < 3 or lines[1] != self._url.encode():
            return Beginning()
        return Beginning(lines[2], lines[0].decode(errors="replace"))

    def keep(self, beginning: Beginning) -> bool:
        """Write a beginning, if it is of any use; return whether it is."""
        if not (beginning.data and beginning.version):
            return False
        head = f"{beginning.version}\n{self._url}\n"
        write_bytes(self.path, MARK + head.encode() + beginning.data)
        return True

    def remove(self) -> None:
        """Remove it: the file is whole."""
        with suppress(OSError):
            os.unlink(self.path)
