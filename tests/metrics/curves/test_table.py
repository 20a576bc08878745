"""Sweeps as tables: seeds, another run that goes on, a cluster, CSV and Parquet."""

import csv
import json
import math
from pathlib import Path

import numpy as np
import pytest

from inrcodec.errors import InrCodecError, OptionError
from inrcodec.metrics.curves.rd import Point, read_rows, run
from inrcodec.metrics.curves.table import records, write_table
from tests.clusters import cluster_here
from tests.metrics.curves.runs import POINTS, rows_of

OWN = [Point("inrcodec", {"quality": q, "effort": 0}) for q in (10, 30)]


@pytest.fixture(scope="module")
def rows(small: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> list[dict]:
    """Two seeds of two settings, and a reference codec that has no seed."""
    path = tmp_path_factory.mktemp("sweep") / "rows.jsonl"
    made = rows_of({"waves": small}, [*OWN, POINTS[0]], path, seeds=[0, 7])
    assert rows_of({"waves": small}, [*OWN, POINTS[0]], path, seeds=[0, 7]) == []
    assert read_rows(path) == made
    return made


def test_each_seed_has_a_row_where_there_is_a_seed(rows: list[dict]) -> None:
    found = [(row["codec"], row["asked"]["quality"], row["seed"]) for row in rows]
    assert found == [
        ("inrcodec", 10, 0),
        ("inrcodec", 10, 7),
        ("inrcodec", 30, 0),
        ("inrcodec", 30, 7),
        ("jpeg", 20, 0),
    ]


def test_records_are_flat_and_have_the_same_columns(rows: list[dict]) -> None:
    table = records(rows)
    assert len({tuple(record) for record in table}) == 1
    first, jpeg = table[0], table[-1]
    assert (first["asked_quality"], first["effort"], first["psnr"]) == (
        10,
        0,
        rows[0]["metrics"]["psnr"],
    )
    assert jpeg["effort"] is None
    assert first["size_bytes"] * 8 / 768 == first["bits_per_pixel"]


def test_csv_and_parquet_hold_the_records(rows: list[dict], tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    table = records(rows)
    write_table(table, tmp_path / "t.csv")
    write_table(table, tmp_path / "t.parquet")
    with (tmp_path / "t.csv").open(newline="") as file:
        read = list(csv.DictReader(file))
    assert [float(row["psnr"]) for row in read] == [record["psnr"] for record in table]
    assert [row["effort"] for row in read] == ["0"] * 4 + [""]
    assert parquet.read_table(tmp_path / "t.parquet").to_pylist() == table
    table[0] |= {"psnr": math.inf, "effort": "unlike"}
    write_table(table, tmp_path / "t.parquet")
    (first, *_, last) = parquet.read_table(tmp_path / "t.parquet").to_pylist()
    assert (first["psnr"], first["effort"], last["effort"]) == (math.inf, "unlike", None)
    write_table([], tmp_path / "empty.csv")
    with pytest.raises(OptionError, match=r"t\.xls: a table is a \.csv or a \.parquet file"):
        write_table(table, tmp_path / "t.xls")


def test_failures_can_be_collected(small: np.ndarray, tmp_path: Path) -> None:
    failures: list[InrCodecError] = []
    points = [Point("jpeg", {"bpp": 0.01}), POINTS[0]]
    (row,) = rows_of({"a": small}, points, tmp_path / "rows.jsonl", on_failure=failures.append)
    assert row["asked"] == {"quality": 20}
    assert [str(error).partition(":")[0] for error in failures] == ["a, jpeg at bpp 0.01"]


def test_a_cluster_measures_the_same(small: np.ndarray, tmp_path: Path) -> None:
    here = rows_of({"a": small}, POINTS, tmp_path / "here.jsonl")
    with cluster_here() as local:
        path = tmp_path / "there.jsonl"
        there = list(run({"a": small}, POINTS, path, scheduler=local.scheduler_address))
    facts = [
        sorted(json.dumps([row["asked"], row["size_bytes"], row["metrics"]]) for row in made)
        for made in (here, there)
    ]
    assert facts[0] == facts[1]
    assert len(read_rows(path)) == 3
