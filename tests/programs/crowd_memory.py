"""Prints what came of a simulated crowd, and by how many bytes this process grew meanwhile, after
the first twentieth of it.

    python crowd_memory.py SESSIONS
"""

import json
import random
import re
import sys
from pathlib import Path

from inrcodec.streaming.protocol.stream import Stream
from inrcodec.streaming.simulated.crowd import Rules, Visitors, simulate_crowd


def size() -> int:
    """The size of this process, in bytes."""
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) << 10


def main(sessions: int) -> None:
    """Run the crowd."""
    early = 0

    def look(over: int) -> None:
        nonlocal early
        if over == sessions // 20:
            early = size()

    stream = Stream(random.Random(0).randbytes(6000), [0, 2000, 4000], [])
    report = simulate_crowd(stream, Visitors(count=sessions, per_s=200), Rules(), look)
    print(json.dumps({"ends": report.ends, "growth_bytes": size() - early}))


if __name__ == "__main__":
    main(int(sys.argv[1]))
