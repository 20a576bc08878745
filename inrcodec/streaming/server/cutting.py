"""Files cut into slices by processes of their own, at a low priority.

Cutting a large file computes for seconds. In a thread of the server it would keep the event loop
from the interpreter's lock, some milliseconds every time that the loop wakes. A process is a plain
interpreter that runs `main`: it reads requests from its input and writes replies to its output,
each a line of JSON and the bytes of a file.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading

from inrcodec.errors import InrCodecError, StreamError
from inrcodec.streaming.layers import cut
from inrcodec.streaming.server.library import BusyError

SMALL_BYTES = 1 << 15
"""Bytes of a file that is cut where it is: another process would take longer to be asked."""

NICENESS = 5
"""How much the processes let others go first (nice): the event loop above all."""


class Cutters:
    """Processes that cut files: one is started when all others are busy. May be used from any
    thread, which waits."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[subprocess.Popen[bytes]] = []
        self._all: set[subprocess.Popen[bytes]] = set()
        self._closed = False

    def cut(self, data: bytes, side: int | None, max_work: float | None = None) -> bytes:
        """Return a file cut into slices as `layers.cut` does; raises `StreamError` with its
        message, and `BusyError` if the system does not let a process do it."""
        if len(data) <= SMALL_BYTES:
            return cut(data, side, max_work)
        process = self._taken()
        try:
            size, problem = _asked(process, data, side, max_work)
            made = _read(process, size)
        except BaseException as error:
            self._end(process)
            if isinstance(error, (OSError, EOFError)):
                raise BusyError("the process that reads files was stopped") from None
            raise
        with self._lock:
            self._idle.append(process)
        if problem:
            raise StreamError(problem)
        return made

    def close(self) -> None:
        """End all processes, whatever they do."""
        with self._lock:
            self._closed = True
            processes = list(self._all)
        for process in processes:
            self._end(process)

    def _taken(self) -> subprocess.Popen[bytes]:
        """Return a process that has nothing to do."""
        with self._lock:
            if self._closed:
                raise BusyError("the server has stopped")
            if self._idle:
                return self._idle.pop()
            try:
                process = _started()
            except OSError as error:
                raise BusyError(f"no process to read files: {error.strerror}") from None
            self._all.add(process)
            return process

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        """Stop a process and let go of it."""
        with self._lock:
            self._all.discard(process)
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            with contextlib.suppress(OSError):
                pipe.close()  # type: ignore[union-attr]


def _started() -> subprocess.Popen[bytes]:
    """Start a process, in a session of its own: Ctrl-C is for the server. It imports from where
    this one does, and so not from the working folder, which may be the one served. Raises
    `OSError`."""
    code = f"import sys; sys.path[:] = {sys.path!r}; from {__name__} import main; main()"
    return subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )


def _asked(
    process: subprocess.Popen[bytes], data: bytes, side: int | None, max_work: float | None
) -> tuple[int, str]:
    """Ask a process to cut a file; return (bytes that follow, what is wrong with the file)."""
    request = json.dumps([len(data), side, max_work]).encode() + b"\n"
    process.stdin.write(request)  # type: ignore[union-attr]
    process.stdin.write(data)  # type: ignore[union-attr]
    process.stdin.flush()  # type: ignore[union-attr]
    reply = process.stdout.readline()  # type: ignore[union-attr]
    if not reply.endswith(b"\n"):
        raise EOFError
    size, problem = json.loads(reply)
    return size, problem


def _read(process: subprocess.Popen[bytes], size: int) -> bytes:
    """Read the bytes of a file from a process; raises `EOFError`."""
    data = process.stdout.read(size)  # type: ignore[union-attr]
    if len(data) < size:
        raise EOFError
    return data


def main() -> None:
    """Cut files until there are no more requests."""
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    requests, replies = sys.stdin.buffer, sys.stdout.buffer
    while head := requests.readline():
        size, side, max_work = json.loads(head)
        try:
            made, problem = cut(requests.read(size), side, max_work), ""
        except InrCodecError as error:
            made, problem = b"", str(error)
        try:
            replies.write(json.dumps([len(made), problem]).encode() + b"\n")
            replies.write(made)
            replies.flush()
        except BrokenPipeError:  # the server has gone, and nobody reads what is still to be written
            os._exit(0)
