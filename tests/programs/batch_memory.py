"""Prints by how many bytes the parent of a batch grew between its 400th result and its last one.

    python batch_memory.py FOLDER FILES

Results and reports are stubs of 50 and 10 kB.
"""

import os
import re
import sys
from pathlib import Path

sys.path.insert(0, os.getcwd())

from inrcodec.batch import find, plan_of, run
from tests.batch.stubs import OPTIONS, journal_in, large


def size() -> int:
    """The size of this process, in bytes."""
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) << 10


def main(folder: Path, files: int) -> None:
    """Make the files and run the batch."""
    os.fsync = lambda _: None  # a test need not outlive a power failure
    (folder / "in").mkdir()
    for number in range(files):
        (folder / "in" / f"{number}.txt").write_bytes(b"x")
    items = find([str(folder / "in")], {".txt"}, ".out", recursive=False).items
    done, early = 0, 0
    with journal_in(folder / "out") as journal:
        for step in run(plan_of(items, journal).tasks, large, OPTIONS, journal, jobs=2):
            done += len(step.outcomes)
            if not early and done >= 400:
                early = size()
    assert done == files
    print(size() - early)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
