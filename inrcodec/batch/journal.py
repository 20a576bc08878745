"""The journal of a batch: what was made of what, in a file beside the results.

A line is written before a result takes its name and another one afterwards. So whenever a batch is
killed, the journal knows every result that is there, and a result that it does not know is not its
own. A result counts as done if the file is there and is what a line says, so a lost or torn line
costs one result made anew, and never leaves a wrong one.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from inrcodec.errors import OutputError

NAME = ".inrcodec-journal.jsonl"
VERSION = 1

Marks = tuple[int, int, int]
"""Size of a file in bytes, and the times of its last modification and of the last change of its
status, both in nanoseconds."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a file holds, as its SHA-256, and the marks it had; None while it has no name yet."""

    sha256: str
    marks: Marks | None = None

    @classmethod
    def of(cls, data: bytes, marks: Marks | None = None) -> Stamp:
        """The stamp of bytes."""
        return cls(hashlib.sha256(data).hexdigest(), marks)

    def fits(self, path: str) -> bool:
        """Whether a file holds this: it is read only if its marks are not those it had."""
        try:
            now = marks_of(path)
            if self.marks is not None and now[0] != self.marks[0]:
                return False
            return now == self.marks or sha256_of(path) == self.sha256
        except OSError:
            return False


def marks_of(path: str) -> Marks:
    """The marks of a file; raises `OSError`."""
    status = os.stat(path)
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns


def sha256_of(path: str) -> str:
    """The SHA-256 of a file's bytes; raises `OSError`."""
    found = hashlib.sha256()
    with open(path, "rb") as file:
        while part := file.read(1 << 20):
            found.update(part)
    return found.hexdigest()


def _hash_of(options: Mapping[str, object]) -> str:
    """The SHA-256 of options by name, which are numbers, texts, bytes, tuples of them or None."""
    plain = {k: v.hex() if isinstance(v, bytes) else v for k, v in options.items()}
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Entry:
    """One line: which result was made of which input, with which options (their hash)."""

    result: str
    input: Stamp
    options: str
    output: Stamp

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Entry:
        """Read a line; raises `KeyError`, `TypeError` or `ValueError` for anything else."""
        stamps = []
        for name in ("input", "output"):
            sha256, marks = value[name]["sha256"], value[name]["marks"]
            if marks is not None:
                size, modified, changed = map(int, marks)
                marks = size, modified, changed
            stamps.append(Stamp(str(sha256), marks))
        return cls(str(value["result"]), stamps[0], str(value["options"]), stamps[1])


class Journal:
    """The journal in a folder of results, which this makes and holds until it is closed.

    `options` are all that a result depends on beside its input; `options_hash` is their hash.
    Raises `OutputError` for a folder that cannot be written to, for one that another batch holds,
    and for a file of this name that is no journal.
    """

    def __init__(self, folder: str, options: Mapping[str, object]) -> None:
        self.folder, self.path = folder, os.path.join(folder, NAME)
        self.options_hash = _hash_of(options)
        self._entries: dict[str, dict[tuple[str, ...], Entry]] = {}
        self._made, self._is_empty = not os.path.isdir(folder), True
        try:
            Path(folder).mkdir(parents=True, exist_ok=True)
            self._file = open(self.path, "ab+")  # noqa: SIM115  held until `close`
        except OSError as error:
            reason = error.strerror or error
            raise OutputError(f"cannot be written: {reason}").about(self.path) from None
        try:
            self._lock()
            self.temporary = self._read()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def entries(self, result: str) -> list[Entry]:
        """Those entries of a result that the file had when it was opened, the oldest first; of some
        that differ in marks alone, the last."""
        return list(self._entries.get(result, {}).values())

    def add(self, entry: Entry) -> None:
        """Write an entry, as one line at the end of the file; raises `OutputError`.

        One whose result has no name yet is on the disk when this returns, before the result is."""
        self._write(asdict(entry), on_disk=entry.output.marks is None)
        self._is_empty = False

    def close(self) -> None:
        """Close the file; a journal without entries leaves nothing behind."""
        if self._is_empty and not self._file.closed:
            with suppress(OSError):
                os.unlink(self.path)
                if self._made:
                    os.rmdir(self.folder)
        with suppress(OSError):  # a full disk, which `add` told of
            self._file.close()

    def _lock(self) -> None:
        """Keep other batches out, where the system can: the lock ends with the process."""
        try:
            import fcntl
        except ImportError:
            return
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OutputError("another batch writes to this folder").about(self.folder) from None
        except OSError:  # a file system without locks
            return

    def _read(self) -> str:
        """Read the entries; return the name of temporary files, by which those of a batch that was
        killed are known. A last line that was cut short is dropped."""
        self._file.seek(0)
        data = self._file.read()
        whole = data.rfind(b"\n") + 1
        if whole < len(data):
            self._file.truncate(whole)
        lines = data[:whole].splitlines()
        if not lines:
            temporary = f".inrcodec-{secrets.token_hex(8)}"
            self._write({"journal": VERSION, "temporary": temporary})
            return temporary
        for number, line in enumerate(lines, 1):
            try:
                value = json.loads(line)
                if number == 1:
                    temporary = _name_of_temporary(value)
                    continue
                entry = Entry.from_json(value)
            except (ValueError, KeyError, TypeError, RecursionError):
                raise OutputError(
                    f"line {number} is none of a journal; remove the file to begin anew"
                ).about(self.path) from None
            of_result = self._entries.setdefault(entry.result, {})
            key = entry.input.sha256, entry.options, entry.output.sha256
            of_result.pop(key, None)
            of_result[key] = entry
            self._is_empty = False
        return temporary

    def _write(self, value: Mapping[str, object], on_disk: bool = False) -> None:
        """Write one line."""
        try:
            self._file.write(json.dumps(value).encode() + b"\n")
            self._file.flush()
            if on_disk:
                os.fsync(self._file.fileno())
        except OSError as error:
            raise OutputError(f"cannot be written: {error.strerror}").about(self.path) from None


def _name_of_temporary(first: dict[str, Any]) -> str:
    """The name in the first line of a journal; raises `ValueError` for another line."""
    name = str(first["temporary"])
    if first["journal"] != VERSION or os.path.basename(name) != name or not name:
        raise ValueError(first)
    return name
