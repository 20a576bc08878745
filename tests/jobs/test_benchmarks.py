"""The scripts of benchmarks/ do their work in one way: by processes, or on a cluster."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.common import parser_of, run_jobs, stored_rows, workers_of
from tests.clusters import cluster_here

SCRIPTS = sorted((Path(__file__).parents[2] / "benchmarks").rglob("*.py"))


def squares(number: int) -> list[dict[str, int]]:
    """A row for each number up to one."""
    return [{"number": k, "square": k * k} for k in range(number)]


def cube(number: int) -> dict[str, int]:
    return {"number": number, "cube": number**3}


def test_rows_are_the_same_by_processes_and_on_a_cluster(tmp_path: Path) -> None:
    parser = parser_of("A script.", "kodak", processes=2)
    with cluster_here() as local:
        ways = [[], ["--processes", "1"], ["--scheduler", local.scheduler_address]]
        for number, words in enumerate(ways):
            how = workers_of(parser.parse_args(words))
            path = tmp_path / f"{number}.jsonl"
            found = list(run_jobs(path, [2, 1], squares, **how))
            found += list(run_jobs(path, [5], cube, **how))
            assert stored_rows(path) == found
            assert sorted(map(json.dumps, found)) == [
                '{"number": 0, "square": 0}',
                '{"number": 0, "square": 0}',
                '{"number": 1, "square": 1}',
                '{"number": 5, "cube": 125}',
            ]


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ([], {"processes": 2, "scheduler": None, "threads": 3}),
        (["--processes", "0"], {"processes": 0, "scheduler": None, "threads": 3}),
        (
            ["--scheduler", "tcp://here:1", "--threads", "1"],
            {"processes": None, "scheduler": "tcp://here:1", "threads": 1},
        ),
    ],
)
def test_what_arguments_say(words: list[str], wanted: dict[str, Any]) -> None:
    parser = parser_of("A script.", processes=2, threads=3)
    assert workers_of(parser.parse_args(words)) == wanted


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_no_script_has_processes_of_its_own(path: Path) -> None:
    source = path.read_text()
    assert "ProcessPoolExecutor" not in source
    assert ('"--processes"' in source) == (path.name == "common.py")
    if "run_jobs(" in source and path.name != "common.py":
        assert "**workers_of(arguments)" in source
