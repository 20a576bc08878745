"""What is told of tasks while they are done, in whichever way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")

LOOK_S = 0.25
"""Seconds between two looks at jobs of which none has finished."""


@dataclass(frozen=True, slots=True)
class Running(Generic[T]):
    """A task in a job, and the seconds it has taken so far."""

    task: T
    elapsed_s: float


@dataclass(frozen=True, slots=True)
class Finished(Generic[T, R]):
    """A task that is done, and what came of it (None: its process died). The first one of a process
    takes longer: it loads the code."""

    task: T
    result: R | None
    is_first: bool


@dataclass(frozen=True, slots=True)
class Look(Generic[T, R]):
    """Tasks that finished since the last look, those that run, and how many may run at once."""

    finished: list[Finished[T, R]]
    running: list[Running[T]]
    at_once: int
