"""What a person sees of a batch: a live table on a terminal, elsewhere a line for each file."""

from __future__ import annotations

from contextlib import AbstractContextManager, ExitStack
from typing import TYPE_CHECKING, Protocol

from inrcodec.cli import console

if TYPE_CHECKING:
    from rich.console import Group

    from inrcodec.batch import Step
    from inrcodec.batch.estimate import Left

MOST_ROWS = 16
"""Files in work that the table names."""


class Counts(Protocol):
    """How far a batch is: files to do, those finished, and those that failed."""

    @property
    def total(self) -> int:
        """Files to do."""

    @property
    def finished(self) -> int:
        """Files that are done or failed."""

    @property
    def failed(self) -> int:
        """Files that failed, also before any work."""


class View(AbstractContextManager["View"]):
    """Shows nothing; the others are made of it."""

    def __exit__(self, *_: object) -> None:
        """End."""

    def say(self, line: str, number: int, total: int, left: Left | None) -> None:
        """Show what came of a file, the `number`-th of `total`."""

    def look(self, step: Step, counts: Counts) -> None:
        """Show how far the batch is."""


class Lines(View):
    """A line for each file, with the time left."""

    def say(self, line: str, number: int, total: int, left: Left | None) -> None:
        """Print the line."""
        rest = "" if left is None or number == total else f"; {time_left(left)}"
        console.note(f"[{number}/{total}] {line}{rest}")


class Table(View):
    """A live table of the files in work, with a bar and the time left below."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.live import Live

        # Nothing takes the place of stdout, to which results may go.
        self._live = Live(
            console=Console(stderr=True),
            transient=True,
            auto_refresh=False,
            redirect_stdout=False,
        )
        self._end = ExitStack()

    def __enter__(self) -> Table:
        self._end.enter_context(self._live)
        return self

    def __exit__(self, *_: object) -> None:
        self._end.close()

    def say(self, line: str, number: int, total: int, left: Left | None) -> None:
        """Print above the table what failed; the table counts the others."""
        if line.startswith("failed"):
            console.note(line)

    def look(self, step: Step, counts: Counts) -> None:
        """Draw the table anew."""
        self._live.update(_drawn(step, counts), refresh=True)


def view_of_batch(as_json: bool) -> View:
    """The view for where stderr goes; with results as JSON there are no lines."""
    if console.on_terminal():
        return Table()
    return View() if as_json else Lines()


def _drawn(step: Step, counts: Counts) -> Group:
    """The table, the bar and the counts."""
    from rich.console import Group
    from rich.progress_bar import ProgressBar
    from rich.table import Table as Grid
    from rich.text import Text

    rows = Grid.grid(padding=(0, 2))
    for each in step.running[:MOST_ROWS]:
        name = Text(console.one_line(each.task.item.input), overflow="ellipsis", no_wrap=True)
        rows.add_row(name, Text(f"{each.elapsed_s:.0f} s", justify="right"))
    if len(step.running) > MOST_ROWS:
        rows.add_row(Text(f"and {len(step.running) - MOST_ROWS} more"), Text())
    failed = f", {counts.failed} failed" if counts.failed else ""
    text = f"{counts.finished} of {counts.total}{failed}, {time_left(step.left)}"
    foot = Grid.grid(padding=(0, 2))
    foot.add_row(ProgressBar(total=counts.total, completed=counts.finished, width=30), Text(text))
    return Group(rows, foot)


def time_left(left: Left | None) -> str:
    """The time left in words: "about 12 min left", or between which two."""
    if left is None:
        return "time left not known yet"
    for unit_s, unit in ((1, "s"), (60, "min"), (3600, "h")):
        if left.most_s < 100 * unit_s or unit == "h":
            break
    least, most = (round(seconds / unit_s) for seconds in (left.least_s, left.most_s))
    if least == most:
        return f"about {max(1, most)} {unit} left"
    return f"{least} to {most} {unit} left"
