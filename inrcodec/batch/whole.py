"""A file about all results of a batch, which every run writes anew: the index of a set of pages."""

from __future__ import annotations

from contextlib import suppress

from inrcodec.batch.journal import Entry, Journal, Stamp
from inrcodec.batch.storage import reason_of
from inrcodec.errors import OutputError
from inrcodec.workers import ctrl_c_held_back


def check_whole(journal: Journal, name: str, *, force: bool) -> None:
    """Raise `OutputError`, before any work, where a file of this name is not the journal's own."""
    path = journal.place.join(journal.folder, name)
    journal.place.check_writable(path)
    try:
        marks = journal.place.marks(path)
    except FileNotFoundError:
        return
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {reason_of(error)}") from None
    if not (force or journal.own_entries(name, path, marks)):
        raise OutputError(f"{path}: exists already; use --force to replace it")


def write_whole(journal: Journal, name: str, data: bytes) -> str:
    """Write the file, which `check_whole` has allowed, unless it is what is there; return its path.
    Raises `OutputError`."""
    path = journal.place.join(journal.folder, name)
    stamp = Stamp.of(data)
    with suppress(OSError):
        own = journal.own_entries(name, path, journal.place.marks(path))
        if any(entry.output.sha256 == stamp.sha256 for entry in own):
            return path
    with ctrl_c_held_back():
        journal.add([Entry(name, (), journal.hash_of({}), stamp)])
        journal.place.write(path, data, replace=True, temporary=journal.temporary)
        try:
            marks = journal.place.marks(path)
        except OSError as error:  # someone has removed it already
            raise OutputError(f"{path}: cannot be read: {reason_of(error)}") from None
        journal.add([Entry(name, (), journal.hash_of({}), Stamp(stamp.sha256, marks))])
    return path
