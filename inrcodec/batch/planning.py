"""What of a batch is left to do, told before any work."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from inrcodec.batch.inputs import Item
from inrcodec.batch.journal import Entry, Journal
from inrcodec.batch.places import place_of
from inrcodec.batch.storage import Marks, reason_of
from inrcodec.errors import InputError, InrCodecError, OutputError


@dataclass(frozen=True, slots=True)
class Task:
    """A result that is to be made: `output` is its path, `size_bytes` that of the inputs; `replace`
    says that a file which is there may be replaced."""

    item: Item
    output: str
    size_bytes: int
    replace: bool


@dataclass(slots=True)
class Plan:
    """Tasks, items that are done, and errors of items that cannot be done.

    `reports` are those that the journal keeps of results that are done.
    """

    tasks: list[Task] = field(default_factory=list)
    skipped: list[Item] = field(default_factory=list)
    reports: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    failed: list[tuple[Item, InrCodecError]] = field(default_factory=list)


def plan_of(
    items: list[Item],
    journal: Journal,
    *,
    force: bool = False,
    if_newer: bool = False,
) -> Plan:
    """Sort items into what is done and what is to do.

    An item is done if the journal says that the file in its place was made of the same inputs with
    the same options. With `if_newer` it is done if that file is not older than the inputs, whoever
    made it. A file that is there and no result of the journal, or was changed since, is replaced
    with `force` alone. Raises `OutputError` where a result would replace an input of the batch.
    """
    plan, place, noted = Plan(), journal.place, list[Entry]()
    outputs = {item.result: place.join(journal.folder, item.result) for item in items}
    _check_apart(items, outputs.values())
    of_inputs = _marks_of_all(name for item in items for name in item.inputs)
    of_outputs = _marks_of_all(outputs.values())
    for item in items:
        output = outputs[item.result]
        try:
            marks = tuple(_known(of_inputs, name) for name in item.inputs)
            place.check_writable(output)
            there = _there(of_outputs[output], output)
            if there is not None:
                is_done, entry = _state(item, output, marks, there, journal, if_newer, force)
                if is_done:
                    plan.skipped.append(item)
                    if entry is not None:
                        plan.reports[item.result] = entry.report or {}
                        now = _with_marks(entry, marks, there)
                        noted += [now] if now != entry else []
                    continue
        except InrCodecError as error:
            plan.failed.append((item, error))
            continue
        if journal.entries(item.result):  # it may have been killed while it wrote
            place.remove_temporary(output, journal.temporary)
        size_bytes = sum(size for size, *_ in marks)
        plan.tasks.append(Task(item, output, size_bytes, force or there is not None))
    journal.add(noted)
    return plan


def _there(found: Marks | OSError, output: str) -> Marks | None:
    """The marks of an output, None if it is not there; raises `OutputError`."""
    if isinstance(found, FileNotFoundError):
        return None
    if isinstance(found, OSError):
        raise OutputError(f"{output}: cannot be written: {reason_of(found)}")
    return found


def _state(
    item: Item,
    output: str,
    marks: tuple[Marks, ...],
    there: Marks,
    journal: Journal,
    if_newer: bool,
    force: bool,
) -> tuple[bool, Entry | None]:
    """Whether a result that is there is done, and its entry where that says so; raises
    `OutputError` for a file that may not be replaced."""
    if if_newer and there[1] >= max(modified for _, modified, _ in marks):
        return True, None
    own = journal.own_entries(item.result, output, there)
    entry = None if if_newer else _made_of(own, item, marks, journal)
    if entry is None and not (own or force):
        raise OutputError(f"{output}: exists already; use --force to replace it")
    return entry is not None, entry


def _made_of(
    own: list[Entry], item: Item, inputs: tuple[Marks, ...], journal: Journal
) -> Entry | None:
    """The entry of these inputs and options among those of the file that is there."""
    options = journal.hash_of(item.options)
    for entry in own:
        lacks_report = journal.keeps_reports and entry.report is None
        if entry.options == options and not lacks_report and _fit(entry, item, inputs):
            return entry
    return None


def _fit(entry: Entry, item: Item, inputs: tuple[Marks, ...]) -> bool:
    """Whether an entry is that of these inputs."""
    return len(entry.inputs) == len(inputs) and all(
        stamp.fits(name, marks)
        for stamp, name, marks in zip(entry.inputs, item.inputs, inputs, strict=True)
    )


def _with_marks(entry: Entry, inputs: tuple[Marks, ...], there: Marks) -> Entry:
    """An entry with other marks."""
    return replace(
        entry,
        inputs=tuple(
            replace(stamp, marks=marks) for stamp, marks in zip(entry.inputs, inputs, strict=True)
        ),
        output=replace(entry.output, marks=there),
    )


def _marks_of_all(names: Iterable[str]) -> dict[str, Marks | OSError]:
    """The marks of files in any places."""
    by_place: dict[object, list[str]] = {}
    for name in dict.fromkeys(names):
        by_place.setdefault(place_of(name), []).append(name)
    found: dict[str, Marks | OSError] = {}
    for group in by_place.values():
        found.update(place_of(group[0]).marks_of_all(group))
    return found


def _known(marks: Mapping[str, Marks | OSError], name: str) -> Marks:
    """The marks of an input; raises `InputError`."""
    found = marks[name]
    if isinstance(found, OSError):
        raise InputError(f"cannot be read: {reason_of(found)}").about(name)
    return found


def _check_apart(items: list[Item], outputs: Iterable[str]) -> None:
    """Raise `OutputError` for an output that is an input."""
    identities: dict[Hashable, str] = {}
    for item in items:
        for name in item.inputs:
            identity = place_of(name).identity(name)
            if identity is not None:
                identities[identity] = name
    for output in outputs:
        own = identities.get(place_of(output).identity(output))
        if own is not None:
            raise OutputError(f"{output}: is an input itself, {own}")
