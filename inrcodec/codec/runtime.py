"""Threads, devices and precision of torch: chosen, set for a while, and restored."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import torch

from inrcodec.codec import native
from inrcodec.codec.native import denormals
from inrcodec.codec.native.pool import checked_count, is_forked, kernel_threads
from inrcodec.errors import DeviceError, OptionError

TORCH_THREADS = 1
"""Torch threads without being asked. Measured on two cores: a step of 64 neurons takes 10 ms with
one thread and 7 with two; but with another program busy 15 with one and up to 600 with two, which
then spin waiting for each other."""

T = TypeVar("T")

_COUNTING = threading.Lock()


def torch_count(asked: int | None) -> int:
    """Torch threads, one in a forked process, where more would hang; raises `OptionError` for what
    is not None or in 1 .. 1024."""
    count = checked_count(asked) or TORCH_THREADS
    return 1 if is_forked() else count


@contextmanager
def torch_threads(count: int | None) -> Iterator[None]:
    """Run with `count` torch threads (None: the default), then restore the number of this thread.
    That of others stays as it is."""
    wanted = torch_count(count)
    with _COUNTING:
        before = torch.get_num_threads()
        _set_own_count(before, wanted)
    try:
        yield
    finally:
        with _COUNTING:
            _set_own_count(wanted, before)


def keep_one_torch_thread() -> None:
    """Give this thread, which has no other use for torch, one torch thread from now on."""
    with _COUNTING:
        _set_own_count(torch.get_num_threads(), 1)


def _set_own_count(now: int, wanted: int) -> None:
    """Set the number of torch threads for this thread alone. Torch sets with it the number that new
    threads begin with, which only a new thread tells, and sets back without changing ours."""
    if now == wanted:
        return
    of_new_threads = _in_new_thread(torch.get_num_threads)
    torch.set_num_threads(wanted)
    _in_new_thread(lambda: torch.set_num_threads(of_new_threads))


def _in_new_thread(work: Callable[[], T]) -> T:
    """What `work` returns in a thread of its own."""
    results: list[T] = []
    thread = threading.Thread(target=lambda: results.append(work()))
    thread.start()
    thread.join()
    return results[0]


@contextmanager
def fit_threads(asked: int | None) -> Iterator[None]:
    """What a fit of latent grids computes with: threads of the compiled kernels where there are
    any, beside one torch thread; else torch threads."""
    with kernel_threads(asked), torch_threads(1 if native.library() else asked):
        yield


@contextmanager
def denormals_flushed() -> Iterator[None]:
    """Take subnormal numbers for 0 on this thread, then do as before."""
    if native.library() is not None:
        with denormals.flushed():
            yield
        return
    smallest = torch.tensor(1e-40, dtype=torch.float32)
    flushing = bool((smallest * 1 == 0).item())
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(flushing)


def torch_device(name: str) -> torch.device:
    """The device of that name; `DeviceError` if this machine does not have it, and `OptionError`
    for a name of no device."""
    try:
        device = torch.device(name)
    except (RuntimeError, TypeError):
        device = None
    if device is None or device.type == "meta":  # which computes nothing on any machine
        raise OptionError(f"device must look like cpu, cuda or cuda:1, got {name!r}")
    try:
        torch.zeros(1, device=device).cpu()
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DeviceError(f"device {name!r} cannot be used: {reason}") from None
    return device


def hidden_precision(device: torch.device) -> torch.dtype:
    """bfloat16 where the device multiplies it faster than float32, else float32."""
    if device.type == "cuda":
        fast = torch.cuda.is_bf16_supported()
    else:
        fast = torch.backends.mkldnn.is_available() and bool(  # type: ignore[no-untyped-call]
            torch.ops.mkldnn._is_mkldnn_bf16_supported()
        )
    return torch.bfloat16 if fast else torch.float32
