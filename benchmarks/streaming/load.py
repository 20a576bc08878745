"""A server under load: many receivers at once, and what each costs.

    python -m benchmarks.streaming.load
    python -m benchmarks.streaming.load --receivers 1000 --over 60

The server runs in a process of its own; `--receivers` (100) receivers ask for a file of 100 KB in
one other process over WebRTC, all at once or evenly over some seconds. None decodes: the times are
those of the network and the protocol. Memory and CPU are the server's, from the operating system.
Where nginx is installed, as many clients then get the same bytes from it by plain HTTP. The first
image is there with the base layer, of nginx once so many bytes are. Each number of receivers has
its own results.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import multiprocessing
import resource
import shutil
import socket
import statistics
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from inrcodec.codec.format.header import Family
from inrcodec.streaming import Library, Limits, ReceiveOptions, Server, ServerOptions
from inrcodec.streaming.client.reception import Reception
from inrcodec.streaming.layers import starts_in
from inrcodec.streaming.protocol.frame import Beginning
from inrcodec.streaming.server import descriptors
from tests.latent_files import random_file

RESULTS = Path(__file__).parents[1] / "results/streaming/load.json"


def some_file() -> bytes:
    """Make a file of about 100 KB of random grids, which nobody decodes."""
    return random_file(Family.COOLCHIC, 410, 344, slice_side=64)


def serve(path: str, pipe: Any) -> None:
    """Run the server's process: tell its port, then, when asked, what it took."""
    logging.disable(logging.CRITICAL)

    async def go() -> None:
        limits = Limits(sessions=2000, sessions_per_address=2000, connect_s=60)
        server = Server(Library(path), ServerOptions(port=0, limits=limits))
        await server.start()
        pipe.send((server.port, used()))
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, pipe.recv)
        await asyncio.sleep(1)
        pipe.send((used(), server.sessions, dict(server.count)))
        await server.close()

    asyncio.run(go())


def used() -> tuple[float, float, float]:
    """Return (seconds of CPU, MB now, MB at most) of this process."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    now = pages * resource.getpagesize() / 1e6
    return usage.ru_utime + usage.ru_stime, now, usage.ru_maxrss / 1e3


Times = tuple[float, float]
"""Seconds to the base layer, and to the whole file."""

Get = Callable[[], Awaitable[Times]]


async def crowd(get: Get, count: int, over_s: float) -> list[Times]:
    """Let so many receivers come within some seconds; return the times of each."""

    async def one(number: int) -> Times:
        await asyncio.sleep(number * over_s / count)
        return await get()

    return list(await asyncio.gather(*(one(number) for number in range(count))))


async def received(url: str, size_bytes: int) -> Times:
    """Receive the file as `inrcodec receive` does, without decoding it."""
    begun, first = time.monotonic(), 0.0
    options = ReceiveOptions(mode="nack", transport="webrtc", connect_s=60, silence_s=60)
    reception = Reception(url, options, Beginning())
    running = asyncio.create_task(reception.run())
    while (frame := await reception.frames.get()) is not None:
        first = first or time.monotonic() - begun
        last = frame
    await running
    if last.data is None or len(last.data) != size_bytes:
        raise SystemExit("a receiver got something else")
    return first, time.monotonic() - begun


async def downloads(url: str, count: int, over_s: float, base_bytes: int) -> list[Times]:
    """Get the file by plain HTTP so many times."""
    import aiohttp

    connector = aiohttp.TCPConnector(limit=0, force_close=True)
    async with aiohttp.ClientSession(connector=connector) as http:

        async def get() -> Times:
            begun, first, size = time.monotonic(), 0.0, 0
            async with http.get(url) as reply:
                async for piece in reply.content.iter_any():
                    size += len(piece)
                    if size >= base_bytes:
                        first = first or time.monotonic() - begun
            return first, time.monotonic() - begun

        return await crowd(get, count, over_s)


NGINX = """
worker_processes 1; pid {folder}/pid; error_log {folder}/errors;
events {{ worker_connections 4096; }}
http {{ access_log off; server {{ listen 127.0.0.1:{port}; root {folder}; }} }}
"""


def beside(folder: str, count: int, over_s: float, base_bytes: int) -> dict[str, float] | None:
    """What the same clients see of an nginx that serves the folder; None without one."""
    command = shutil.which("nginx")
    if command is None:
        return None
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    Path(folder).chmod(0o755)
    (Path(folder) / "conf").write_text(NGINX.format(folder=folder, port=port))
    options = ["-c", f"{folder}/conf", "-g", "daemon off;"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with subprocess.Popen([command, *options], stderr=subprocess.DEVNULL) as nginx:
        time.sleep(1)
        url = f"http://127.0.0.1:{port}/file.inr"
        times = asyncio.run(downloads(url, count, over_s, base_bytes))
        nginx.terminate()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    taken = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return seen(times) | {"cpu_ms_each": round(1000 * taken / count, 2)}


def seen(times: list[Times]) -> dict[str, float]:
    """Median and 99th percentile of both times, in seconds."""
    report = {}
    for name, values in zip(("first", "whole"), zip(*times, strict=True), strict=True):
        cuts = statistics.quantiles(values, n=100, method="inclusive")
        report[f"{name}_median_s"] = round(cuts[49], 3)
        report[f"{name}_p99_s"] = round(cuts[98], 3)
    return report


def main() -> None:
    """Run the benchmark, and write its results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--receivers", type=int, default=100)
    parser.add_argument("--over", type=float, default=0.0, help="seconds in which they come")
    arguments = parser.parse_args()
    count, over_s = arguments.receivers, arguments.over
    logging.disable(logging.CRITICAL)
    descriptors.allow(Limits(sessions=2 * count))
    data = some_file()
    base_bytes = starts_in(data)[1]
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "file.inr").write_bytes(data)
        ours, theirs = multiprocessing.Pipe()
        process = multiprocessing.Process(target=serve, args=(folder, theirs))
        process.start()
        port, before = ours.recv()
        url = f"http://127.0.0.1:{port}/files/file.inr"
        begun = time.monotonic()
        times = asyncio.run(crowd(lambda: received(url, len(data)), count, over_s))
        took = time.monotonic() - begun
        ours.send("done")
        after, left, counted = ours.recv()
        process.join()
        nginx = beside(folder, count, over_s, base_bytes)
    report = {
        "receivers": count,
        "over_s": over_s,
        "file_bytes": len(data),
        "all_complete_s": round(took, 3),
        **seen(times),
        "cpu_ms_each": round(1000 * (after[0] - before[0]) / count, 2),
        "server_mb_before": round(before[1], 1),
        "server_mb_after": round(after[1], 1),
        "server_mb_most": round(after[2], 1),
        "sessions_left": left,
        "sent_bytes": counted["inrcodec_sent_bytes_total"],
        "nginx": nginx,
    }
    kept = json.loads(RESULTS.read_text()) if RESULTS.is_file() else {}
    kept[str(count)] = report
    RESULTS.write_text(json.dumps(kept, indent=1) + "\n")
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
