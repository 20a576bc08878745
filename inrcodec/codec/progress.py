"""Progress of a running fit, the same for all models, and how it is run step by step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Progress:
    """One look at a running encode: the share of all of it that is done, in [0, 1], training steps,
    and seconds.

    - `psnr`: PSNR in dB of the last training step, or of some
    - `rounded_psnr`: that of what would be written now; None where it is not known yet
    - `size_bytes`: about the bytes of what would be written now, likewise
    """

    stage: str
    share: float
    step: int
    psnr: float
    elapsed_s: float
    rounded_psnr: float | None = None
    size_bytes: int | None = None


def in_steps(work: Iterator[T], around: Callable[[], AbstractContextManager[None]]) -> Iterator[T]:
    """What `work` yields, each step of it computed within a context: between steps the caller's
    settings hold, whatever thread takes the next one."""
    while True:
        with around():
            try:
                found = next(work)
            except StopIteration:
                return
        yield found
