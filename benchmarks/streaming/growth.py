"""How the cost of a server grows toward a content delivery network: a model that runs.

    python -m benchmarks.streaming.growth

A machine serves sessions of files whose popularity follows Zipf's law. A file that is not kept is
read and cut into slices, or only read if it was cut when it was made (`encode --slices`); a session
then takes processor time, memory while it lasts, and bytes of the link. What these cost is
measured: a session by `benchmarks.streaming.load` (results/streaming/load.json), a file here. The
share of requests for streams that are kept is that of a cache from which the least recently used
goes first, by the approximation of Che et al. (2002), with popularity in classes, so that a billion
files need no billion records. Writes results/streaming/growth.json and growth.md.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from benchmarks.streaming.load import some_file
from inrcodec.streaming.layers import cut, stream_of

LOAD = Path(__file__).parents[1] / "results/streaming/load.json"
RESULTS = LOAD.with_name("growth.json")
TABLE = RESULTS.with_suffix(".md")

FILES = (10**4, 10**6, 10**9)
SKEW = 0.9
"""Exponent of Zipf's law: that of requests for web objects is 0.6 to 0.9 (Breslau et al. 1999)."""

CACHES = (1 << 28, 1 << 32, 1 << 36)
"""Bytes for kept streams: what the server has, 4 GiB, 64 GiB."""

CORES, LINK = 16, 1.25e9
"""Of a machine: processor cores, and bytes a second of its link (10 Gbit/s)."""

SESSIONS = 10**5
"""Sessions at once that a machine is to hold."""

SESSION_S = 10.0
"""Seconds that a session of a viewer lasts, most of it idle."""


@dataclass(frozen=True, slots=True)
class Costs:
    """What is measured: seconds and bytes of one session, of one cut, of one kept stream."""

    session_cpu_s: float
    session_bytes: float
    session_memory: float
    http_cpu_s: float
    cut_cpu_s: float
    read_cpu_s: float
    stream_memory: float


def measured() -> Costs:
    """Read the costs of sessions, and measure those of files."""
    loads = json.loads(LOAD.read_text())
    crowd, burst = loads["1000"], loads["100"]
    data = some_file()
    times = [time.process_time()]
    sliced = cut(data, 0, None)
    times.append(time.process_time())
    stream = stream_of(sliced)
    times.append(time.process_time())
    cut_s, read_s = np.diff(times)
    grown = burst["server_mb_most"] - burst["server_mb_before"]
    nginx = crowd["nginx"] or {"cpu_ms_each": math.nan}
    return Costs(
        session_cpu_s=crowd["cpu_ms_each"] / 1000,
        session_bytes=crowd["sent_bytes"] / crowd["receivers"],
        session_memory=1e6 * grown / burst["receivers"],
        http_cpu_s=nginx["cpu_ms_each"] / 1000,
        cut_cpu_s=float(cut_s + read_s),
        read_cpu_s=float(read_s),
        stream_memory=stream.held_bytes,
    )


def hit_rate(files: int, kept: int) -> float:
    """The share of requests for a file that is kept, where `kept` of so many are."""
    edges = np.unique(np.geomspace(1, files + 1, 4000).astype(np.int64))
    first, last = edges[:-1].astype(float), edges[1:].astype(float)
    if SKEW == 1:
        mass = np.log(last / first)
    else:
        mass = (last ** (1 - SKEW) - first ** (1 - SKEW)) / (1 - SKEW)
    count = last - first
    each = mass / mass.sum() / count
    if kept >= files:
        return 1.0
    low, high = 0.0, 1e18
    for _ in range(200):  # the time after which a file that nobody asks for is let go
        middle = math.sqrt(max(low, 1e-9) * high)
        there = float((count * -np.expm1(-each * middle)).sum())
        low, high = (middle, high) if there < kept else (low, middle)
    return float((count * each * -np.expm1(-each * high)).sum())


@dataclass(frozen=True, slots=True)
class Machine:
    """One machine: sessions a second that each of its parts allows, and what limits it."""

    files: int
    cache_bytes: int
    cut_before: bool
    hits: float
    by_cpu: float
    by_link: float
    memory_bytes: float
    bottleneck: str
    sessions_per_s: float


def machine(costs: Costs, files: int, cache_bytes: int, cut_before: bool) -> Machine:
    """What a machine with this cache does for so many files."""
    hits = hit_rate(files, int(cache_bytes / costs.stream_memory))
    miss = (1 - hits) * (costs.read_cpu_s if cut_before else costs.cut_cpu_s)
    by_cpu = CORES / (costs.session_cpu_s + miss)
    by_link = LINK / costs.session_bytes
    cutting = miss > costs.session_cpu_s
    bottleneck = "cutting files" if cutting else "sessions (DTLS, SCTP)"
    if by_link < by_cpu:
        bottleneck = "the link"
    most = min(by_cpu, by_link)
    memory = cache_bytes + most * SESSION_S * costs.session_memory
    return Machine(files, cache_bytes, cut_before, hits, by_cpu, by_link, memory, bottleneck, most)


def table(costs: Costs, machines: Sequence[Machine]) -> str:
    """The machines, and what the wanted number of sessions asks for."""
    ms = 1000
    at_once = SESSIONS / SESSION_S
    lines = [
        f"One session: {ms * costs.session_cpu_s:.0f} ms of a core, "
        f"{costs.session_memory / 1e6:.1f} MB while it lasts, {costs.session_bytes / 1e3:.0f} KB. "
        f"To cut a file: {ms * costs.cut_cpu_s:.0f} ms, to read one that is cut: "
        f"{ms * costs.read_cpu_s:.1f}; a kept stream: "
        f"{costs.stream_memory / 1e3:.0f} KB. {CORES} cores, "
        f"{LINK * 8 / 1e9:.0f} Gbit/s, sessions of {SESSION_S:.0f} s, Zipf {SKEW}.",
        "",
        "| files | cut | cache | requests for kept ones | sessions a second | at once | memory | "
        "limit |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for one in machines:
        when = "before" if one.cut_before else "when asked for"
        lines.append(
            f"| 10^{round(math.log10(one.files))} | {when} | {one.cache_bytes / 2**30:g} GiB | "
            f"{100 * one.hits:.0f} % | {one.sessions_per_s:.0f} | "
            f"{one.sessions_per_s * SESSION_S:,.0f} | {one.memory_bytes / 2**30:.1f} GiB | "
            f"{one.bottleneck} |"
        )
    lines += [
        "",
        f"{SESSIONS:,} sessions at once are {at_once:,.0f} a second: "
        f"{at_once * costs.session_cpu_s:.0f} cores for WebRTC, "
        f"{at_once * costs.http_cpu_s:.0f} for plain HTTP from nginx, and "
        f"{at_once * costs.session_bytes * 8 / 1e9:.1f} Gbit/s.",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, simulate, write."""
    argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0]).parse_args()
    costs = measured()
    machines = [
        machine(costs, files, cache, cut_before)
        for files in FILES
        for cut_before in (False, True)
        for cache in CACHES
    ]
    report = {"costs": asdict(costs), "machines": [asdict(one) for one in machines]}
    RESULTS.write_text(json.dumps(report, indent=1) + "\n")
    TABLE.write_text(table(costs, machines))
    print(TABLE.read_text())


if __name__ == "__main__":
    main()
