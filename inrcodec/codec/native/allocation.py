"""Memory that is freed and allocated again, kept in the process."""

from __future__ import annotations

import ctypes

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""Numbers of glibc's malloc.h."""

KEPT_BYTES, LARGE_KEPT_BYTES, LARGE_PIXELS = 1 << 28, 1 << 26, 1 << 21
"""Bytes of freed memory that a fit keeps, and one of an image of more pixels, which is fitted in
windows: at 24 megapixels 2.1 GB at most in place of 2.6, and steps that take 4 % longer."""


def keep_freed_memory(pixels: int) -> None:
    """Have the C library keep what is freed for the next allocation, where it is glibc, to fit an
    image of so many pixels.

    Steps in torch, and losses other than squared error, allocate the same large arrays every time,
    and handing them back to the system and fetching them again takes a tenth of a step. It is a
    setting of the whole process, so it is for programs to make, not for this library.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, TypeError, AttributeError):
        return
    kept = KEPT_BYTES if pixels <= LARGE_PIXELS else LARGE_KEPT_BYTES
    mallopt(M_TRIM_THRESHOLD, kept)
    mallopt(M_MMAP_THRESHOLD, kept)
