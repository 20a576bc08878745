"""The claims of five papers beside our figures, by name.

    python -m benchmarks.papers                       # the names, with verdicts
    python -m benchmarks.papers inriq-table-1         # its rows, from the stored results
    python -m benchmarks.papers inriq-table-1 --run   # measure first; what follows is the script's
    python -m benchmarks.papers --write               # docs/papers.md anew

The page docs/papers.md has all of them.
"""

import argparse
import subprocess
import sys
from collections import Counter

from benchmarks.papers.page import PAGE, claims, lines_of, markdown


def main() -> None:
    """List, show, measure or write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("name", nargs="?", help="a command of docs/papers.md")
    parser.add_argument(
        "--run", action="store_true", help="run its script first; what follows is its"
    )
    parser.add_argument("--write", action="store_true", help="write docs/papers.md")
    arguments, others = parser.parse_known_args()
    if others and not arguments.run:
        parser.error(f"unknown options {' '.join(others)}")
    names = {claim.name: claim.script for claim in claims()}
    if arguments.write:
        PAGE.write_text(markdown(), "utf-8")
        print(PAGE.name)
        return
    if arguments.name is None:
        for name, script in names.items():
            counts = Counter(claim.agrees for claim in claims() if claim.name == name)
            told = ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
            print(f"{name:30} {script:38} {told}")
        return
    if arguments.name not in names:
        parser.error(f"unknown name {arguments.name!r}; without one, all are listed")
    if arguments.run:
        again = [sys.executable, "-m", "benchmarks.papers", arguments.name]
        subprocess.run([sys.executable, "-m", names[arguments.name], *others], check=True)
        subprocess.run(again, check=True)  # a process of its own reads the new rows
        return
    print("\n".join(lines_of(arguments.name)))


if __name__ == "__main__":
    main()
