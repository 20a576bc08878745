"""Reading the tables of data sets, with the place of what is wrong in the error."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from inrcodec.errors import InputError

MAX_TABLE_BYTES = 1 << 26
Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a table: its number from 1 on, and its values by column."""

    table: Path
    number: int
    values: dict[str, str]

    def text(self, *columns: str) -> str:
        """The value of the first of these columns that there is; raises `InputError`."""
        for column in columns:
            if self.values.get(column):
                return self.values[column].strip()
        raise self.error(f"has no {' or '.join(columns)}")

    def number_in(self, *columns: str, low: float = -1e9, high: float = 1e9) -> float:
        """A number of one of these columns, in [low, high]; raises `InputError`."""
        text = self.text(*columns)
        try:
            value = float(text)
        except ValueError:
            value = low - 1
        if not low <= value <= high:
            raise self.error(f"should have a number in {columns[0]}, has {text[:40]!r}")
        return value

    def error(self, what: str) -> InputError:
        """The error that says what is wrong in this line."""
        return InputError(f"{self.table}: line {self.number} {what}")


def comma_lines(table: Path) -> list[Line]:
    """The lines of a CSV with a head; names of columns in small letters."""
    rows = csv.reader(_text(table).splitlines())
    head = [name.strip().lower() for name in next(rows, [])]
    return [
        Line(table, number, dict(zip(head, row, strict=False)))
        for number, row in enumerate(rows, 2)
        if row
    ]


def plain_lines(table: Path, *columns: str) -> list[Line]:
    """The lines of a text without a head, its values parted by spaces or commas."""
    lines = []
    for number, text in enumerate(_text(table).splitlines(), 1):
        parts = text.replace(",", " ").split()
        if parts:
            lines.append(Line(table, number, dict(zip(columns, parts, strict=False))))
    return lines


def _text(table: Path) -> str:
    """A table as text; raises `InputError`."""
    try:
        if table.stat().st_size > MAX_TABLE_BYTES:
            raise InputError(f"{table}: larger than {MAX_TABLE_BYTES} bytes")
        return table.read_text("utf-8-sig")
    except OSError as error:
        raise InputError(f"{table}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InputError(f"{table}: not a text") from None


class Files:
    """The files below a folder, found by names in whatever case a table has them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        found = (Path(base) / name for base, _, names in os.walk(folder) for name in names)
        self._paths = {str(path.relative_to(folder)).lower(): path for path in found}

    def at(self, *places: str) -> Path | None:
        """The file at the first of these places that there is."""
        places = tuple(str(Path(place)).lower() for place in places)
        return next((self._paths[place] for place in places if place in self._paths), None)

    def below(self, folder: str, ending: str) -> list[Path]:
        """The files whose path below the folder begins and ends so, sorted."""
        start = folder.lower()
        paths = self._paths.items()
        return sorted(p for name, p in paths if name.startswith(start) and name.endswith(ending))


def all_there(
    table: Path, lines: Iterable[Line], made: Callable[[Line], Item | str]
) -> Iterator[Item]:
    """Make an item of every line; raise one `InputError` for all that name a missing file.

    `made` returns the missing file in place of an item. Raises `InputError` for no line at all.
    """
    missing: list[tuple[Line, str]] = []
    count = 0
    items = []
    for line in lines:
        count += 1
        item = made(line)
        if isinstance(item, str):
            missing.append((line, item))
        else:
            items.append(item)
    if missing:
        line, name = missing[0]
        raise line.error(
            f"names {name}, which is not there ({len(missing)} of {count} lines do not fit the "
            "folder)"
        )
    if not items:
        raise InputError(f"{table}: holds no opinions")
    yield from items
