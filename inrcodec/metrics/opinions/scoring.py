"""Score the images of a data set with metrics; what is done is kept, so a run can be stopped.

A row is one line of JSON: the image below the folder, and its metrics. A run measures only what
the rows lack.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from inrcodec.errors import ImageError, InputError, OptionError
from inrcodec.metrics.judge import Judge
from inrcodec.metrics.opinions.records import Choice, ChoiceSet, DataSet, RatedSet, Rating

Values = dict[str, dict[str, float]]
"""By image below the folder, then by metric."""


@dataclass(frozen=True, slots=True)
class Work:
    """What one reference takes: the images that are compared with it."""

    reference: Path
    images: tuple[Path, ...]


def some(data: DataSet, references: int | None) -> DataSet:
    """The same data set with so many references, evenly spread (None: all)."""
    if references is None:
        return data
    if references < 1:
        raise OptionError(f"a run needs a reference, got {references}")
    items: tuple[Rating, ...] | tuple[Choice, ...]
    items = data.ratings if isinstance(data, RatedSet) else data.choices
    every = sorted({item.reference for item in items})
    kept = {
        every[i] for i in np.linspace(0, len(every) - 1, min(references, len(every))).astype(int)
    }
    if isinstance(data, RatedSet):
        rated = tuple(r for r in data.ratings if r.reference in kept)
        return RatedSet(data.name, data.folder, rated, data.higher_is_better)
    chosen = tuple(c for c in data.choices if c.reference in kept)
    return ChoiceSet(data.name, data.folder, chosen)


def works(data: DataSet) -> list[Work]:
    """The comparisons of a data set, by reference, each image once."""
    found: dict[Path, dict[Path, None]] = {}
    if isinstance(data, RatedSet):
        for rating in data.ratings:
            found.setdefault(rating.reference, {})[rating.image] = None
    else:
        for choice in data.choices:
            found.setdefault(choice.reference, {}).update({choice.first: None, choice.second: None})
    return [Work(reference, tuple(images)) for reference, images in found.items()]


class Scores:
    """The metrics of every image of a data set, read from rows and measured where they lack.

    `path` is the file of rows, or None to keep them in memory alone. `settings` are those of
    `Judge` on which values depend; rows made with others do not count. Raises `InputError` for a
    file that holds no rows.
    """

    def __init__(
        self,
        data: DataSet,
        names: Sequence[str],
        path: Path | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        self._data, self._names, self._path = data, tuple(names), path
        self._settings = {k: v for k, v in (settings or {}).items() if v is not None}
        self._values: Values = {} if path is None else self._read(path)

    def missing(self) -> list[Work]:
        """What is to be measured."""
        return [
            Work(work.reference, left)
            for work in works(self._data)
            if (left := tuple(image for image in work.images if not self._has(image)))
        ]

    def measure(self, work: Work, judge: Judge) -> Iterator[Path]:
        """Score the images of one reference, of which `judge` is; yield each when it is kept."""
        for image in work.images:
            try:
                values = judge.score(image, self._names)
            except ImageError as error:
                if str(image) not in str(error):
                    error.about(image)
                raise
            self._values.setdefault(self._key(image), {}).update(values)
            if self._path is not None:
                self._append(self._path, image, values)
            yield image

    def of(self, name: str, images: Sequence[Path]) -> list[float]:
        """The values of one metric for some images that were measured."""
        return [self._values[self._key(image)][name] for image in images]

    def _key(self, image: Path) -> str:
        """The name of an image in the rows."""
        return image.relative_to(self._data.folder).as_posix()

    def _has(self, image: Path) -> bool:
        """Whether all metrics of an image are known."""
        return set(self._names) <= self._values.get(self._key(image), {}).keys()

    def _append(self, path: Path, image: Path, values: Mapping[str, float]) -> None:
        """Write one row."""
        told = {n: v if math.isfinite(v) else str(v) for n, v in values.items()}
        row = {"set": self._data.name, "image": self._key(image), "values": told}
        row["settings"] = self._settings
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")

    def _read(self, path: Path) -> Values:
        """The rows so far; a last line that was cut short is dropped."""
        if not path.exists():
            return {}
        found: Values = {}
        text = path.read_text("utf-8", errors="replace")
        lines = text.split("\n")
        for number, line in enumerate(lines[:-1], 1):
            try:
                row = json.loads(line)
                values = {str(name): float(value) for name, value in row["values"].items()}
                if row["set"] == self._data.name and row["settings"] == self._settings:
                    found.setdefault(str(row["image"]), {}).update(values)
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
                raise InputError(f"{path}: line {number} is not a row of scores") from None
        if lines[-1]:
            path.write_text("".join(f"{line}\n" for line in lines[:-1]), "utf-8")
        return found
