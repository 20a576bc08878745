"""The page of papers says what the rows of results do, and every row can be measured again."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.papers.claims import RESULTS, factor, near, verdict
from benchmarks.papers.page import PAGE, claims, lines_of, markdown

ROOT = Path(__file__).parents[1]


def test_the_page_is_that_of_the_rows() -> None:
    """`python -m benchmarks.papers --write` makes it anew."""
    assert PAGE.read_text("utf-8") == markdown()


def test_there_are_many_rows_and_each_has_a_command_and_a_file() -> None:
    every = claims()
    assert len(every) >= 30
    for claim in every:
        assert importlib.util.find_spec(claim.script), claim
        assert (RESULTS / claim.results).is_file(), claim
        assert claim.ours
        assert claim.published
        assert "nan" not in claim.ours
        assert (claim.agrees == "yes") == (claim.why == ""), claim
    scripts: dict[str, set[str]] = {}
    for claim in every:
        scripts.setdefault(claim.name, set()).add(claim.script)
    assert all(len(found) == 1 for found in scripts.values())  # a name is one command


def test_verdicts() -> None:
    assert factor(2, 4) == factor(4, 2) == 2
    assert near(1.29, 1.0) == "yes"
    assert near(0.5, 1.0) == "no"
    assert verdict(True, True) == "yes"
    assert verdict(True, False) == "in part"
    assert verdict(False) == "no"


def papers(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks.papers", *words]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT)


def test_the_command_lists_shows_and_refuses() -> None:
    listed = papers()
    assert listed.returncode == 0
    names = [line.split()[0] for line in listed.stdout.splitlines()]
    assert names == list(dict.fromkeys(claim.name for claim in claims()))
    shown = papers("inriq-table-1")
    assert shown.stdout.splitlines() == list(lines_of("inriq-table-1"))
    assert "Table 1, JPEG" in shown.stdout
    unknown = papers("inriq-table-9")
    assert unknown.returncode == 2
    assert "unknown name" in unknown.stderr


@pytest.mark.parametrize("name", sorted({claim.name for claim in claims()}))
def test_every_name_has_rows(name: str) -> None:
    assert list(lines_of(name))
