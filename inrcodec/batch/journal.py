"""The journal of a batch: what was made of what, in a log beside the results.

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
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from types import TracebackType
from typing import Any

from inrcodec.batch.places import place_of
from inrcodec.batch.storage import LOG, Marks, Place, reason_of
from inrcodec.errors import OutputError

NAME = LOG
VERSION = 2


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a file holds, as its SHA-256, and the marks it had; None while it has no name yet."""

    sha256: str
    marks: Marks | None = None

    @classmethod
    def of(cls, data: bytes, marks: Marks | None = None) -> Stamp:
        """The stamp of bytes."""
        return cls(hashlib.sha256(data).hexdigest(), marks)

    def fits(self, path: str, now: Marks) -> bool:
        """Whether a file with these marks holds this: it is read only if they are not those it
        had."""
        if self.marks is not None and now[0] != self.marks[0]:
            return False
        if now == self.marks:
            return True
        try:
            return place_of(path).sha256(path) == self.sha256
        except OSError:
            return False


def _hash_of(options: Mapping[str, object]) -> str:
    """The SHA-256 of options by name, which are numbers, texts, bytes, tuples of them or None."""
    plain = {k: v.hex() if isinstance(v, bytes) else v for k, v in options.items()}
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Entry:
    """One line: which result was made of which inputs, with which options (their hash), and in
    journals that keep it what was reported of it."""

    result: str
    inputs: tuple[Stamp, ...]
    options: str
    output: Stamp
    report: Mapping[str, Any] | None = None

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Entry:
        """Read a line; raises `KeyError`, `TypeError` or `ValueError` for anything else."""
        inputs = tuple(map(_stamp_of, value["inputs"]))
        output, report = _stamp_of(value["output"]), value["report"]
        if not (report is None or isinstance(report, dict)):
            raise ValueError(report)
        return cls(str(value["result"]), inputs, str(value["options"]), output, report)


def _stamp_of(value: dict[str, Any]) -> Stamp:
    """Read the stamp in a line."""
    sha256, marks = value["sha256"], value["marks"]
    if marks is not None:
        size, modified, changed = map(int, marks)
        marks = size, modified, changed
    return Stamp(str(sha256), marks)


class Journal:
    """The journal in a folder of results, which this makes and holds until it is closed.

    `options` are all that a result depends on beside its input; an item may have more of its own.
    With `keeps_reports` what is reported of a result is kept in it, and in memory; a result without
    its report then does not count as done.
    Raises `OutputError` for a folder that cannot be written to, for one that another batch holds,
    and for a file of this name that is no journal.
    """

    def __init__(
        self, folder: str, options: Mapping[str, object], *, keeps_reports: bool = False
    ) -> None:
        self.folder, self._options = folder, dict(options)
        self.keeps_reports = keeps_reports
        self.place: Place = place_of(folder)
        self._hashes: dict[tuple[tuple[str, object], ...], str] = {}
        self._entries: dict[str, dict[tuple[str, ...], Entry]] = {}
        self._is_empty = True
        self._log = self.place.log(folder)
        self.path = self._log.path
        try:
            self.temporary = self._read()
        except BaseException:
            self._log.close(discard=False)
            raise

    def hash_of(self, options: Mapping[str, object]) -> str:
        """The hash of the options of the batch and of those that an item has of its own."""
        key = tuple(sorted(options.items()))
        if key not in self._hashes:
            self._hashes[key] = _hash_of({**self._options, **options})
        return self._hashes[key]

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

    def own_entries(self, result: str, path: str, marks: Marks) -> list[Entry]:
        """The entries that say what the file now holds, whose marks these are, the newest first;
        none for a file that is no result of this journal."""
        return [e for e in reversed(self.entries(result)) if e.output.fits(path, marks)]

    def add(self, entries: Iterable[Entry]) -> None:
        """Write entries, as lines at the end of the file; raises `OutputError`.

        If the result of one has no name yet, all are on the disk when this returns, before those
        results are."""
        rows = list(entries)
        if rows:
            self._write(map(asdict, rows), any(row.output.marks is None for row in rows))
            self._is_empty = False

    def close(self) -> None:
        """Close the file; a journal without entries leaves nothing behind."""
        self._log.close(discard=self._is_empty)

    def _read(self) -> str:
        """Read the entries; return the name of temporary files, by which those of a batch that was
        killed are known."""
        lines = self._log.read().splitlines()
        if not lines:
            temporary = f".inrcodec-{secrets.token_hex(8)}"
            self._write([{"journal": VERSION, "temporary": temporary}])
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
            key = (*(stamp.sha256 for stamp in entry.inputs), entry.options, entry.output.sha256)
            of_result.pop(key, None)
            of_result[key] = entry
            self._is_empty = False
        return temporary

    def _write(self, values: Iterable[Mapping[str, object]], on_disk: bool = False) -> None:
        """Write lines."""
        lines = b"".join(json.dumps(value).encode() + b"\n" for value in values)
        try:
            self._log.append(lines, on_disk=on_disk)
        except OSError as error:
            reason = f"cannot be written: {reason_of(error)}"
            raise OutputError(reason).about(self.path) from None


def _name_of_temporary(first: dict[str, Any]) -> str:
    """The name in the first line of a journal; raises `ValueError` for another line."""
    name = str(first["temporary"])
    if first["journal"] != VERSION or os.path.basename(name) != name or not name:
        raise ValueError(first)
    return name
