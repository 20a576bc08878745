"""`inrcodec metrics`: which metrics there are, and which of them this machine can use."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any

import typer

from inrcodec.cli import console

if TYPE_CHECKING:
    from inrcodec.metrics.metric_facts import Metric


def metrics(
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the list as JSON on stdout.")
    ] = False,
) -> None:
    """List the quality metrics: what each means, its range, and what it needs.

    Examples:

      inrcodec metrics

      inrcodec metrics --json
    """
    from inrcodec.metrics.metric_table import METRICS

    reasons = {name: metric.unavailable() for name, metric in METRICS.items()}
    if as_json:
        console.print_json([_facts(m, reasons[m.name]) for m in METRICS.values()])
        return
    rows: list[tuple[str, ...]] = []
    rows.append(("metric", "better", "range", "identical", "gradient", "repeatable", "least side"))
    rows += [_row(metric) for metric in METRICS.values()]
    console.show(console.table(rows, "<<<>>>>"))
    console.show("")
    for metric in METRICS.values():
        console.show(f"{metric.name}: {metric.title}, {metric.meaning}")
        needs = f"; needs {metric.needs}" if metric.needs else ""
        console.show(f"  compares {metric.colours}{needs}")
        if reasons[metric.name]:
            console.show(f"  not available: {reasons[metric.name]}")


def _facts(metric: Metric, reason: str | None) -> dict[str, Any]:
    """Describe one metric as plain values, ready for JSON."""
    return {
        "name": metric.name,
        "title": metric.title,
        "meaning": metric.meaning,
        "unit": metric.unit,
        "higher_is_better": metric.higher_is_better,
        "low": metric.low,
        "high": metric.high,
        "ideal": metric.ideal,
        "differentiable": metric.differentiable,
        "deterministic": metric.deterministic,
        "smallest_side": metric.smallest_side,
        "colours": metric.colours,
        "extra": metric.package[1] if metric.package else None,
        "needs_weights": bool(metric.weights),
        "weights": metric.weights,
        "available": reason is None,
        "reason": reason,
    }


def _row(metric: Metric) -> tuple[str, ...]:
    """Describe one metric as a row of the table."""
    return (
        metric.name,
        "higher" if metric.higher_is_better else "lower",
        f"{_bound(metric.low)} to {_bound(metric.high)} {metric.unit}".rstrip(),
        _bound(metric.ideal),
        "yes" if metric.differentiable else "no",
        "yes" if metric.deterministic else "no",
        f"{metric.smallest_side} px",
    )


def _bound(value: float) -> str:
    """Format a bound without needless digits."""
    return str(value) if math.isinf(value) else f"{value:g}"
