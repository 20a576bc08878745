"""The section of a report's page that says how robust .inr files are."""

from __future__ import annotations

from inrcodec.metrics.report.markup import Markup, element, table
from inrcodec.metrics.report.records import Damaged, Report
from inrcodec.metrics.report.text import damage_rows


def robustness(report: Report) -> Markup | None:
    """Make a table for each damaged file; None where none was damaged."""
    if not report.damaged:
        return None
    seeds = len(report.damaged[0].outcomes[0].values)
    note = (
        f"What is left of a file after each kind of damage: the mean over {seeds} random trials, "
        "and the worst of them. A trial that leaves no image counts as a mid-gray one. "
        "inrcodec robustness measures more levels and draws them."
    )
    return element(
        "section",
        element("h2", "Robustness"),
        *(_file(damaged, titled=len(report.damaged) > 1) for damaged in report.damaged),
        element("p", note, class_="small"),
        id="robustness",
    )


def _file(damaged: Damaged, *, titled: bool) -> Markup:
    """One file: its name where there are several, and its table."""
    head, *rows = damage_rows(damaged)
    return element(
        "article",
        element("h3", damaged.name) if titled else None,
        table(head, rows, class_="numbers"),
    )
