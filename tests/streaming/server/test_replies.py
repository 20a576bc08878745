"""Whose fault an error is decides the status."""

import asyncio
import logging

import aiohttp
import pytest

from inrcodec.errors import StreamError
from inrcodec.streaming.server.library import UnknownFileError
from inrcodec.streaming.transport import webrtc
from tests.streaming.peers import Shelf, offer_of, serving, until

SDP = {"Content-Type": "application/sdp"}


class Broken:
    """A library that fails."""

    def __init__(self, error):
        self.error = error

    def names(self):
        return []

    def version(self, name):
        raise self.error

    name_of = stream = version


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (UnknownFileError(), 404),
        (StreamError("cannot be read"), 422),
        (KeyError("a bug"), 500),
        (IndexError("a bug"), 500),
        (ValueError("a bug"), 500),
    ],
)
@pytest.mark.parametrize("path", ["/files/x.inr", "/blobs/00.inr"])
def test_a_bug_is_no_missing_file(error, status, path, caplog):
    caplog.set_level(logging.CRITICAL)

    async def go():
        async with serving(Broken(error)) as (_, base), aiohttp.ClientSession() as http:
            async with http.get(base + path) as reply:
                assert "a bug" not in await reply.text()
                return reply.status

    assert asyncio.run(go()) == status


def test_a_bug_in_a_session_is_no_bad_offer(tmp_path, sliced_file, monkeypatch, caplog):
    """Only what the parser of offers raises is the fault of the offer."""
    caplog.set_level(logging.CRITICAL)
    (tmp_path / "grids.inr").write_bytes(sliced_file)

    def broken(peer, local):
        raise AttributeError("a bug")

    async def go():
        offer, peer = await offer_of()
        async with serving(tmp_path) as (server, base), aiohttp.ClientSession() as http:
            monkeypatch.setattr(webrtc, "bind", broken)
            async with http.post(f"{base}/files/grids.inr", data=offer, headers=SDP) as reply:
                status = reply.status
        await peer.close()
        return status, server.sessions

    assert asyncio.run(go()) == (500, 0)


def test_what_is_no_http_costs_no_line(caplog):
    """Anyone can send some, as fast as the link takes it."""
    head = b"GET / HTTP/1.1\r\nHost: localhost\r\n"
    many = b"".join(b"X-%d: 1\r\n" % n for n in range(300))
    long = b"X: " + b"a" * 9000 + b"\r\n"
    requests = (b"\0garbage\r\n\r\n", head + many + b"\r\n", head + long + b"\r\n")

    async def go():
        async with serving(Shelf(small=100)) as (server, _):
            for request in requests:
                reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
                writer.write(request)
                assert b" 400 " in await asyncio.wait_for(reader.readline(), 30)
                writer.transport.abort()

    asyncio.run(go())
    assert not caplog.records


def test_clients_that_go_and_bodies_that_are_not_valid_are_no_bugs(caplog):
    """Neither is worth a line of the log."""
    ask = b"GET /files/large HTTP/1.1\r\nHost: localhost\r\n\r\n"
    post = b"POST /files/large HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/sdp\r\n"
    packed = b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\n"

    async def go():
        async with serving(Shelf(large=1 << 23)) as (server, _):
            for number in range(10):
                reader, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=1024)
                writer.write(ask)
                await reader.read(1 + number * 1000)
                writer.transport.abort()
            assert await until(lambda: server.downloads == 0)
            for body, status in ((b"none", b" 400 "), (b"no", b"")):
                reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
                writer.write(post + packed + body)
                if status:
                    assert status in await asyncio.wait_for(reader.readline(), 30)
                writer.transport.abort()
            assert await until(lambda: server.downloads == 0)

    asyncio.run(go())
    assert not caplog.records
