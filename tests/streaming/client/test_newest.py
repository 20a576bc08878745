import asyncio

import pytest

from inrcodec.errors import StreamError
from inrcodec.streaming import Frame
from inrcodec.streaming.client.newest import Newest


def frame(number):
    return Frame(elapsed_s=0.0, received_bytes=number, layers=number, total_layers=9, runs=(b"x",))


async def all_of(newest):
    got = []
    while (found := await newest.get()) is not None:
        got.append(found.layers)
    return got


def test_what_is_overtaken_is_left_out_and_the_last_never():
    async def go():
        newest = Newest()
        newest.put(frame(1))
        newest.put(frame(2))
        first = await newest.get()
        newest.put(frame(3))
        newest.put(frame(4))
        newest.end()
        return first.layers, await all_of(newest), await newest.get()

    assert asyncio.run(go()) == (2, [4], None)


def test_an_error_comes_after_the_last_frame():
    async def go():
        newest = Newest()
        newest.put(frame(1))
        newest.end(StreamError("cut"))
        assert (await newest.get()).layers == 1
        with pytest.raises(StreamError, match="cut"):
            await newest.get()

    asyncio.run(go())


def test_a_reader_waits():
    async def go():
        newest = Newest()
        reader = asyncio.create_task(all_of(newest))
        await asyncio.sleep(0)
        newest.put(frame(1))
        await asyncio.sleep(0)
        newest.put(frame(2))
        await asyncio.sleep(0)
        newest.end()
        return await reader

    assert asyncio.run(go()) == [1, 2]
