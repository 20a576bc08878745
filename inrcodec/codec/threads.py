"""How many threads of torch compute; those of the compiled kernels are in native/pool.py."""

from __future__ import annotations

from inrcodec.codec.native.pool import checked_count

TORCH_THREADS = 1
"""Without being asked. Measured on two cores: a step of 64 neurons takes 10 ms with one thread and
7 with two; but with another program busy 15 with one and up to 600 with two, which then spin
waiting for each other."""


def torch_count(asked: int | None) -> int:
    """Torch threads; raises `OptionError` for what is not None or in 1 .. 1024."""
    return checked_count(asked) or TORCH_THREADS
