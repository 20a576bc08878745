"""The images that files were made of, which the page measures quality against."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from inrcodec.errors import InputError
from inrcodec.streaming.server.library import UnknownFileError

PATH = "/references/"
"""Where they are asked for: PATH and the name of the file, not that of the image."""

HEADER = "Inr-Reference"
"""HTTP header of a file: the path of its reference."""

TYPES = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".webp": "image/webp",
    ".avif": "image/avif",
}
"""Images that browsers decode."""

MAX_BYTES = 1 << 28
"""Largest reference that is served."""


@dataclass(frozen=True, slots=True)
class Reference:
    """An open image: its bytes to read, their number, their type, and the ETag of this version."""

    file: BinaryIO
    size: int
    type: str
    tag: str


class References:
    """The images of a folder: that of photo.inr is photo.png, or photo.jpg and so on; no links.

    Raises `InputError` if there is no such folder.
    """

    def __init__(self, folder: str | None) -> None:
        self._folder = None if folder is None else Path(folder)
        if self._folder is not None and not self._folder.is_dir():
            raise InputError(f"{folder}: there is no such folder of references")

    def find(self, name: str) -> tuple[Path, str] | None:
        """Return (path, type) of the reference of a file that the library knows, so that its name
        is no path; None if there is none."""
        if self._folder is None:
            return None
        stem = Path(name).stem
        for extension, kind in TYPES.items():
            path = self._folder / f"{stem}{extension}"
            try:
                status = path.lstat()
            except OSError:
                continue
            if stat.S_ISREG(status.st_mode) and status.st_size <= MAX_BYTES:
                return path, kind
        return None

    def open(self, name: str) -> Reference:
        """Open the reference that `find` finds; raises `UnknownFileError`."""
        found = self.find(name)
        if found is None:
            raise UnknownFileError
        path, kind = found
        try:
            file = path.open("rb")
        except OSError:
            raise UnknownFileError from None
        status = os.fstat(file.fileno())
        tag = f'"{status.st_ino:x}-{status.st_mtime_ns:x}-{status.st_size:x}"'
        return Reference(file, status.st_size, kind, tag)
