"""Files behind URLs that fsspec opens: `s3://`, `gs://`, `memory://` and others."""

from __future__ import annotations

import errno
import hashlib
import logging
import time
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Any, TypeVar

from inrcodec import extras
from inrcodec.batch.storage import Log, Marks, Place, reason_of
from inrcodec.batch.store_log import StoreLog
from inrcodec.errors import InputError, MissingExtraError, OptionError, OutputError
from inrcodec.files import MAX_FILE_BYTES

T = TypeVar("T")

PACKAGES = {
    "s3": ("s3fs", "s3"),
    "s3a": ("s3fs", "s3"),
    "gs": ("gcsfs", "gcs"),
    "gcs": ("gcsfs", "gcs"),
}
"""The package that opens a scheme, and the extra that installs it."""

LOGGERS = ("s3fs", "gcsfs", "google.auth")
"""What these say, errors say too: without credentials they would log dozens of lines."""

MODIFIED = ("LastModified", "mtime", "updated", "last_modified", "modified", "created")
TAGS = ("ETag", "etag", "md5Hash", "generation")
"""Under which of these names storage tells the time of a change, and a mark of the content."""

TRIES, PAUSE_S = 3, 0.2
"""How often a call is made whose failure may pass, and the pause after the first time, which
doubles. The packages of `PACKAGES` try again by themselves."""
FINAL = (FileNotFoundError, PermissionError, FileExistsError, IsADirectoryError, NotADirectoryError)
"""Failures that do not pass."""


@contextmanager
def _as_os_errors() -> Iterator[None]:
    """Storage raises what its libraries raise; a caller expects `OSError`."""
    try:
        yield
    except OSError:
        raise
    except Exception as error:
        raise OSError(errno.EIO, str(error) or type(error).__name__) from error


def _tried(call: Callable[[], T], tries: int) -> T:
    """What a call returns; tried again while its failure may pass. Raises `OSError`."""
    pause_s = PAUSE_S
    for _ in range(tries - 1):
        try:
            with _as_os_errors():
                return call()
        except FINAL:
            raise
        except OSError:
            time.sleep(pause_s)
            pause_s *= 2
    with _as_os_errors():
        return call()


def _marks_in(about: Mapping[str, Any]) -> Marks:
    """The marks in what storage says of an object; raises `OSError` for a folder."""
    if about.get("type") == "directory":
        raise IsADirectoryError(errno.EISDIR, "Is a directory")
    when = next((about[key] for key in MODIFIED if about.get(key) is not None), 0)
    if isinstance(when, str):
        when = datetime.fromisoformat(when.replace("Z", "+00:00"))
    seconds = when.timestamp() if isinstance(when, datetime) else float(when)
    tag = next((str(about[key]) for key in TAGS if about.get(key)), "")
    number = int(hashlib.sha256(tag.encode()).hexdigest()[:12], 16)
    return int(about.get("size") or 0), round(seconds * 1e9), number


