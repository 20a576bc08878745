"""Prints by how many bytes this process grew at most while a file was decoded, or cut into slices.

    python decode_memory.py FILE THREADS SMALL [SIDE]

SMALL, a file of the same family, is decoded before, so that code and tables are loaded.
"""

import re
import sys
from pathlib import Path

import inrcodec
from inrcodec.streaming.layers import cut


def most() -> int:
    """The largest size of this process so far, in bytes."""
    status = Path("/proc/self/status").read_text()  # getrusage tells that of the parent, too
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) << 10


def cost(path: str, threads: int, side: str | None) -> None:
    """Do what is measured."""
    if side is None:
        inrcodec.decode_picture(path, threads=threads, max_work=1e6)
    else:
        cut(Path(path).read_bytes(), int(side), 1e6)


path, threads, small, *sides = sys.argv[1:]
side = sides[0] if sides else None
cost(small, int(threads), side)
before = most()
cost(path, int(threads), side)
print(most() - before)
