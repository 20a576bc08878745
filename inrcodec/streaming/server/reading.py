"""Streams for requests: a file is read once for all who wait for it, and nobody waits in a thread.

Reading a file decodes and codes all its symbols anew (layers.py), which takes seconds for a large
one; other processes do that (cutting.py). Looking for a name waits for no file to be read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from inrcodec.streaming.server.cutting import Cutters
from inrcodec.streaming.transport.threads import in_thread, outcome_of, settle

if TYPE_CHECKING:
    from inrcodec.streaming.protocol.stream import Stream
    from inrcodec.streaming.server.library import Library, Version

T = TypeVar("T")

READS = 2
"""Files read at once for those who wait."""

ABANDONED_READS = 2
"""Files that may be read to their end, beside those, when nobody waits for them any more."""

LOOKS = 4
"""Threads that look for names, so that a slow disk does not take one for each request."""


class _Reading:
    """One version of a file being read, or waiting for its turn."""

    def __init__(self, task: asyncio.Task[Stream]) -> None:
        self.task, self.waiting, self.begun = task, 0, False


class Readings:
    """Reads the files of a library for requests, each version of a file once at a time.

    A request that is cancelled leaves; a file that nobody waits for is not read, if reading has not
    begun. If it has, the file is read to its end and kept, and the next one is begun meanwhile.
    """

    def __init__(self, library: Library) -> None:
        self._library = library
        self._readings: dict[Version, _Reading] = {}
        self._reads = asyncio.Semaphore(READS)
        self._looks: dict[asyncio.Future[Any], Callable[[], Any]] = {}
        self._looking = 0
        self._abandoned: set[Version] = set()
        self._cutters = Cutters()

    def __len__(self) -> int:
        """The number of files being read, or waiting for their turn."""
        return len(self._readings)

    async def names(self) -> list[str]:
        """Return the names that can be asked for, sorted; raises `StreamError`."""
        return await self._look(self._library.names)

    async def stream(self, name: str) -> Stream:
        """Return the stream of a name; raises as `Library.stream`."""
        version = await self._look(self._library.version, name)
        found = self._library.kept(version)
        return await self._read(version) if found is None else found

    def close(self) -> None:
        """Leave what is read, and what waits for its turn."""
        for reading in list(self._readings.values()):
            reading.task.cancel()
        self._cutters.close()

    async def _look(self, work: Callable[..., T], *arguments: object) -> T:
        """Do what asks the file system, in a thread with all that is asked for meanwhile."""
        found: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._looks[found] = partial(work, *arguments)
        self._begin_looks()
        try:
            return await found
        finally:
            self._looks.pop(found, None)  # of who leaves, nothing is kept

    def _begin_looks(self) -> None:
        """Begin all looks that wait, in one thread, if there may be one more."""
        if self._looks and self._looking < LOOKS:
            waiting, self._looks = self._looks, {}
            self._looking += 1
            looking = in_thread(lambda: [outcome_of(look) for look in waiting.values()])
            looking.add_done_callback(partial(self._looked, list(waiting)))

    def _looked(self, waiting: list[asyncio.Future[Any]], done: asyncio.Future[Any]) -> None:
        """Tell those who wait for these looks, and begin the next ones."""
        self._looking -= 1
        for found, outcome in zip(waiting, done.result(), strict=True):
            settle(found, *outcome)
        self._begin_looks()

    async def _read(self, version: Version) -> Stream:
        """Wait for a version of a file with all others who do."""
        reading = self._readings.get(version)
        if reading is None:
            task = asyncio.create_task(self._in_turn(version))
            reading = self._readings[version] = _Reading(task)
            task.add_done_callback(_seen)
        reading.waiting += 1
        try:
            return await asyncio.shield(reading.task)
        finally:
            reading.waiting -= 1
            if not reading.waiting:
                self._abandon(version, reading)

    def _abandon(self, version: Version, reading: _Reading) -> None:
        """Stop a reading that nobody waits for, or let another one begin beside it."""
        if self._readings.get(version) is not reading:
            return  # it is over
        if not reading.begun:
            del self._readings[version]
            reading.task.cancel()
        elif version not in self._abandoned and len(self._abandoned) < ABANDONED_READS:
            self._abandoned.add(version)
            self._reads.release()

    async def _in_turn(self, version: Version) -> Stream:
        """Read a version of a file when its turn comes."""
        await self._reads.acquire()
        reading = self._readings[version]
        reading.begun = True
        try:
            return await in_thread(self._library.read, version, self._cutters.cut)
        finally:
            del self._readings[version]
            if version in self._abandoned:
                self._abandoned.remove(version)
            else:
                self._reads.release()


def _seen(done: asyncio.Future[Any]) -> None:
    """Take note of an error, which may come when nobody waits any more."""
    if not done.cancelled():
        done.exception()
