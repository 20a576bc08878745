"""What of a batch is left to do, told before any work."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace

from inrcodec.batch.inputs import Item
from inrcodec.batch.journal import Entry, Journal, marks_of
from inrcodec.errors import InputError, InrCodecError, OutputError
from inrcodec.files import is_dangling


@dataclass(frozen=True, slots=True)
class Task:
    """A result that is to be made: `output` is its path, `size_bytes` that of the input; `replace`
    says that a file which is there may be replaced."""

    item: Item
    output: str
    size_bytes: int
    replace: bool


@dataclass(slots=True)
class Plan:
    """Tasks, items that are done, and errors of items that cannot be done."""

    tasks: list[Task] = field(default_factory=list)
    skipped: list[Item] = field(default_factory=list)
    failed: list[tuple[Item, InrCodecError]] = field(default_factory=list)


def plan_of(
    items: list[Item],
    journal: Journal,
    *,
    force: bool = False,
    if_newer: bool = False,
) -> Plan:
    """Sort items into what is done and what is to do.

    An item is done if the journal says that the file in its place was made of the same input with
    the same options. With `if_newer` it is done if that file is not older than the input, whoever
    made it. A file that is there and no result of the journal, or was changed since, is replaced
    with `force` alone. Raises `OutputError` where a result would replace an input of the batch.
    """
    plan = Plan()
    identities = dict(_identities(items))
    for item in items:
        output = os.path.join(journal.folder, *item.result.split("/"))
        own = identities.get(_identity(output) or (-1, -1))
        if own is not None:
            raise OutputError(f"{output}: is an input itself, {own}")
        try:
            marks = marks_of(item.input)
            todo = _is_to_do(item, output, marks[1], journal, if_newer)
            if todo is None:
                plan.skipped.append(item)
                continue
            if not (todo or force):
                raise OutputError(f"{output}: exists already; use --force to replace it")
        except OSError as error:
            reason = InputError(f"cannot be read: {error.strerror}").about(item.input)
            plan.failed.append((item, reason))
            continue
        except InrCodecError as error:
            plan.failed.append((item, error))
            continue
        if journal.entries(item.result):  # it may have been killed while it wrote
            folder_of = os.path.dirname(os.path.realpath(output))
            with suppress(OSError):
                os.unlink(os.path.join(folder_of, journal.temporary))
        plan.tasks.append(Task(item, output, marks[0], force or os.path.lexists(output)))
    return plan


def _is_to_do(
    item: Item, output: str, modified: int, journal: Journal, if_newer: bool
) -> bool | None:
    """None for what is done, else whether it may be written without force."""
    if is_dangling(output):
        raise OutputError(f"{output}: is a link to a file that does not exist")
    if os.path.isdir(output):
        raise OutputError(f"{output}: is a folder")
    if not os.path.exists(output):
        return True
    if if_newer and marks_of(output)[1] >= modified:
        return None
    is_ours = False
    for entry in reversed(journal.entries(item.result)):
        if not entry.output.fits(output):
            continue
        is_ours = True
        if if_newer:
            break
        if entry.options == journal.options_hash and entry.input.fits(item.input):
            _note_marks(entry, item, output, journal)
            return None
    return is_ours


def _note_marks(entry: Entry, item: Item, output: str, journal: Journal) -> None:
    """Keep the marks that both files have now, so that the next batch need not read them."""
    now = replace(
        entry,
        input=replace(entry.input, marks=marks_of(item.input)),
        output=replace(entry.output, marks=marks_of(output)),
    )
    if now != entry:
        journal.add(now)


def _identities(items: list[Item]) -> Iterator[tuple[tuple[int, int], str]]:
    """The device and number of each input, and its path."""
    for item in items:
        identity = _identity(item.input)
        if identity is not None:
            yield identity, item.input


def _identity(path: str) -> tuple[int, int] | None:
    """The device and number of a file; None if there is none."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino
