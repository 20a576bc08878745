"""How many threads compute: torch's, and those of the compiled kernels."""

from __future__ import annotations

import os

from inrcodec.errors import OptionError

TORCH_THREADS = 1
"""Without being asked. Measured on two cores: a step of 64 neurons takes 10 ms with one thread and
7 with two; but with another program busy 15 with one and up to 600 with two, which then spin
waiting for each other."""

MOST_KERNEL_THREADS = 4
"""Without being asked. Threads of the kernels do not spin, so a busy machine does no harm; beyond a
few, what only one thread does takes most of a step."""


def torch_count(asked: int | None) -> int:
    """Torch threads; raises `OptionError` for what is not None or in 1 .. 1024."""
    return _checked(asked) or TORCH_THREADS


def kernel_count(asked: int | None) -> int:
    """Threads of the compiled kernels: as many as asked for, or one for each of a few cores."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return _checked(asked) or min(MOST_KERNEL_THREADS, cores or 1)


def _checked(count: int | None) -> int | None:
    if count is not None and (type(count) is not int or not 1 <= count <= 1024):
        raise OptionError(f"threads must be a whole number in [1, 1024], got {count!r}")
    return count
