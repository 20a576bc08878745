"""`inrcodec receive` where something goes wrong: Ctrl-C, cuts, outputs that do not fit."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import pytest
from aiohttp import web

from inrcodec.codec.format.header import Family
from tests.latent_files import random_file

SLOW = """
import sys, time
from inrcodec.cli.main import main
from inrcodec.streaming import decoding

def slow(runs, **options):
    print("decoding", file=sys.stderr, flush=True)
    total = 0
    for n in range({rounds}):
        total += sum(range(1000))
    raise SystemExit

decoding.decode_runs = slow
main(sys.argv[1:])
"""
"""The command with a decoder that is at work for minutes."""


class Site:
    """A web server of one file in a thread of its own. It cuts the first reply after `cut` bytes,
    has the status `then` for others, and never says a word if it is `mute`. After `stall` bytes of
    a reply it says `stalled`, and nothing more."""

    def __init__(self, data, cut=None, then=None, mute=False, stall=None, tag='"1"'):
        self.data, self.cut, self.then, self.mute, self.stall = data, cut, then, mute, stall
        self.tag = {} if tag is None else {"ETag": tag}
        self.ranges, self.stalled = [], threading.Event()

    async def answer(self, request):
        if request.method == "POST":
            return web.Response(status=404)
        if self.mute:
            await self.over.wait()
        asked = request.headers.get("Range")
        self.ranges.append(asked)
        if self.cut is None and self.then is not None:
            return web.Response(status=self.then)
        begin = int(asked[6:-1]) if asked else 0
        body, said = self.data[begin:], self.tag | {"Content-Length": str(len(self.data) - begin)}
        if asked:
            said["Content-Range"] = f"bytes {begin}-{len(self.data) - 1}/{len(self.data)}"
        reply = web.StreamResponse(status=206 if asked else 200, headers=said)
        await reply.prepare(request)
        if self.cut is not None:
            await reply.write(body[: self.cut])
            self.cut = None
            request.transport.close()
            return reply
        if self.stall is not None:
            await reply.write(body[: self.stall])
            self.stalled.set()
            await self.over.wait()
        await reply.write(body)
        return reply

    @contextmanager
    def open(self):
        loop = asyncio.new_event_loop()
        started, urls = threading.Event(), []

        async def serve():
            self.over = asyncio.Event()
            app = web.Application()
            app.router.add_route("*", "/{path:.*}", self.answer)
            self.runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
            await self.runner.setup()
            await web.TCPSite(self.runner, "127.0.0.1", 0).start()
            urls.append(f"http://127.0.0.1:{self.runner.addresses[0][1]}/photo.inr")
            started.set()

        async def end():
            self.over.set()
            await self.runner.cleanup()

        thread = threading.Thread(
            target=lambda: (loop.run_until_complete(serve()), loop.run_forever())
        )
        thread.start()
        started.wait(30)
        try:
            yield urls[0]
        finally:
            asyncio.run_coroutine_threadsafe(end(), loop).result(30)
            loop.call_soon_threadsafe(loop.stop)
            thread.join(30)
            loop.close()


@pytest.fixture(scope="module")
def grids():
    return random_file(Family.COOLCHIC, 160, 120)


@pytest.fixture
def clear():
    """No cut-out keeps its alpha in a JPEG."""
    return random_file(Family.COOLCHIC, 64, 48, channels=4)


def test_a_file_that_is_cut_is_kept_and_gone_on_from(run, grids, tmp_path):
    target, part = tmp_path / "photo.inr", tmp_path / "photo.inr.part"
    site = Site(grids, cut=5000, then=410)
    with site.open() as url:
        code, _, error = run("receive", f"{url}?expires=1", "-o", target)
        assert code == 1
        assert "5000 bytes are kept in" in error
        assert "410 Gone" in error
        assert not target.exists()
        site.then, site.ranges[1:] = None, []
        code, _, error = run("receive", f"{url}?expires=2", "-o", target, "--transport", "http")
        assert code == 0, error
    assert site.ranges == [None, "bytes=5000-"]
    assert target.read_bytes() == grids
    assert not part.exists()


def test_a_part_of_another_file_is_not_gone_on_from(run, grids, tmp_path):
    target, part = tmp_path / "photo.inr", tmp_path / "photo.inr.part"
    part.write_bytes(b"inrcodec part\n1\nhttp://elsewhere/photo.inr\n" + grids[:100])
    site = Site(grids)
    with site.open() as url:
        assert run("receive", url, "-o", target)[0] == 0
        assert site.ranges == [None]
        part.write_bytes(b"something of the user's own")
        code, _, error = run("receive", url, "-o", target, "-f")
    assert (code, error.count("\n")) == (1, 1)
    assert "remove it" in error
    assert part.read_bytes() == b"something of the user's own"


def test_more_attempts(run, grids, tmp_path):
    site = Site(grids, cut=5000)
    with site.open() as url:
        target = tmp_path / "photo.inr"
        assert run("receive", url, "-o", target, "--retries", "3")[0] == 0
    assert target.read_bytes() == grids
    assert site.ranges == [None, "bytes=5000-"]


@pytest.mark.parametrize("name", ["out.jpg", "out.jpeg"])
def test_an_output_that_cannot_hold_the_image_is_refused_at_its_first_frame(
    run, clear, tmp_path, monkeypatch, name
):
    from inrcodec.cli import watcher

    taken = []
    monkeypatch.setattr(watcher.Watcher, "_note", lambda *_: taken.append(1))
    with Site(clear).open() as url:
        code, _, error = run("receive", url, "-o", tmp_path / name)
    assert code == 2
    assert "JPEG" in error
    assert taken == []
    assert list(tmp_path.iterdir()) == []


def test_a_total_time(run, grids, tmp_path):
    with Site(grids, mute=True).open() as url:
        code, _, error = run("receive", url, "--timeout", "0.5", "--transport", "http")
    assert code == 1
    assert "0.5 s" in error


def test_what_is_no_file_is_not_kept(run, tmp_path):
    with Site(b"<html>a text for people</html>").open() as url:
        code, _, error = run("receive", url, "-o", tmp_path / "photo.inr")
    assert (code, error.count("\n")) == (3, 1)
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_no_version_that_is_cut(run, grids, tmp_path):
    """Nobody can tell later whether the server still has the same file."""
    site = Site(grids, cut=5000, then=410, tag=None)
    with site.open() as url:
        code, _, error = run("receive", url, "-o", tmp_path / "photo.inr", "--transport", "http")
    assert code == 1
    assert "5000 bytes had arrived, but the server names no version" in error
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("limit", [("--max-pixels", "19199"), ("--max-work", "0.001")])
def test_a_file_beyond_the_limits(run, grids, tmp_path, limit):
    with Site(grids).open() as url:
        code, _, error = run("receive", url, "-o", tmp_path / "out.png", *limit)
        assert (code, error.count("\n")) == (3, 1)
        assert url in error
        assert limit[0] in error
        assert list(tmp_path.iterdir()) == []
        assert run("receive", url, "--max-pixels", "19200", "--max-work", "10")[0] == 0


@pytest.mark.parametrize(
    "wrong",
    [
        ("--timeout", "0"),
        ("--timeout", "nan"),
        ("--retries", "-1"),
        ("--retries", "99999"),
        ("--max-pixels", "0"),
        ("--max-work", "-1"),
    ],
)
def test_wrong_numbers(run, wrong):
    assert run("receive", "http://127.0.0.1:9/x", *wrong)[0] == 2


def test_a_password_in_the_url(run):
    code, _, error = run("receive", "http://me:secret@127.0.0.1:9/x", "--token", "a long secret")
    assert (code, error.count("\n")) == (2, 1)
    assert "secret@" not in error


@pytest.mark.parametrize("url", ["http://[::1", "http://[abc]/x.inr", "http://127.0.0.1]/x", "x"])
@pytest.mark.parametrize("name", ["out.inr", "out.png"])
def test_a_url_that_is_none(run, tmp_path, url, name):
    """Nothing is made before it is known to be one."""
    steps = tmp_path / "steps"
    code, _, error = run("receive", url, "-o", tmp_path / name, "-f", "--progressive", steps)
    assert (code, error.count("\n")) == (2, 1)
    assert url in error
    assert list(tmp_path.iterdir()) == []


def interrupted(command, ready, times):
    """Run a command, press Ctrl-C so often once it is `ready`: (code, stderr, seconds)."""
    process = subprocess.Popen(
        [sys.executable, *command],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )
    try:
        if isinstance(ready, str):
            while ready not in (line := process.stderr.readline()):
                assert line, "it ended before"
        else:
            assert ready()
        begun = time.monotonic()
        for _ in range(times):
            process.send_signal(signal.SIGINT)
            time.sleep(0.05)
        _, error = process.communicate(timeout=60)
        return process.returncode, error, time.monotonic() - begun
    finally:
        process.kill()
        process.wait()


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize("times", [1, 2, 3])
def test_ctrl_c_while_an_image_is_decoded(grids, tmp_path, times):
    script = SLOW.format(rounds=10**8)
    with Site(grids).open() as url:
        command = ["-c", script, "receive", url, "-o", str(tmp_path / "out.png")]
        code, error, seconds = interrupted(command, "decoding", times)
    assert code == 130
    assert "Traceback" not in error
    assert "Fatal" not in error
    assert seconds < 20  # the decoder would take minutes
    assert list(tmp_path.iterdir()) == []


def arrived(site):
    """Wait until what the site sent before it stalled is there, as it must be after a while."""
    there = site.stalled.wait(60)
    time.sleep(0.5)
    return there


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize("size", [100, 5000])
def test_ctrl_c_keeps_what_has_arrived_of_a_file(run, grids, tmp_path, size):
    """Also of a layer that is not whole, and before there is an image."""
    site, target = Site(grids, stall=size), tmp_path / "photo.inr"
    part = tmp_path / "photo.inr.part"
    with site.open() as url:
        command = ["-m", "inrcodec.cli.main", "receive", url, "-o", str(target)]
        code, error, seconds = interrupted(command, lambda: arrived(site), 1)
        assert code == 130
        assert error.splitlines()[-1].startswith(f"stopped; {size} bytes are kept in {part}")
        assert seconds < 5
        assert list(tmp_path.iterdir()) == [part]
        assert part.read_bytes().endswith(b"\n" + grids[:size])
        site.stall = None
        assert run("receive", url, "-o", target)[0] == 0
    assert site.ranges == [None, f"bytes={size}-"]
    assert target.read_bytes() == grids


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_ctrl_c_writes_the_best_image(grids, tmp_path):
    site, target = Site(grids, stall=5000), tmp_path / "out.png"
    with site.open() as url:
        command = ["-m", "inrcodec.cli.main", "receive", url, "-o", str(target)]
        code, error, _ = interrupted(command, lambda: arrived(site), 1)
    assert code == 130
    assert "stopped; this is what had arrived" in error
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize(
    ("name", "size", "said"),
    [
        ("out.inr", 0, "stopped; nothing had arrived"),
        ("out.inr", 100, "stopped; 100 bytes had arrived, but the server names no version"),
        ("out.png", 100, "stopped before there was an image; 100 bytes had arrived"),
    ],
)
def test_ctrl_c_says_why_nothing_is_kept(grids, tmp_path, name, size, said):
    site = Site(grids, stall=size, tag=None)
    with site.open() as url:
        command = ["-m", "inrcodec.cli.main", "receive", url, "-o", str(tmp_path / name)]
        code, error, _ = interrupted(command, lambda: arrived(site), 1)
    assert (code, error.count("\n")) == (130, 1)
    assert error.startswith(said)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_ctrl_c_while_the_first_image_of_a_file_is_decoded(grids, tmp_path):
    script = SLOW.format(rounds=10**8)
    with Site(grids).open() as url:
        command = ["-c", script, "receive", url, "-o", str(tmp_path / "out.inr")]
        code, error, _ = interrupted(command, "decoding", 1)
    assert code == 130
    assert f"stopped; {len(grids)} bytes are kept" in error


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize("times", [1, 3])
def test_ctrl_c_while_a_server_says_nothing(grids, tmp_path, times):
    site = Site(grids, mute=True)
    asked = threading.Event()
    answer = site.answer

    async def noted(request):
        if request.method == "GET":
            asked.set()
        return await answer(request)

    site.answer = noted
    with site.open() as url:
        command = ["-m", "inrcodec.cli.main", "receive", url]
        code, error, seconds = interrupted(command, lambda: asked.wait(60), times)
    assert code in (130, -signal.SIGINT)  # the last one may meet an interpreter that is ending
    assert "Fatal" not in error
    assert seconds < 20  # all attempts together would take longer


def test_what_is_kept_says_of_what_it_is(tmp_path):
    from inrcodec.cli.partial import Partial
    from inrcodec.streaming import Beginning

    partial = Partial(str(tmp_path / "x.inr"), "http://h/x.inr?signature=5")
    assert partial.read() == Beginning()
    assert not partial.keep(Beginning(b"abc", ""))
    assert partial.keep(Beginning(b"a\nb\n\n", "tag"))
    assert partial.read() == Beginning(b"a\nb\n\n", "tag")
    assert Partial(str(tmp_path / "x.inr"), "http://h/y.inr").read() == Beginning()
    (tmp_path / "x.inr.part").write_bytes(b"inrcodec part\nshort")
    assert partial.read() == Beginning()
    partial.remove()
    partial.remove()
    (tmp_path / "x.inr.part").mkdir()
    with pytest.raises(Exception, match="part"):
        partial.read()
