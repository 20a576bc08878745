"""Files that change while they are served: whoever has begun gets the version that was there."""

import asyncio
import os

import aiohttp
import pytest

from inrcodec.codec.format.header import Family
from inrcodec.errors import InrCodecError
from inrcodec.streaming import fetch
from tests.latent_files import random_file
from tests.streaming.peers import serving


@pytest.fixture(scope="module")
def large() -> bytes:
    """About 150 KB: more than the sockets of a connection hold."""
    return random_file(Family.COOLCHIC, 900, 700)


def replaced(path, data):
    """Put another file in its place, as `write_bytes` and most programs do."""
    new = path.with_name("new")
    new.write_bytes(data)
    os.replace(new, path)


CHANGES = {
    "replaced": lambda path, other: replaced(path, other),
    "overwritten": lambda path, other: path.write_bytes(other),
    "truncated": lambda path, other: os.truncate(path, 100),
    "deleted": lambda path, other: path.unlink(),
}


@pytest.mark.parametrize("how", CHANGES)
def test_a_download_that_has_begun_is_that_of_one_version(tmp_path, large, sliced_file, how):
    path = tmp_path / "a.inr"
    path.write_bytes(large)

    async def go():
        async with serving(tmp_path) as (_, base), aiohttp.ClientSession() as http:
            url = f"{base}/files/a.inr"
            async with http.get(url) as reply:
                tag = reply.headers["ETag"]
                first = await reply.content.readexactly(1000)
                CHANGES[how](path, sliced_file)
                assert first + await reply.read() == large
            async with http.get(url, headers={"If-Range": tag, "Range": "bytes=1000-"}) as reply:
                return reply.status, await reply.read()

    status, rest = asyncio.run(go())
    expected = {
        "replaced": (200, sliced_file),
        "overwritten": (200, sliced_file),
        "truncated": (422, rest),
        "deleted": (404, rest),
    }
    assert (status, rest) == expected[how]
    if how == "truncated":
        assert rest.startswith(b"a.inr: ")


@pytest.mark.parametrize("how", CHANGES)
def test_a_session_that_has_begun_is_that_of_one_version(tmp_path, large, sliced_file, how):
    path = tmp_path / "a.inr"
    path.write_bytes(large)

    async def go():
        async with serving(tmp_path) as (server, base):
            task = asyncio.create_task(fetch(f"{base}/files/a.inr"))
            while not server.sessions:
                await asyncio.sleep(0.001)
            CHANGES[how](path, sliced_file)
            return await task

    assert asyncio.run(go()) == large


def test_a_folder_is_what_it_is_now(tmp_path, large, sliced_file):
    (tmp_path / "a.inr").write_bytes(large)

    async def go():
        async with serving(tmp_path) as (_, base), aiohttp.ClientSession() as http:

            async def names():
                async with http.get(base) as reply:
                    return (await reply.json())["files"]

            assert await names() == ["a.inr"]
            (tmp_path / "b.inr").write_bytes(sliced_file)
            assert await names() == ["a.inr", "b.inr"]
            assert await fetch(f"{base}/files/b.inr") == sliced_file
            os.replace(tmp_path / "b.inr", tmp_path / "a.inr")
            assert await names() == ["a.inr"]
            assert await fetch(f"{base}/files/a.inr") == sliced_file
            with pytest.raises(InrCodecError):
                await fetch(f"{base}/files/b.inr")

    asyncio.run(go())
