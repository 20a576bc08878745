"""Many files in one command: `encode` and `decode` of folders, patterns and lists of names."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

from inrcodec import __version__, checks
from inrcodec.cli import console
from inrcodec.cli.batch_view import view_of_batch
from inrcodec.errors import InrCodecError, OptionError, OutputError

if TYPE_CHECKING:
    from inrcodec.batch import Found, Item, Journal, Outcome, Plan
    from inrcodec.batch.making import Make, Stages

MOST_JOBS, GPU_JOBS = 1024, 4
"""Most processes; and the usual number of those that share a GPU: while one trains, others read and
write."""

Report = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Choice:
    """Which files a person wants, where the results go, and how many processes work; whether the
    folder of results is one that nobody named."""

    inputs: list[str]
    output: str | None
    recursive: bool
    jobs: int | None
    scheduler: str | None
    if_newer: bool
    force: bool
    as_json: bool
    is_temporary: bool = False

    def is_batch(self) -> bool:
        """Whether this is a batch: a folder, a pattern, a URL or an option of batches, or several
        files and a folder for their results."""
        from inrcodec.batch.storage import scheme_of

        if self.recursive or self.if_newer or self.jobs is not None or self.scheduler is not None:
            return True
        if any(scheme_of(name) for name in (*self.inputs, self.output or "")):
            return True
        if any(os.path.isdir(name) or _is_pattern(name) for name in self.inputs):
            return True
        folder = self.output is not None and (
            self.output.endswith(("/", os.sep)) or os.path.isdir(self.output)
        )
        return folder and len(self.inputs) > 1

    def on(self, device: str) -> Choice:
        """The choice for work on a device: a GPU has few processes unless their number is named."""
        from inrcodec.jobs import usable_cores

        if device == "cpu" or self.jobs is not None or self.scheduler is not None:
            return self
        return replace(self, jobs=min(GPU_JOBS, usable_cores()))

    def checked(self) -> tuple[str, int | None]:
        """The folder of results, and the number of processes or with a scheduler the most tasks at
        once; raises `OptionError`."""
        from inrcodec.batch.storage import plain, scheme_of
        from inrcodec.jobs import usable_cores

        jobs = self.jobs
        if jobs is None and self.scheduler is None:
            jobs = usable_cores()
        if jobs is not None:
            jobs = checks.whole("jobs", jobs, 1, MOST_JOBS)
        if self.scheduler is not None:
            _check_cluster(self.scheduler)
        if self.output is None:
            name = next((name for name in self.inputs if os.path.isdir(name)), self.inputs[0])
            what = "is a folder; name one" if os.path.isdir(name) else "name a folder"
            raise OptionError(f"{what} for the results, e.g. -o results/").about(name)
        if "-" in (*self.inputs, self.output):
            raise OptionError("stdin and stdout cannot be part of a folder of files")
        output = plain(self.output)
        if scheme_of(output) is None and os.path.lexists(output) and not os.path.isdir(output):
            raise OutputError(f"{output}: is no folder; results of a folder need one")
        return output, jobs


def _check_cluster(scheduler: str) -> None:
    """Refuse an address that is none, and a missing extra; what Dask would log, errors say."""
    from inrcodec import extras
    from inrcodec.jobs.cluster import check_address

    check_address(scheduler)
    extras.require("distributed", extra="cluster")
    for name in ("distributed", "distributed.client"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


def _is_pattern(name: str) -> bool:
    """Whether a name is that of no file, but a pattern."""
    from inrcodec.batch.inputs import MAGIC

    return bool(MAGIC & set(name)) and not os.path.lexists(name)


@dataclass(frozen=True, slots=True)
class Verb:
    """What a command does with each file: its function and options, among them `threads`; its
    participle; what it says of a report to a person and to a program; and the stages in which it
    does several files at once."""

    make: Make
    options: Mapping[str, Any]
    participle: str
    summary: Callable[[dict[str, Any]], str]
    row: Callable[[Report], Report] = lambda report: report
    stages: Stages | None = None


class Whole(Protocol):
    """What a command makes of all results together."""

    def check(self, journal: Journal, choice: Choice) -> None:
        """Refuse before any work what cannot be written."""

    def finish(self, journal: Journal, reports: Mapping[str, Report], choice: Choice) -> None:
        """Make it of the reports of what is done, by result."""


def found_by(choice: Choice, extensions: Collection[str], result_extension: str) -> Found:
    """Find the files with these extensions, and the names of their results; raises the error of a
    choice that stands for nothing else."""
    from inrcodec.batch import find

    choice.checked()
    found = find(choice.inputs, extensions, result_extension, recursive=choice.recursive)
    if not found.items and len(found.errors) == 1:
        raise found.errors[0]
    return found


def carry_out(choice: Choice, verb: Verb, found: Found, whole: Whole | None = None) -> None:
    """Leave out what is done of the files found, do the rest, make what is made of all results,
    and list the failures at the end."""
    from inrcodec.batch import Journal, plan_of, run

    started = time.monotonic()
    folder, jobs = choice.checked()
    options = {**verb.options, "threads": verb.options["threads"] or 1}
    asked = {**options, "init": _content(options.get("init")), "version": __version__}
    reports: dict[str, Report] = {}
    tally = Tally(verb.participle, len(found.items), found.left_out)
    try:
        with Journal(folder, asked, keeps_reports=whole is not None) as journal:
            if whole is not None:
                whole.check(journal, choice)
            plan = plan_of(found.items, journal, force=choice.force, if_newer=choice.if_newer)
            tally.begin(found.errors, plan)
            reports |= plan.reports if whole is not None else {}
            if choice.as_json:
                _print_planned(plan, choice, verb)
            how: dict[str, Any] = {"jobs": jobs, "scheduler": choice.scheduler}
            steps = run(plan.tasks, verb.make, options, journal, **how, stages=verb.stages)
            view = view_of_batch(choice.as_json)
            with view, closing(steps):
                for step in steps:
                    for outcome in step.outcomes:
                        tally.add(outcome)
                        line = _line(outcome, verb, choice)
                        view.say(line, tally.finished, tally.total, step.left)
                        if choice.as_json:
                            console.print_json_line(_row(outcome, choice, verb))
                        if whole is not None and outcome.report is not None:
                            reports[outcome.item.result] = outcome.report
                    view.look(step, tally)
            if whole is not None:
                whole.finish(journal, reports, choice)
    except KeyboardInterrupt:
        console.note(f"stopped, the same command goes on; {tally.text(started)}")
        raise
    tally.end(started)


def _content(init: str | None) -> bytes | str | None:
    """The bytes of an initialisation of one's own, whose name says nothing; any other as named."""
    return init if init in (None, "random", "meta") else console.read_input(init)