class Store(Place):
    """All files of one scheme. Their settings and credentials are those that fsspec and the
    package of the scheme find, in the environment or in their own files."""

    at_once = 16

    def __init__(self, scheme: str) -> None:
        self._scheme, self.is_shared = scheme, scheme != "memory"
        fsspec = extras.require("fsspec", extra="cluster")
        if scheme in PACKAGES:
            package, extra = PACKAGES[scheme]
            extras.require(package, extra=extra)
            for name in LOGGERS:
                if logging.getLogger(name).level == logging.NOTSET:
                    logging.getLogger(name).setLevel(logging.CRITICAL)
        try:
            self._files = fsspec.filesystem(scheme)
        except ImportError as error:
            raise MissingExtraError(f"{scheme}:// URLs need another package: {error}") from None
        except ValueError:
            raise OptionError(f"{scheme}:// is no kind of URL that fsspec opens") from None
        except Exception as error:  # as of credentials that are sought at once
            raise InputError(f"{scheme}:// cannot be opened: {error}") from error

    def _tried(self, call: Callable[[], T]) -> T:
        return _tried(call, 1 if self._scheme in PACKAGES else TRIES)

    def join(self, folder: str, result: str) -> str:
        """With "/" between."""
        return f"{folder.rstrip('/')}/{result}"

    def identity(self, path: str) -> Hashable | None:
        """The name without what may be left out of it."""
        return self._scheme, self._files._strip_protocol(path)

    def marks(self, path: str) -> Marks:
        """Asked of the storage anew."""
        return _marks_in(self._tried(lambda: self._files.info(path, refresh=True)))

    def marks_of_all(self, paths: Iterable[str]) -> Mapping[str, Marks | OSError]:
        """Each folder is listed once, which is a request for a thousand files."""
        folders: dict[str, Mapping[str, Any] | OSError] = {}
        found: dict[str, Marks | OSError] = {}
        for path in paths:
            folder = path.rpartition("/")[0]
            if folder not in folders:
                folders[folder] = self._listed(folder)
            listed = folders[folder]
            try:
                if isinstance(listed, OSError):
                    raise listed
                about = listed.get(self._files._strip_protocol(path))
                if about is None:
                    raise FileNotFoundError(errno.ENOENT, "No such file or directory")
                found[path] = _marks_in(about)
            except OSError as error:
                found[path] = error
        return found

    def _listed(self, folder: str) -> Mapping[str, Any] | OSError:
        """What storage says of each object of a folder, by its name without a scheme."""
        try:
            rows = self._tried(lambda: self._files.ls(folder, detail=True, refresh=True))
        except OSError as error:
            return error
        return {row["name"]: row for row in rows}

    def below(self, folder: str, depth: int | None) -> list[tuple[str, tuple[str, ...]]]:
        """Sorted (URL, parts of it below the folder) of all files down to so many levels; hidden
        ones are left out. Raises `OSError`."""
        base = self._files._strip_protocol(folder).rstrip("/")

        def found() -> Mapping[str, Any]:
            self._files.invalidate_cache()
            rows: Mapping[str, Any] = self._files.find(folder, maxdepth=depth, detail=True)
            return rows

        files = []
        for name in sorted(self._tried(found)):
            parts = tuple(name[len(base) :].strip("/").split("/"))
            if name != base and not any(part.startswith(".") for part in parts):
                files.append((self.join(folder, "/".join(parts)), parts))
        return files

    def is_folder(self, name: str) -> bool:
        """Whether there are files below this name; raises `OSError`."""

        def asked() -> bool:
            self._files.invalidate_cache()
            return bool(self._files.isdir(name))

        return self._tried(asked)

    def sha256(self, path: str) -> str:
        """All bytes are fetched."""
        return hashlib.sha256(self._tried(lambda: self._bytes(path))).hexdigest()

    def _bytes(self, path: str) -> bytes:
        data: bytes = self._files.cat_file(path)
        return data

    def read(self, path: str) -> bytes:
        """Refuse what is too large before it is fetched."""
        try:
            if self.marks(path)[0] > MAX_FILE_BYTES:
                raise InputError(f"larger than {MAX_FILE_BYTES} bytes").about(path)
            return self._tried(lambda: self._bytes(path))
        except OSError as error:
            raise InputError(f"cannot be read: {reason_of(error)}").about(path) from error

    def check_writable(self, path: str) -> None:
        """Any name will do."""

    def write(self, path: str, data: bytes, *, replace: bool, temporary: str) -> None:
        """An object is there whole or not at all; of two that write one, a name that must be free
        goes to the first."""
        try:
            self.put(path, data, replace=replace)
        except FileExistsError:
            raise OutputError(f"{path}: exists already and is not replaced") from None
        except OSError as error:
            raise OutputError(f"{path}: cannot be written: {reason_of(error)}") from None

    def put(self, path: str, data: bytes, *, replace: bool) -> None:
        """Write an object; raises `FileExistsError` for one that is there unless `replace`, and
        `OSError`. One that holds these very bytes is ours: the answer to a first try was lost."""
        if replace:
            self._tried(lambda: self._files.pipe_file(path, data))
            return
        try:
            self._tried(lambda: self._create(path, data))
        except OSError as error:
            if error.errno == errno.ENOSYS:  # storage that cannot tell
                self._tried(lambda: self._files.pipe_file(path, data))
                return
            with suppress(OSError):
                if self.marks(path)[0] != len(data) or self._bytes(path) != data:
                    raise FileExistsError(errno.EEXIST, "exists already") from None
                return
            raise

    def _create(self, path: str, data: bytes) -> None:
        """Make an object; one that is there is not tried again."""
        try:
            with _as_os_errors():
                self._files.pipe_file(path, data, mode="create")
        except FINAL:
            raise
        except OSError as error:
            if self._files.exists(path, refresh=True):
                raise FileExistsError(errno.EEXIST, "exists already") from error
            raise

    def remove_temporary(self, path: str, temporary: str) -> None:
        """There is none."""

    def log(self, folder: str) -> Log:
        """A folder of parts."""
        return StoreLog(self, folder)

    def remove(self, paths: list[str]) -> None:
        """Remove objects; raises `OSError`."""
        with _as_os_errors():
            for path in paths:
                self._files.rm_file(path)

    def parts_of(self, folder: str) -> dict[str, bytes]:
        """The contents of all objects of a folder by their names in it; raises `OSError`."""
        listed = self._listed(folder)
        if isinstance(listed, FileNotFoundError):
            return {}
        if isinstance(listed, OSError):
            raise listed
        names = [name for name, about in listed.items() if about.get("type") != "directory"]
        contents: Mapping[str, bytes] = self._tried(lambda: self._files.cat(names)) if names else {}
        return {name.rpartition("/")[2]: contents[name] for name in names}
