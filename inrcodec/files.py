"""Files of callers: all bytes of a path, a file object or a buffer, and bytes written to a path."""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from inrcodec.errors import InputError, InrCodecError, OutputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

EXTENSIONS = (".inr", ".nif")
"""Endings of the names of files of this format; the first is that of new files."""

MAX_FILE_BYTES = 1 << 30
"""Largest file read, in bytes, be it an image or a file of this format."""

CHUNK_BYTES = 1 << 20
"""Bytes asked for at once: a stream that ends early never costs memory for the limit."""


DESCRIPTORS = ("/dev/fd", "/proc/self/fd")
"""Folders of the process's open descriptors."""


class Readable(Protocol):
    """A binary file object, or whatever else has a `read` that gives bytes until it gives b""."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes."""
        ...


Source: TypeAlias = (
    "str | os.PathLike[str] | bytes | bytearray | memoryview | NDArray[np.uint8] | Readable"
)


def name_of(source: object) -> str | None:
    """The name of the file, for messages; None for what has no name."""
    return os.fsdecode(source) if isinstance(source, (str, os.PathLike)) else None


def read_bytes(
    source: Source, *, limit: int = MAX_FILE_BYTES, error: type[InrCodecError] = InputError
) -> bytes:
    """Read a path (str or PathLike), a binary file object from where it stands, or a buffer.

    A file object is read until it ends, however little each `read` returns. A buffer is bytes,
    bytearray, or a contiguous memoryview or array of one-byte items. Raises `error`, with the
    path's name, for what cannot be read and for more than `limit` bytes; a regular file or a buffer
    over the limit is refused before any of it is copied.
    """
    try:
        if isinstance(source, (str, os.PathLike)):
            with open(source, "rb") as file:
                status = os.fstat(file.fileno())
                if stat.S_ISREG(status.st_mode):
                    _check_size(status.st_size, limit)
                return _read_to_end(file, limit)
        if hasattr(source, "read"):
            return _read_to_end(source, limit)
        return _copied(source, limit)
    except _UnusableSource as failure:
        raise error(str(failure)).about(name_of(source)) from None
    except (OSError, ValueError) as failure:
        reason = getattr(failure, "strerror", None) or failure
        raise error(f"cannot be read: {reason}").about(name_of(source)) from failure


class _UnusableSource(Exception):
    """Why a source is refused; becomes the caller's kind of error."""


def _check_size(size: int, limit: int) -> None:
    if size > limit:
        raise _UnusableSource(f"larger than {limit} bytes")


def _read_to_end(file: Any, limit: int) -> bytes:
    """The rest of a file object, never holding more than the limit and one byte."""
    parts: list[bytes] = []
    total = 0
    while total <= limit:
        part = file.read(min(CHUNK_BYTES, limit + 1 - total))
        if not isinstance(part, (bytes, bytearray, memoryview)):
            raise _UnusableSource(
                f"expected a file object that gives bytes (mode 'rb'), got {type(part).__name__}"
            )
        if not part:
            return b"".join(parts)
        parts.append(bytes(part))
        total += len(parts[-1])
    raise _UnusableSource(f"larger than {limit} bytes")


def _copied(source: Any, limit: int) -> bytes:
    """The bytes of a buffer; bytes themselves are not copied."""
    try:
        view = memoryview(source)
    except TypeError:
        raise _UnusableSource(
            f"expected a path, a file object or bytes, got {type(source).__name__}"
        ) from None
    if view.itemsize != 1 or not view.contiguous:
        raise _UnusableSource(
            f"expected contiguous one-byte items, got {type(source).__name__} of "
            f"{view.itemsize}-byte items"
        )
    _check_size(view.nbytes, limit)
    return source if isinstance(source, bytes) else view.tobytes()


def is_stream(path: str | os.PathLike[str]) -> bool:
    """Whether a name is that of a pipe, a device or an open descriptor such as /dev/stdout.

    What is written there is appended; it is never replaced.
    """
    name = os.path.abspath(os.fspath(path))
    if name in ("/dev/stdout", "/dev/stderr") or os.path.dirname(name) in DESCRIPTORS:
        return os.path.exists(name)
    try:
        mode = os.stat(name).st_mode
    except (OSError, ValueError):
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def is_dangling(path: str | os.PathLike[str]) -> bool:
    """Whether a name is that of a link to what does not exist."""
    return os.path.islink(path) and not os.path.exists(path)


def write_bytes(
    path: str | os.PathLike[str],
    data: bytes,
    *,
    replace: bool = True,
    temporary: str | None = None,
) -> None:
    """Write a file, all of it or nothing: to a temporary file beside it, which then takes its name.

    An existing file is replaced and keeps its owner, group and mode, or is refused unless
    `replace`, also if it appears at the last moment; where they cannot be kept it is written in
    place, as by `cp`. A link stays a link, one to nothing is refused, missing folders are made, and
    a pipe or a device is written to. The temporary file has a random name, or the one given. Raises
    `OutputError`.
    """
    try:
        if is_stream(path):
            with open(path, "ab") as stream:
                stream.write(data)
            return
        if is_dangling(path):
            raise OutputError(f"{os.fspath(path)}: is a link to a file that does not exist")
        target = Path(os.path.realpath(path))
        target.parent.mkdir(parents=True, exist_ok=True)
        _place(target, data, replace, temporary or f".inrcodec-{secrets.token_hex(8)}")
    except BrokenPipeError:
        raise
    except FileExistsError:
        raise OutputError(f"{os.fspath(path)}: exists already and is not replaced") from None
    except (OSError, ValueError) as failure:
        reason = getattr(failure, "strerror", None) or failure
        raise OutputError(f"{os.fspath(path)}: cannot be written: {reason}") from None


def _place(target: Path, data: bytes, replace: bool, name: str) -> None:
    """Put a regular file under a name, with the owner, group and mode of the one it replaces."""
    before = target.stat() if target.exists() else None
    if before is not None and not replace:
        raise FileExistsError(target)
    temporary = target.with_name(name)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    try:
        handle = os.open(temporary, flags, 0o666)
    except PermissionError:  # of the folder; the file itself may be ours to write
        if before is None:
            raise
        _overwrite(target, data)
        return
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            alike = before is None or _as_before(file.fileno(), before)
            os.fsync(file.fileno())
        if not alike:
            _overwrite(target, data)
        elif replace:
            os.replace(temporary, target)
        else:
            _take_name(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def _as_before(handle: int, before: os.stat_result) -> bool:
    """Give a file the owner, group and mode of another; whether that was allowed."""
    if not hasattr(os, "fchown"):
        return True
    now = os.fstat(handle)
    if (now.st_uid, now.st_gid) != (before.st_uid, before.st_gid):
        try:
            os.fchown(handle, before.st_uid, before.st_gid)
        except PermissionError:
            return False
    os.fchmod(handle, before.st_mode & 0o777)
    return True


def _overwrite(target: Path, data: bytes) -> None:
    """Write into the file that is there."""
    with open(target, "r+b") as file:
        file.write(data)
        file.truncate()
        file.flush()
        os.fsync(file.fileno())


def _take_name(temporary: Path, target: Path) -> None:
    """Give a file a name that must be free; raises `FileExistsError` if it is taken."""
    try:
        os.link(temporary, target)
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
        os.replace(temporary, target)
