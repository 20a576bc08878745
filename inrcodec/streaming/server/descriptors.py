"""File descriptors: how many connections and sessions a process may have at once."""

from __future__ import annotations

import contextlib
import os
from dataclasses import replace

from inrcodec.errors import StreamError
from inrcodec.streaming.server.options import Limits

try:
    import resource
except ImportError:  # Windows, which has no such limit
    resource = None  # type: ignore[assignment]

SPARE = 32
"""Descriptors left for files that are read, listening sockets, and what else a process opens."""

LEAST = 16
"""Descriptors with which a server starts: fewer would not answer a browser."""


def fitted(limits: Limits) -> Limits:
    """Return the limits with no more sessions, each of which has a socket, and connections than
    there may be descriptors; at most half of these are for sessions. Raises `StreamError` if there
    are too few to serve at all."""
    free = _free()
    if free is None:
        return limits
    if free < LEAST:
        many = f"{max(0, free)} more files than it has now (ulimit -n)"
        raise StreamError(f"this process may open {many}; a server needs {LEAST}")
    sessions = min(limits.sessions, free // 2)
    return replace(limits, sessions=sessions, connections=min(limits.connections, free - sessions))


def allow(limits: Limits) -> None:
    """Let this process open as many files as the limits need, as far as the system allows that.

    It is a setting of the whole process, so it is for programs to make, not for `Server`.
    """
    if resource is None:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _open() + SPARE + limits.sessions + limits.connections
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _free() -> int | None:
    """Return how many more descriptors there may be, without the spare ones; None: any number."""
    if resource is None:
        return None
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if soft == resource.RLIM_INFINITY else soft - _open() - SPARE


def _open() -> int:
    """Return the number of descriptors that are open, or about as many as a process has."""
    try:
        return len(os.listdir("/dev/fd"))
    except OSError:
        return 32
