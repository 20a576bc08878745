"""A server under load: many receivers at once, and what each costs.

    python -m benchmarks.streaming.load

The server runs in a process of its own; `--receivers` (100) receivers ask for a file of 100 KB in
one other process, all at once, over WebRTC. None decodes: the times are those of the network and
the protocol. Memory and CPU are the server's, from the operating system.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import multiprocessing
import resource
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from inrcodec.codec.format.header import Family
from inrcodec.streaming import Library, Limits, ReceiveOptions, Server, ServerOptions, fetch
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


async def receivers(url: str, count: int, size_bytes: int) -> list[float]:
    """Receive the file many times at once; return the seconds of each."""

    async def one(number: int) -> float:
        begun = time.monotonic()
        options = ReceiveOptions(mode="nack", transport="webrtc", connect_s=60, silence_s=60)
        data = await fetch(url, options)
        if len(data) != size_bytes:
            raise SystemExit("a receiver got something else")
        return time.monotonic() - begun

    return list(await asyncio.gather(*(one(number) for number in range(count))))


def main() -> None:
    """Run the benchmark, and write its results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--receivers", type=int, default=100)
    arguments = parser.parse_args()
    logging.disable(logging.CRITICAL)
    data = some_file()
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "file.inr").write_bytes(data)
        ours, theirs = multiprocessing.Pipe()
        process = multiprocessing.Process(target=serve, args=(folder, theirs))
        process.start()
        port, before = ours.recv()
        url = f"http://127.0.0.1:{port}/files/file.inr"
        begun = time.monotonic()
        times = sorted(asyncio.run(receivers(url, arguments.receivers, len(data))))
        took = time.monotonic() - begun
        ours.send("done")
        after, left, count = ours.recv()
        process.join()
    report = {
        "receivers": arguments.receivers,
        "file_bytes": len(data),
        "all_complete_s": round(took, 3),
        "median_s": round(statistics.median(times), 3),
        "first_s": round(times[0], 3),
        "last_s": round(times[-1], 3),
        "server_cpu_s": round(after[0] - before[0], 3),
        "server_mb_before": round(before[1], 1),
        "server_mb_after": round(after[1], 1),
        "server_mb_most": round(after[2], 1),
        "sessions_left": left,
        "sent_bytes": count["inrcodec_sent_bytes_total"],
    }
    RESULTS.write_text(json.dumps(report, indent=1) + "\n")
    print(RESULTS.read_text())


if __name__ == "__main__":
    main()
