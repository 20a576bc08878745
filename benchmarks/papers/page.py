"""docs/papers.md, made from the rows of results."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from benchmarks.papers import iem, inriq, losses, robustness, spinr
from benchmarks.papers.claims import NEAR, Claim, Paper

PAGE = Path(__file__).parents[2] / "docs/papers.md"

HEAD = f"""# The papers, row by row

What five papers claim, beside what the scripts of this project measured.
`python -m benchmarks.papers NAME` prints the rows of a command, `--run` measures them first (a run
goes on where its file of rows ends), and `python -m benchmarks.papers --write` makes this page from
the files of rows; a test checks that the page says what they do.

Figures agree if they are within a factor {NEAR:g} of each other; PSNR of networks if it is within
1 dB, or within the published spread. A gain agrees if ours is more than half of the published one.
Of a claim without a figure the table says whether it holds.

"""


def papers() -> list[Paper]:
    """All papers, in the order of the page."""
    return [module.paper() for module in (inriq, losses, iem, robustness, spinr)]


def claims() -> list[Claim]:
    """The claims of all papers."""
    return [claim for paper in papers() for claim in paper.claims]


def markdown() -> str:
    """The whole page."""
    every = claims()
    counts = Counter(claim.agrees for claim in every)
    total = (
        f"Of {len(every)} rows {counts['yes']} agree, {counts['in part']} in part, and "
        f"{counts['no']} do not.\n"
    )
    return HEAD + total + "".join("\n" + section(paper) for paper in papers())


def section(paper: Paper) -> str:
    """One paper: its table, then what was not measured."""
    lines = [f"## {paper.title}\n", paper.about + "\n"]
    lines += ["| where | claim | published | ours | agrees | why not | command, rows |"]
    lines += ["|---|---|---|---|---|---|---|"]
    lines += map(_row, paper.claims)
    return "\n".join([*lines, "", f"Not measured: {_lower(paper.missing)}\n"])


def _row(claim: Claim) -> str:
    """One claim as a row."""
    stem = Path(claim.results).stem
    link = f"`{claim.name}`, [{stem}](../benchmarks/results/{claim.results})"
    cells = (claim.place, claim.says, claim.published, claim.ours, claim.agrees, claim.why, link)
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def _lower(text: str) -> str:
    """A sentence as it goes on behind a colon, unless it begins with a name."""
    return text[0].lower() + text[1:] if re.match(r"The |And ", text) else text


def lines_of(name: str) -> Iterator[str]:
    """The rows of one command as text for a terminal."""
    for claim in claims():
        if claim.name == name:
            yield f"{claim.place}: {claim.says}"
            yield f"  published: {claim.published}"
            yield f"  ours:      {claim.ours}"
            yield f"  agrees:    {claim.agrees}" + (f" ({claim.why})" if claim.why else "")
