"""Threads and devices: chosen here, set for a while, put back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from inrcodec.errors import OptionError

DEFAULT_THREADS = 1
"""Measured on two cores: a step of 64 neurons takes 10 ms with one thread and 7 with two; but with
another program busy 15 with one and up to 600 with two, which then spin waiting for each other."""


@contextmanager
def torch_threads(count: int | None) -> Iterator[None]:
    """Run with `count` torch threads (None: `DEFAULT_THREADS`), then restore the number."""
    before = torch.get_num_threads()
    if count is not None and (type(count) is not int or not 1 <= count <= 1024):
        raise OptionError(f"threads must be a whole number in [1, 1024], got {count!r}")
    torch.set_num_threads(count or DEFAULT_THREADS)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def torch_device(name: str) -> torch.device:
    """The device of that name if this machine has it; `OptionError` otherwise."""
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).cpu()
    except (RuntimeError, AssertionError, TypeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise OptionError(f"device {name!r} cannot be used: {reason}") from None
    return device
