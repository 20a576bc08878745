"""What a row of the page of papers holds, and how rows of results are read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from benchmarks.common import stored_rows

RESULTS = Path(__file__).parents[1] / "results"
NEAR = 1.3
"""Two figures agree if neither is more than so many times the other."""

Verdict = Literal["yes", "in part", "no"]


@dataclass(frozen=True, slots=True)
class Claim:
    """One claim: where the paper makes it, its figure, ours, and whether they agree.

    `name` is that of the command `python -m benchmarks.papers NAME`, which several claims of one
    table share; `script` measures, `results` is the file of its rows below `benchmarks/results`.
    `why` says what is behind a disagreement; "" where they agree.
    """

    name: str
    place: str
    says: str
    published: str
    ours: str
    agrees: Verdict
    why: str
    script: str
    results: str


@dataclass(frozen=True, slots=True)
class Study:
    """The `script` that measures some claims, and the file of its rows below `RESULTS`."""

    script: str
    results: str

    def claim(
        self,
        name: str,
        place: str,
        says: str,
        *,
        published: str,
        ours: str,
        agrees: Verdict,
        why: str = "",
    ) -> Claim:
        """A claim of this study; `why` is left out where both agree."""
        why = "" if agrees == "yes" else why
        return Claim(name, place, says, published, ours, agrees, why, self.script, self.results)


@dataclass(frozen=True, slots=True)
class Paper:
    """One paper: its title, what to know of the comparison, its claims, and what was not tried."""

    title: str
    about: str
    claims: tuple[Claim, ...]
    missing: str


@cache
def rows(name: str) -> tuple[dict[str, Any], ...]:
    """The rows of a file below `benchmarks/results`."""
    return tuple(stored_rows(RESULTS / name))


@cache
def agreements() -> dict[str, float]:
    """SRCC of each metric with KADID-10k's mean opinion scores over 125 types and levels.

    The scores are not part of the repository, so this is read from the table that
    `benchmarks.metrics.sensitivity` wrote.
    """
    text = (RESULTS / "metrics/sensitivity.md").read_text("utf-8")
    table = text[text.index("## Agreement") :]
    return {
        name: float(srcc) for name, srcc in re.findall(r"^\| ([\w-]+) \| ([\d.]+) \|", table, re.M)
    }


def factor(ours: float, published: float) -> float:
    """How many times the smaller the larger of two positive figures is."""
    return max(ours / published, published / ours)


def near(ours: float, published: float) -> Verdict:
    """Whether two positive figures agree."""
    return "yes" if factor(ours, published) <= NEAR else "no"


def verdict(*holds: bool) -> Verdict:
    """Whether all parts of a claim hold, some of them, or none."""
    return "yes" if all(holds) else "in part" if any(holds) else "no"
