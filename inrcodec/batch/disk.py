"""Files of this machine."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Hashable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from inrcodec.batch.storage import LOG, Log, Marks, Place
from inrcodec.errors import OutputError
from inrcodec.files import is_dangling, read_bytes, write_bytes


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
