"""A server does not use up the files that its process may open."""

import asyncio
import errno
import http.client
import json
import logging
import os
import socket
import subprocess
import sys

import aiohttp
import pytest

from inrcodec.errors import StreamError
from inrcodec.streaming.server import descriptors, listening
from inrcodec.streaming.server.options import Limits
from tests.streaming.peers import offer_of, serving, until

resource = pytest.importorskip("resource")


@pytest.fixture
def may_open(monkeypatch):
    """Set how many files this process may open, and how many are open."""

    def set_limit(soft, opened=24, hard=None):
        limit = [soft, soft if hard is None else hard]
        monkeypatch.setattr(resource, "getrlimit", lambda which: tuple(limit))
        monkeypatch.setattr(resource, "setrlimit", lambda which, new: limit.__setitem__(0, new[0]))
        monkeypatch.setattr(descriptors, "_open", lambda: opened)
        return limit

    return set_limit


@pytest.mark.parametrize(
    ("soft", "sessions", "connections"),
    [(20000, 256, 2048), (1024, 256, 712), (256, 100, 100), (72, 8, 8)],
)
def test_limits_fit_into_the_descriptors(may_open, soft, sessions, connections):
    may_open(soft)
    found = descriptors.fitted(Limits())
    assert (found.sessions, found.connections) == (sessions, connections)
    assert sessions + connections + 24 + descriptors.SPARE <= soft


def test_too_few_descriptors_are_said(may_open):
    may_open(64)
    with pytest.raises(StreamError, match="may open 8 more files"):
        descriptors.fitted(Limits())
    may_open(resource.RLIM_INFINITY)
    assert descriptors.fitted(Limits()) == Limits()


def test_a_program_may_ask_for_more(may_open):
    for soft, hard, wanted in (
        (1024, 1 << 20, 24 + descriptors.SPARE + 256 + 2048),
        (1024, 1500, 1500),
        (1024, 1024, 1024),
        (9999, 1 << 20, 9999),
        (1024, resource.RLIM_INFINITY, 24 + descriptors.SPARE + 256 + 2048),
    ):
        limit = may_open(soft, hard=hard)
        descriptors.allow(Limits())
        assert limit[0] == wanted


CROWD = """
import asyncio, json, resource, sys
import aiohttp
from inrcodec.streaming import Library, Limits, Server, ServerOptions

async def go():
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (200, most))
    server = Server(Library(sys.argv[1]), ServerOptions(port=0))
    await server.start()
    print(json.dumps([server.port, server.limits.connections]), flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    print(json.dumps([server.waiting, server.count]), flush=True)
    await server.close()

asyncio.run(go())
"""


def test_more_clients_than_descriptors_cost_no_line(tmp_path):
    """Each of 300 finds a server that answers, though it may open 200 files."""
    command = [sys.executable, "-W", "error", "-c", CROWD, str(tmp_path)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
        port, most = json.loads(process.stdout.readline())
        silent = []
        for number in range(300):
            silent.append(socket.create_connection(("127.0.0.1", port), timeout=30))
            if number % 100 == 99:
                asking = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
                asking.request("GET", "/healthz")
                assert asking.getresponse().status == 200
                asking.close()
        out, error = process.communicate("\n", timeout=60)
        for each in silent:
            each.close()
    waiting, count = json.loads(out)
    assert error == ""
    assert 0 < waiting <= most < 200
    assert count["inrcodec_requests_total"] == 3


def test_a_system_without_descriptors_is_said_in_one_line(tmp_path, monkeypatch, caplog):
    """The server accepts again when there are some, and has cut who waited longest for that."""
    monkeypatch.setattr(listening, "PAUSE_S", 0.001)

    async def go():
        async with serving(tmp_path) as (server, base), aiohttp.ClientSession() as client:
            loop = asyncio.get_running_loop()
            _, idle = await asyncio.open_connection("127.0.0.1", server.port)
            assert await until(lambda: server.waiting == 1)
            failures = []

            async def full(listening):
                failures.append(1)
                raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

            with monkeypatch.context() as patch:
                patch.setattr(loop, "sock_accept", full)
                _, wakes = await asyncio.open_connection("127.0.0.1", server.port)
                assert await until(lambda: len(failures) > 20)
            assert server.waiting == 0
            async with client.get(f"{base}/healthz") as reply:
                assert reply.status == 200
            idle.close()
            wakes.close()

    with caplog.at_level(logging.WARNING):
        asyncio.run(go())
    assert [record.getMessage() for record in caplog.records] == [
        "connections cannot be accepted: Too many open files"
    ]
    assert caplog.records[0].exc_info is None


def test_a_session_without_a_socket_is_refused_for_now(tmp_path, sliced_file, monkeypatch, caplog):
    (tmp_path / "a.inr").write_bytes(sliced_file)

    async def go():
        offer, peer = await offer_of()
        async with serving(tmp_path) as (server, base), aiohttp.ClientSession() as client:

            async def full(*arguments, **options):
                raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

            monkeypatch.setattr(asyncio.get_running_loop(), "create_datagram_endpoint", full)
            headers = {"Content-Type": "application/sdp"}
            async with client.post(f"{base}/files/a.inr", data=offer, headers=headers) as reply:
                assert (reply.status, reply.headers["Retry-After"]) == (503, "5")
            assert await until(lambda: server.sessions == 0)
        await peer.close()

    asyncio.run(go())
    assert not caplog.records
