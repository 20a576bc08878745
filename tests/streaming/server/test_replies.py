"""Whose fault an error is decides the status."""

import asyncio
import logging

import aiohttp
import pytest

from inrcodec.errors import StreamError
from inrcodec.streaming.server.library import UnknownFileError
from inrcodec.streaming.transport import webrtc
from tests.streaming.peers import offer_of, serving

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
