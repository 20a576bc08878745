"""Rows of a run as a table: flat records for people and for data frames.

rows = run(images, points, "rows.jsonl", seeds=range(5), metrics=["psnr", "ssim"])
write_table(records(rows), "rates.parquet")
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from inrcodec import extras
from inrcodec.errors import OptionError
from inrcodec.files import write_bytes
from inrcodec.metrics.curves.row import Row, told_settings

Record = dict[str, Any]
"""A value by the name of its column: number, text, truth value or None."""

PLAIN = (
    "image",
    "sha256",
    "width",
    "height",
    "channels",
    "codec",
    "seed",
    "threads",
    "size_bytes",
    "bits_per_pixel",
    "encode_s",
    "decode_s",
    "search_s",
)
"""Columns that are fields of a row themselves."""


def records(rows: Iterable[Row]) -> list[Record]:
    """Flatten rows: `asked_quality` and the like hold the rate asked for, a column of its name each
    metric, and each setting that is not at its default. All records have all columns; None
    stands for what a row lacks."""
    flat = [_record(row) for row in rows]
    columns = list(dict.fromkeys(name for record in flat for name in record))
    return [{name: record.get(name) for name in columns} for record in flat]


def _record(row: Row) -> Record:
    """One row without nesting."""
    record: Record = {name: row[name] for name in PLAIN}
    record |= {f"asked_{name}": value for name, value in row["asked"].items()}
    settings = told_settings(row["codec"], row["settings"])
    record |= {name: _plain(value) for name, value in settings.items() if name not in record}
    return record | {name: float(value) for name, value in row["metrics"].items()}


def _plain(value: object) -> object:
    """A setting as one value of a column."""
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)


def write_table(table: Sequence[Mapping[str, Any]], path: str | os.PathLike[str]) -> None:
    """Write records to a .csv or a .parquet file, whole or not at all; a file that is there is
    replaced. Raises `OptionError` for another extension, `OutputError`, and `MissingExtraError`."""
    extension = Path(path).suffix.lower()
    if extension == ".csv":
        write_bytes(path, _csv(table))
    elif extension == ".parquet":
        write_bytes(path, _parquet(table))
    else:
        raise OptionError(f"{os.fspath(path)}: a table is a .csv or a .parquet file")


def _csv(table: Sequence[Mapping[str, Any]]) -> bytes:
    """With a line of names; None is empty."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(table[0]) if table else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(table)
    return text.getvalue().encode()


def _parquet(table: Sequence[Mapping[str, Any]]) -> bytes:
    """Columns take their types from their values; a column of unlike values is text."""
    arrow = extras.require("pyarrow", extra="table")
    parquet = extras.require("pyarrow.parquet", extra="table")
    columns = {name: _alike([record[name] for record in table]) for name in (table or [{}])[0]}
    target = arrow.BufferOutputStream()
    parquet.write_table(arrow.table(columns), target)
    data: bytes = target.getvalue().to_pybytes()
    return data


def _alike(values: list[Any]) -> list[Any]:
    """Values of one type: numbers, truth values, or texts."""
    kinds = {type(value) for value in values if value is not None}
    if kinds <= {int, float} or len(kinds) < 2:
        return [float(v) if v is not None and kinds == {int, float} else v for v in values]
    return [None if value is None else str(value) for value in values]
