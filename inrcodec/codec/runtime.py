"""Threads and devices: chosen here, set for a while, put back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from inrcodec.codec import native
from inrcodec.codec.native.pool import kernel_threads
from inrcodec.codec.threads import torch_count
from inrcodec.errors import OptionError


@contextmanager
def torch_threads(count: int | None) -> Iterator[None]:
    """Run with `count` torch threads (None: the default), then restore the number."""
    before = torch.get_num_threads()
    torch.set_num_threads(torch_count(count))
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def fit_threads(asked: int | None) -> Iterator[None]:
    """What a fit of latent grids computes with: threads of the compiled kernels where there are
    any, beside one torch thread; else torch threads."""
    with kernel_threads(asked), torch_threads(1 if native.library() else asked):
        yield


def torch_device(name: str) -> torch.device:
    """The device of that name if this machine has it; `OptionError` otherwise."""
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).cpu()
    except (RuntimeError, AssertionError, TypeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise OptionError(f"device {name!r} cannot be used: {reason}") from None
    return device