def _line(outcome: Outcome, verb: Verb, choice: Choice) -> str:
    """What came of an item, for a person."""
    if outcome.report is None:
        return f"failed: {outcome.error}"
    row = _row_of("done", outcome.item, choice)
    where = f" -> {row['output']}" if "output" in row else ""
    return f"{row['input']}{where}: {verb.summary(outcome.report)}"


def _row(outcome: Outcome, choice: Choice, verb: Verb) -> dict[str, Any]:
    """What came of an item, for a program."""
    if outcome.report is not None:
        return {**_row_of("done", outcome.item, choice), **verb.row(outcome.report)}
    row = _row_of("failed", outcome.item, choice)
    return {**row, "error": str(outcome.error)}


def _row_of(state: str, item: Item, choice: Choice) -> dict[str, Any]:
    """The state of an item, its input, and its output unless nobody named a folder for it."""
    from inrcodec.batch.places import place_of
    from inrcodec.batch.storage import plain

    row = {"state": state, "input": item.input}
    if choice.output is not None and not choice.is_temporary:
        folder = plain(choice.output)
        row["output"] = place_of(folder).join(folder, item.result)
    return row


def _print_planned(plan: Plan, choice: Choice, verb: Verb) -> None:
    """Print a line for each item that needs no work or cannot be done."""
    for item in plan.skipped:
        report = plan.reports.get(item.result)
        known = verb.row(report) if report else {}
        console.print_json_line({**_row_of("skipped", item, choice), **known})
    for item, error in plan.failed:
        console.print_json_line({**_row_of("failed", item, choice), "error": str(error)})


class Tally:
    """How many items are done, were done before and failed; the failures are kept."""

    def __init__(self, participle: str, items: int, left_out: int) -> None:
        self._participle, self._items, self._left_out = participle, items, left_out
        self.total = self.finished = 0
        self._done = self._skipped = 0
        self._failures: list[InrCodecError] = []

    @property
    def failed(self) -> int:
        """How many items failed."""
        return len(self._failures)

    def begin(self, errors: list[InrCodecError], plan: Plan) -> None:
        """Take in what was told before any work."""
        self._failures += [*errors, *(error for _, error in plan.failed)]
        self._skipped, self.total = len(plan.skipped), len(plan.tasks)

    def add(self, outcome: Outcome) -> None:
        """Take in what came of an item; show its warnings."""
        for warning in outcome.warnings:
            console.note(f"inrcodec: warning: {warning}")
        self.finished += 1
        if outcome.error is None:
            self._done += 1
        else:
            self._failures.append(outcome.error)

    def text(self, started: float) -> str:
        """All of it in a sentence; `started` is that of `time.monotonic`."""
        counts = [
            (self._done, self._participle),
            (self._skipped, "done before"),
            (self.failed, "failed"),
            (self.total - self.finished, "left to do"),
            (self._left_out, "of another kind left out"),
        ]
        parts = ", ".join(f"{count} {what}" for count, what in counts if count)
        files = "1 file" if self._items == 1 else f"{self._items} files"
        return f"{files}: {parts or 'nothing done'}, in {time.monotonic() - started:.1f} s"

    def end(self, started: float) -> None:
        """Say how it went and list the failures; the exit code is the largest of theirs."""
        console.note(self.text(started))
        with console.exit_codes() as codes:
            for error in self._failures:
                console.show_error(error)
                codes.append(console.exit_code(error))
