"""What a job does with its tasks: it reads inputs, makes results and hands them back."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Protocol

from inrcodec.batch.journal import Stamp
from inrcodec.batch.places import place_of
from inrcodec.batch.planning import Task
from inrcodec.batch.storage import reason_of
from inrcodec.errors import InputError, InrCodecError, collected_warnings

Report = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Source:
    """An input: its path or URL, and its bytes."""

    name: str
    data: bytes


Make = Callable[[Sequence[Source], str, Mapping[str, Any]], tuple[bytes, Report]]
"""Makes a result: of the inputs, the path of the output and the options come the bytes to write and
a report. Raises `InrCodecError`. A function of a module, as it runs in another process."""


class Stages(Protocol):
    """A `Make` in three stages, of which the middle one is done for several results at once."""

    def begin(self, sources: Sequence[Source], path: str, options: Mapping[str, Any]) -> Any:
        """What to begin with; the arguments are those of a `Make`."""
        ...

    def together(self, begun: Sequence[Any], share: float) -> None:
        """Do the middle stage of all that have begun, in a share of the memory there is."""
        ...

    def finish(self, begun: Any) -> tuple[bytes, Report]:
        """The bytes to write, and a report."""
        ...


@dataclass(frozen=True, slots=True)
class Made:
    """What a job hands back."""

    data: bytes
    report: Report
    inputs: tuple[Stamp, ...]
    elapsed_s: float
    error: InrCodecError | None
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Given:
    """What a job is given: a task, and those inputs that it cannot read itself."""

    task: Task
    sources: Mapping[str, tuple[bytes, Stamp]]


Group = tuple[Given, ...]


def private_inputs(task: Task) -> dict[str, tuple[bytes, Stamp]]:
    """The inputs that this process alone can see; one that is gone by now fails in the job."""
    found = {}
    for name in task.item.inputs:
        if not place_of(name).is_shared:
            with suppress(InputError):
                found[name] = _read(name)
    return found


class _Making:
    """A result in the making, in a job; whatever fails is kept with the file's name."""

    def __init__(self, given: Given) -> None:
        self._given, self._stamps = given, list[Stamp]()
        self.told: list[str] = []
        self.failure: InrCodecError | None = None
        self.elapsed_s = 0.0

    @contextmanager
    def stage(self) -> Iterator[None]:
        """Do a part of it."""
        started, item = time.monotonic(), self._given.task.item
        with collected_warnings() as told:
            try:
                yield
            except InrCodecError as error:
                self.failure = error.about(item.input)
            except MemoryError:
                self.failure = InrCodecError("not enough memory for this image").about(item.input)
            except Exception as error:  # a fault of ours on one image must not cost the others
                self.failure = InrCodecError(f"{type(error).__name__}: {error}").about(item.input)
        self.told += told
        self.elapsed_s += time.monotonic() - started

    def arguments(self, options: Mapping[str, Any]) -> tuple[list[Source], str, Mapping[str, Any]]:
        """Read the inputs; those of a `Make`."""
        task, sources = self._given.task, []
        for name in task.item.inputs:
            source, stamp = self._given.sources.get(name) or _read(name)
            sources.append(Source(name, source))
            self._stamps.append(stamp)
        return sources, task.output, {**options, **task.item.options}

    def made(self, data: bytes, report: Report) -> Made:
        """What is handed back."""
        name = self._given.task.item.input
        warnings = tuple(text if name in text else f"{name}: {text}" for text in self.told)
        stamps = tuple(self._stamps)
        return Made(data, report, stamps, self.elapsed_s, self.failure, warnings)


def make_each(make: Make, options: Mapping[str, Any], group: Group) -> list[Made]:
    """Make results one after the other, in a job."""
    found = []
    for given in group:
        making, (data, report) = _Making(given), (b"", Report())
        with making.stage():
            data, report = make(*making.arguments(options))
        found.append(making.made(data, report))
    return found


def make_together(
    stages: Stages, options: Mapping[str, Any], share: float, group: Group
) -> list[Made]:
    """Make the results of a group in stages, in a job. Where the middle stage fails of itself, the
    last one does without it."""
    makings, begun = [_Making(given) for given in group], dict[int, Any]()
    for number, making in enumerate(makings):
        with making.stage():
            begun[number] = stages.begin(*making.arguments(options))
    started, told = time.monotonic(), list[str]()
    try:
        stages.together(list(begun.values()), share)
    except InrCodecError:
        raise
    except Exception as error:
        told = [f"had to be done by itself: {type(error).__name__}: {error}"]
    each_s = (time.monotonic() - started) / max(1, len(begun))
    found = []
    for number, making in enumerate(makings):
        data, report = b"", Report()
        if number in begun:
            making.told += told
            making.elapsed_s += each_s
            with making.stage():
                data, report = stages.finish(begun.pop(number))
        found.append(making.made(data, report))
    return found


def _read(name: str) -> tuple[bytes, Stamp]:
    """Read an input; its marks are those before, so that a change meanwhile is noticed later."""
    place = place_of(name)
    try:
        marks = place.marks(name)
    except OSError as error:
        raise InputError(f"cannot be read: {reason_of(error)}").about(name) from None
    data = place.read(name)
    return data, Stamp.of(data, marks)
