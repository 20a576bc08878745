"""A server amid slow, silent and leaving clients answers others at once (benchmarks/streaming)."""

import asyncio
import contextlib

import pytest

from benchmarks.streaming.crowd import PROBES, ask, crowd, measure
from inrcodec.codec.format.header import Family
from inrcodec.streaming.server.options import Limits
from tests.latent_files import random_file
from tests.streaming.peers import serving, until


def test_a_small_crowd(tmp_path, caplog):
    """Slow, silent and leaving clients, and cold files: the right answers, and not a line."""
    data = random_file(Family.COOLCHIC, 400, 300)
    names = [f"{number}.inr" for number in range(6)]
    for name in names:
        (tmp_path / name).write_bytes(data)
    counts = {"slow": 5, "idle": 30, "leaving": 6}

    async def go():
        limits = Limits(sessions_per_address=100, connections=35, drain_s=0.1)
        async with serving(tmp_path, slices=0, limits=limits) as (server, _):
            paths = [f"/files/{name}" for name in names]
            task = asyncio.create_task(crowd(server.port, paths, counts))
            assert await until(lambda: server.count["inrcodec_requests_total"] > 10, 60)
            for path, status in PROBES.items():
                for _ in range(5):
                    assert (await asyncio.to_thread(ask, server.port, path))[0] == status
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            assert await until(lambda: server.downloads == 0 and server.waiting == 0)

    asyncio.run(go())
    assert not caplog.records


@pytest.mark.slow
def test_a_large_crowd():
    """200 slow clients, 1000 silent ones, 60 that leave. A busy machine delays a few answers."""
    counts = {"slow": 200, "idle": 1000, "leaving": 60}
    report = measure(counts, files=40, side=1000, seconds=20)
    assert report["descriptors"] > 1000
    assert report["lines on stderr"] <= 2
    for path in PROBES:
        assert report[f"amid {path}"]["median_ms"] < 100
        assert report[f"amid {path}"]["most_ms"] < 2000
