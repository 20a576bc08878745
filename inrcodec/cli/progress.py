"""Progress of long work: a bar on a terminal, and Ctrl-C that keeps what is done."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Protocol, TypeVar

from inrcodec.cli import console
from inrcodec.codec.progress import Progress


class Step(Protocol):
    """One look at long work."""

    @property
    def share(self) -> float:
        """The share of the work that is done, in [0, 1]."""


AStep = TypeVar("AStep", bound=Step)


def follow(
    steps: Iterable[AStep], name: str, pressed: list[int], describe: Callable[[AStep], str]
) -> AStep | None:
    """Run to the end or to Ctrl-C, on a terminal with a bar that says what `describe` makes of a
    step; the last step, if there was one."""
    last = None
    with bar_of(name) as show:
        for step in steps:
            last = step
            show(step.share, describe(step))
            if pressed:
                break
    return last


def so_far(step: Progress) -> str:
    """What an encode would write now, for a person."""
    psnr = step.psnr if step.rounded_psnr is None else step.rounded_psnr
    size = "" if step.size_bytes is None else f"{step.size_bytes / 1000:.1f} kB, "
    return f"{size}{psnr:.2f} dB"


def follow_names(steps: Iterable[str], total: int) -> None:
    """Run through `total` steps of a long job, on a terminal with a bar that names each."""
    with bar_of("") as show:
        for number, step in enumerate(steps):
            show(number / total, step)


class Show(Protocol):
    """Shows the share done, in [0, 1], and a text."""

    def __call__(self, share: float, text: str = "") -> None:
        """Show them."""


@contextmanager
def bar_of(name: str, *, known: bool = True) -> Iterator[Show]:
    """A bar with the time left on a terminal, or a moving one for work whose end is not `known`;
    elsewhere nothing is shown."""
    if not console.on_terminal():
        yield lambda share, text="": None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        ProgressColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as Bar

    columns: list[ProgressColumn] = [
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[text]}", markup=False),
        TimeElapsedColumn(),
    ]
    if known:
        columns.insert(2, TextColumn("{task.percentage:>3.0f} %"))
        columns += [TextColumn("ETA"), TimeRemainingColumn()]
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(console.one_line(name), total=1.0 if known else None, text="")
        yield lambda share, text="": bar.update(task, completed=share, text=console.one_line(text))


@contextmanager
def interruptible(message: str) -> Iterator[list[int]]:
    """Turn the first Ctrl-C into an entry of the list, and say the message at once; a second one
    interrupts as usual."""
    pressed: list[int] = []

    def on_signal(number: int, _frame: object) -> None:
        pressed.append(number)
        signal.signal(signal.SIGINT, before)
        console.say_at_once(message)

    before = signal.signal(signal.SIGINT, on_signal)
    try:
        yield pressed
    finally:
        signal.signal(signal.SIGINT, before)
