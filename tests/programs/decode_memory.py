"""Prints by how many bytes this process grew at most while a file was decoded.

    python decode_memory.py FILE THREADS SMALL

SMALL, a file of the same family, is decoded before, so that code and tables are loaded.
"""

import re
import sys
from pathlib import Path

import inrcodec


def most() -> int:
    """The largest size of this process so far, in bytes."""
    status = Path("/proc/self/status").read_text()  # getrusage tells that of the parent, too
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) << 10


path, threads, small = sys.argv[1:]
inrcodec.decode(small, threads=int(threads))
before = most()
inrcodec.decode_picture(path, threads=int(threads), max_work=1e6)
print(most() - before)
