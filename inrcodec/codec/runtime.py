"""Threads and devices: chosen here, set for a while, put back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from inrcodec.codec import native
from inrcodec.codec.models import compiled
from inrcodec.errors import OptionError

DEFAULT_THREADS = 1
"""Measured on two cores: a step of 64 neurons takes 10 ms with one thread and 7 with two; but with
another program busy 15 with one and up to 600 with two, which then spin waiting for each other."""


@contextmanager
def torch_threads(count: int | None) -> Iterator[None]:
    """Run with `count` torch threads (None: `DEFAULT_THREADS`), then restore the number."""
    before = torch.get_num_threads()
    torch.set_num_threads(_checked(count))
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def kernel_threads(count: int | None) -> Iterator[None]:
    """The same for latent grids: threads of the compiled kernels where there are any, beside one
    torch thread."""
    count, before = _checked(count), compiled.THREADS.count
    compiled.THREADS.count = count
    try:
        with torch_threads(1 if native.library() else count):
            yield
    finally:
        compiled.THREADS.count = before


def _checked(count: int | None) -> int:
    if count is not None and (type(count) is not int or not 1 <= count <= 1024):
        raise OptionError(f"threads must be a whole number in [1, 1024], got {count!r}")
    return count or DEFAULT_THREADS


def torch_device(name: str) -> torch.device:
    """The device of that name if this machine has it; `OptionError` otherwise."""
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).cpu()
    except (RuntimeError, AssertionError, TypeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise OptionError(f"device {name!r} cannot be used: {reason}") from None
    return device
