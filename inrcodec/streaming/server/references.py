"""The images that files were made of, which the page measures quality against."""

from __future__ import annotations

from pathlib import Path

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


class References:
    """The images of a folder: that of photo.inr is photo.png, or photo.jpg and so on.

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
            if path.is_file() and path.stat().st_size <= MAX_BYTES:
                return path, kind
        return None

    def checked(self, name: str) -> tuple[Path, str]:
        """Return (path, type) as `find` does; raises `UnknownFileError`."""
        found = self.find(name)
        if found is None:
            raise UnknownFileError
        return found
