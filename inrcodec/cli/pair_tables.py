"""The results of `inrcodec compare` as tables for a person."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inrcodec.cli import console

if TYPE_CHECKING:
    from inrcodec.metrics.metric_facts import Metric


def means_of(rows: list[dict[str, Any]]) -> dict[str, float]:
    """Average every metric that all images have."""
    shared = [n for n in rows[0]["metrics"] if all(n in row["metrics"] for row in rows)]
    return {name: sum(row["metrics"][name] for row in rows) / len(rows) for name in shared}


def show_rows(rows: list[dict[str, Any]], means: dict[str, float]) -> None:
    """Print the table of two folders, and which direction is better."""
    from inrcodec.metrics.metric_table import METRICS

    names = list(dict.fromkeys(name for row in rows for name in row["metrics"]))
    units = [f"{name} ({METRICS[name].unit})" if METRICS[name].unit else name for name in names]
    values = [(Path(row["reference"]).stem, row["metrics"]) for row in rows] + [("mean", means)]
    lines = [["image", *units]]
    for title, scores in values:
        cells = [text(METRICS[n], scores[n]) if n in scores else "-" for n in names]
        lines.append([title, *cells])
    console.show(console.table(lines, "<" + ">" * len(names)))
    for better in ("higher is better", "lower is better"):
        those = [name for name in names if direction(METRICS[name]) == better]
        if those:
            console.show(f"{better}: {', '.join(those)}")


def text(metric: Metric, value: float) -> str:
    """Format a value with its digits; "inf" where the page would say ∞."""
    from inrcodec.metrics.report.text import shown

    return str(value) if math.isinf(value) else shown(metric, value)


def direction(metric: Metric) -> str:
    """Say in words which direction is better."""
    return "higher is better" if metric.higher_is_better else "lower is better"
