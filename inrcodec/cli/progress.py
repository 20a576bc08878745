"""Progress of long work: a bar on a terminal, and Ctrl-C that keeps what is done."""

from __future__ import annotations

import signal
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Protocol, TypeVar

from inrcodec.cli import console


class Step(Protocol):
    """One look at long work: the share done in [0, 1], steps done, and PSNR in dB so far."""

    @property
    def share(self) -> float:
        """The share of the work that is done, in [0, 1]."""

    @property
    def step(self) -> int:
        """The number of steps done."""

    @property
    def shown_psnr(self) -> float:
        """The PSNR that the bar shows, in dB."""


AStep = TypeVar("AStep", bound=Step)


def follow(steps: Iterable[AStep], name: str, pressed: list[int]) -> AStep | None:
    """Run to the end or to Ctrl-C, on a terminal with a bar; the last step, if there was one."""
    last = None
    if not console.on_terminal():
        for step in steps:
            last = step
            if pressed:
                break
        return last
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TextColumn("{task.fields[psnr]:.2f} dB"),
        TimeElapsedColumn(),
        TextColumn("ETA"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(name, total=1.0, psnr=0.0)
        for step in steps:
            last = step
            bar.update(task, completed=step.share, psnr=step.shown_psnr)
            if pressed:
                break
    return last


@contextmanager
def interruptible() -> Iterator[list[int]]:
    """Turn the first Ctrl-C into an entry of the list; a second one interrupts as usual."""
    pressed: list[int] = []

    def on_signal(number: int, _frame: object) -> None:
        pressed.append(number)
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, on_signal)
    try:
        yield pressed
    finally:
        signal.signal(signal.SIGINT, before)
