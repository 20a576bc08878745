"""A server amid a crowd: what others wait for while it is busy with clients that do it no good.

    python -m benchmarks.streaming.crowd

`inrcodec serve` runs as it is installed, in a process of its own. Another process plays the crowd:
`--slow` (200) clients download a large file 4 KB at a time, `--idle` (1000) connect and say
nothing, `--leaving` (60) ask for files that are not read yet, and go before they are. Meanwhile
`/healthz` and the name of no file are asked for over new connections, and timed. The folder has
more files to read than the server reads in that time.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import multiprocessing
import os
import random
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import IO, Any

from inrcodec.codec.format.header import Family
from inrcodec.streaming import Limits
from inrcodec.streaming.server import descriptors
from tests.latent_files import random_file

RESULTS = Path(__file__).parents[1] / "results/streaming/crowd.json"
PROBES = {"/healthz": 200, "/files/none.inr": 404}
HOST = "127.0.0.1"
COMING_S = 4.0
"""Seconds in which the slow and the silent clients come, one after the other."""


async def idle(port: int, delay_s: float) -> None:
    """After a delay connect and say nothing, again and again when that is cut."""
    await asyncio.sleep(delay_s)
    while True:
        with contextlib.suppress(OSError):
            reader, writer = await asyncio.open_connection(HOST, port)
            try:
                await reader.read(1)
            finally:
                writer.transport.abort()
        await asyncio.sleep(0.1)


async def slow(port: int, path: str, delay_s: float) -> None:
    """After a delay download a file 4 KB at a time, again and again, with a small window."""
    await asyncio.sleep(delay_s)
    while True:
        with contextlib.suppress(OSError):
            async with asking(port, path) as reader:
                while await reader.read(4096):
                    await asyncio.sleep(0.2)
        await asyncio.sleep(0.1)


async def leaving(port: int, paths: list[str], draw: random.Random) -> None:
    """Ask for a file and go within a second, again and again."""
    while True:
        with contextlib.suppress(OSError, asyncio.TimeoutError):
            async with asking(port, draw.choice(paths)) as reader:
                await asyncio.wait_for(reader.read(1), draw.random())


@asynccontextmanager
async def asking(port: int, path: str) -> AsyncIterator[asyncio.StreamReader]:
    """Ask for a file over a connection with a small window, which is cut in the end."""
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    made.setblocking(False)
    try:
        await asyncio.get_running_loop().sock_connect(made, (HOST, port))
        reader, writer = await asyncio.open_connection(sock=made, limit=4096)
    except BaseException:
        made.close()
        raise
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
        yield reader
    finally:
        writer.transport.abort()


async def crowd(port: int, paths: list[str], counts: dict[str, int]) -> None:
    """Be all of these clients until cancelled. The first path is that of the file that slow ones
    download, the others are asked for by those that leave."""
    draws = [random.Random(number) for number in range(counts["leaving"])]
    await asyncio.gather(
        *(idle(port, COMING_S * n / counts["idle"]) for n in range(counts["idle"])),
        *(slow(port, paths[0], COMING_S * n / counts["slow"]) for n in range(counts["slow"])),
        *(leaving(port, paths[1:], draw) for draw in draws),
    )


def play(port: int, paths: list[str], counts: dict[str, int]) -> None:
    """Play the crowd in a process of its own, which is killed in the end. It yields to the server:
    a real crowd has machines of its own."""
    os.nice(10)
    descriptors.allow(Limits(connections=sum(counts.values())))
    asyncio.run(crowd(port, paths, counts))


def ask(port: int, path: str) -> tuple[int, float]:
    """Ask over a new connection; return (status, seconds until all is there)."""
    begun = time.perf_counter()
    with socket.create_connection((HOST, port), timeout=60) as made:
        head = f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n"
        made.sendall(head.encode())
        reply = b""
        while piece := made.recv(1 << 16):
            reply += piece
    return int(reply.split()[1]), time.perf_counter() - begun


def probed(port: int, seconds: float) -> dict[str, list[float]]:
    """Ask for each of `PROBES` for a while; return the sorted seconds that each answer took."""
    times: dict[str, list[float]] = {path: [] for path in PROBES}
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        for path, status in PROBES.items():
            found, took = ask(port, path)
            if found != status:
                raise SystemExit(f"{path} was answered with {found}")
            times[path].append(took)
        time.sleep(0.02)
    return {path: sorted(found) for path, found in times.items()}


@contextmanager
def serving(folder: str, errors: IO[str]) -> Iterator[tuple[int, subprocess.Popen[str]]]:
    """Serve a folder with the command; yield its port and its process."""
    command = [sys.executable, "-m", "inrcodec.cli.main", "serve", folder, "--port", "0"]
    process = subprocess.Popen(
        [*command, "--per-address", "5000"],
        stdout=subprocess.PIPE,
        stderr=errors,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )
    try:
        url = process.stdout.readline() if process.stdout else ""
        yield int(url.split("/")[2].rpartition(":")[2]), process
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)


def measure(counts: dict[str, int], files: int, side: int, seconds: float) -> dict[str, Any]:
    """Measure answers of a server alone, then amid a crowd of so many of each kind. The folder has
    so many files of random grids, of so many pixels a side."""
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile("w+") as errors:
        data = random_file(Family.COOLCHIC, side, side)
        for number in range(files):
            (Path(folder) / f"{number:03}.inr").write_bytes(data)
        paths = [f"/files/{number:03}.inr" for number in range(files)]
        with serving(folder, errors) as (port, process):
            ask(port, paths[0])
            alone = probed(port, 2)
            context = multiprocessing.get_context("spawn")
            player = context.Process(target=play, args=(port, paths, counts), daemon=True)
            player.start()
            time.sleep(COMING_S + 2)  # until all are there
            amid = probed(port, seconds)
            there = len(os.listdir(f"/proc/{process.pid}/fd"))
            player.kill()
            player.join()
        errors.seek(0)
        lines = errors.read().splitlines()
    report: dict[str, Any] = {**counts, "file_bytes": len(data), "descriptors": there}
    report["lines on stderr"] = len(lines)
    for name, times in (("alone", alone), ("amid", amid)):
        for path, found in times.items():
            report[f"{name} {path}"] = {
                "requests": len(found),
                "median_ms": round(statistics.median(found) * 1e3, 1),
                "99_percent_ms": round(found[len(found) * 99 // 100] * 1e3, 1),
                "most_ms": round(found[-1] * 1e3, 1),
            }
    return report


def main() -> None:
    """Run the benchmark, and write its results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--slow", type=int, default=200)
    parser.add_argument("--idle", type=int, default=1000)
    parser.add_argument("--leaving", type=int, default=60)
    parser.add_argument("--seconds", type=float, default=30)
    parsed = parser.parse_args()
    counts = {"slow": parsed.slow, "idle": parsed.idle, "leaving": parsed.leaving}
    report = measure(counts, files=60, side=1000, seconds=parsed.seconds)
    RESULTS.write_text(json.dumps(report, indent=1) + "\n")
    print(RESULTS.read_text())


if __name__ == "__main__":
    main()
