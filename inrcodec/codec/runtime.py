"""Threads and devices: chosen here, set for a while, put back."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from inrcodec.errors import OptionError


def default_threads() -> int:
    """Threads to use when the user names none: the cores this process may run on, at most 4.

    The networks are small; more threads spend their time waiting for each other.
    """
    if hasattr(os, "sched_getaffinity"):
        return max(1, min(4, len(os.sched_getaffinity(0))))
    return max(1, min(4, os.cpu_count() or 1))


@contextmanager
def torch_threads(count: int | None) -> Iterator[int]:
    """Run with `count` torch threads (None: leave as it is), then restore the caller's number."""
    before = torch.get_num_threads()
    if count is not None and (type(count) is not int or not 1 <= count <= 1024):
        raise OptionError(f"threads must be a whole number in [1, 1024], got {count!r}")
    torch.set_num_threads(count or before)
    try:
        yield count or before
    finally:
        torch.set_num_threads(before)


def torch_device(name: str) -> torch.device:
    """The device of that name if this machine has it; `OptionError` otherwise."""
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).cpu()
    except (RuntimeError, AssertionError, NotImplementedError, TypeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise OptionError(f"device {name!r} cannot be used: {reason}") from None
    return device
