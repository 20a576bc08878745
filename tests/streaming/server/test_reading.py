"""Files are read once for all who wait, in turn, and for nobody who has left."""

import asyncio
import contextlib
import threading

import aiohttp
import pytest

from inrcodec.errors import StreamError
from inrcodec.streaming.server.library import Library
from inrcodec.streaming.server.options import Limits
from inrcodec.streaming.server.reading import ABANDONED_READS, LOOKS, READS, Readings
from tests.streaming.peers import serving, until


class Slow(Library):
    """Reads files when it is told to, and notes which."""

    def __init__(self, root):
        self.begun, self.go_on = [], threading.Event()
        super().__init__(str(root))

    def read(self, version, cut):
        self.begun.append(version.path.name)
        assert self.go_on.wait(60)
        return super().read(version, cut)


@pytest.fixture
def readings(slow):
    found = Readings(slow)
    yield found
    slow.go_on.set()
    found.close()


@pytest.fixture
def slow(tmp_path, sliced_file):
    for number in range(10):
        (tmp_path / f"{number}.inr").write_bytes(sliced_file)
    (tmp_path / "cut.inr").write_bytes(sliced_file[:-1])
    library = Slow(tmp_path)
    yield library
    library.go_on.set()


async def leave(*tasks):
    for task in tasks:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def test_a_file_is_read_once_for_all(slow, readings, sliced_file):
    async def go():
        waiting = [asyncio.create_task(readings.stream("0.inr")) for _ in range(50)]
        assert await until(lambda: slow.begun)
        await leave(*waiting[:10])  # the others wait on
        slow.go_on.set()
        streams = await asyncio.gather(*waiting[10:])
        assert len(set(map(id, streams))) == 1
        assert streams[0].data == sliced_file
        assert await readings.stream("0.inr") is streams[0]
        assert slow.begun == ["0.inr"]
        assert len(readings) == 0

    asyncio.run(go())


def test_all_who_wait_hear_of_a_failure_and_it_is_remembered(slow, readings):
    slow.go_on.set()

    async def go():
        waiting = [readings.stream("cut.inr") for _ in range(5)]
        found = await asyncio.gather(*waiting, return_exceptions=True)
        assert all(type(error) is StreamError for error in found)
        with pytest.raises(StreamError):
            await readings.stream("cut.inr")
        assert slow.begun == ["cut.inr"]

    asyncio.run(go())


def test_what_nobody_waits_for_is_not_begun(slow, readings):
    async def go():
        first = [asyncio.create_task(readings.stream(f"{n}.inr")) for n in range(READS)]
        assert await until(lambda: len(slow.begun) == READS)
        others = [asyncio.create_task(readings.stream(f"{READS + n}.inr")) for n in range(2)]
        assert await until(lambda: len(readings) == READS + 2)
        await leave(*others)
        assert len(readings) == READS
        again = asyncio.create_task(readings.stream(f"{READS}.inr"))
        slow.go_on.set()
        await asyncio.gather(again, *first)
        assert sorted(slow.begun) == [f"{n}.inr" for n in range(READS + 1)]

    asyncio.run(go())


def test_what_nobody_waits_for_is_not_looked_for(tmp_path, sliced_file):
    """On a disk that hangs, who leaves leaves nothing behind."""

    class Hung(Library):
        def version(self, name):
            looked.append(name)
            assert go_on.wait(60)
            return super().version(name)

    looked, go_on = [], threading.Event()
    (tmp_path / "a.inr").write_bytes(sliced_file)
    readings = Readings(Hung(str(tmp_path)))

    async def go():
        first = [asyncio.create_task(readings.stream("a.inr")) for _ in range(LOOKS)]
        assert await until(lambda: len(looked) == LOOKS)
        stays = asyncio.create_task(readings.stream("a.inr"))
        leaves = [asyncio.create_task(readings.stream("b.inr")) for _ in range(20)]
        await asyncio.sleep(0)
        await leave(*leaves)
        go_on.set()
        streams = await asyncio.gather(*first, stays)
        assert len(set(map(id, streams))) == 1

    try:
        asyncio.run(go())
    finally:
        go_on.set()
        readings.close()
    assert "b.inr" not in looked


def test_a_reading_that_was_left_keeps_no_other_waiting(slow, readings):
    """It goes on, beside those that somebody waits for; of such there are few at once."""
    most = READS + ABANDONED_READS

    async def go():
        for number in range(8):
            task = asyncio.create_task(readings.stream(f"{number}.inr"))
            assert await until(lambda n=number: len(slow.begun) == min(n + 1, most))
            await leave(task)
        assert len(slow.begun) == most
        last = asyncio.create_task(readings.stream("9.inr"))
        joined = asyncio.create_task(readings.stream("0.inr"))
        slow.go_on.set()
        await asyncio.gather(last, joined)
        assert sorted(slow.begun) == [*(f"{n}.inr" for n in range(most)), "9.inr"]
        assert await until(lambda: len(readings) == 0)

    asyncio.run(go())


def test_small_answers_do_not_wait_for_files_to_be_read(slow):
    """More requests for unread files than there are threads; clients that leave are noticed."""

    async def go():
        async with serving(slow) as (server, base), aiohttp.ClientSession() as http:
            urls = [f"{base}/files/{number % 10}.inr" for number in range(20)]
            waiting = [asyncio.create_task(http.get(url)) for url in urls]
            assert await until(lambda: server.downloads == 20)
            for path, status in (
                ("/healthz", 200),
                ("/files/none.inr", 404),
                ("/nothing", 404),
                ("/", 200),
                ("/metrics", 200),
            ):
                async with http.get(base + path) as reply:
                    assert reply.status == status
            assert await until(lambda: len(slow.begun) == READS)
            await leave(*waiting)
            assert await until(lambda: server.downloads == 0)
            assert server.sessions == 0
            last = asyncio.create_task(http.get(urls[-1]))
            assert await until(lambda: server.downloads == 1)
            slow.go_on.set()
            assert (await last).status == 200

    asyncio.run(go())


def test_those_of_one_address_who_wait_are_few(slow):
    async def go():
        limits = Limits(sessions_per_address=3)
        async with serving(slow, limits=limits) as (server, base), aiohttp.ClientSession() as http:
            waiting = [asyncio.create_task(http.get(f"{base}/files/0.inr")) for _ in range(3)]
            assert await until(lambda: server.downloads == 3)
            async with http.get(f"{base}/files/1.inr") as reply:
                assert reply.status == 429
            await leave(*waiting)

    asyncio.run(go())


def test_a_server_stops_while_a_file_is_read(slow):
    """Threads that read delay neither the end of the server nor that of the process."""

    async def go():
        limits = Limits(drain_s=0.1)
        async with serving(slow, limits=limits) as (server, base), aiohttp.ClientSession() as http:
            task = asyncio.create_task(http.get(f"{base}/files/0.inr"))
            assert await until(lambda: slow.begun)
            await server.close()
            with pytest.raises(aiohttp.ClientError):
                await task
        assert all(t.daemon for t in threading.enumerate() if t.name == "inrcodec-server")

    asyncio.run(go())
