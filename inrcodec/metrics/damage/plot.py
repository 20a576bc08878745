"""Plot how files stand damage: a row of panels a metric, one panel a kind, one line a file.

Needs matplotlib.
"""

from __future__ import annotations

import io
import math
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from inrcodec.errors import OptionError
from inrcodec.metrics.damage.operations import TITLES
from inrcodec.metrics.damage.outcome import Outcome
from inrcodec.metrics.damage.robustness import COUNTS
from inrcodec.metrics.metric_table import metric

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import SubFigure

FORMATS = (".png", ".svg", ".pdf")
COLUMNS = 3


def check_plot(path: str) -> None:
    """Raise `OptionError` for a name of no known format, or if matplotlib is missing."""
    if os.path.splitext(path)[1].lower() not in FORMATS:
        raise OptionError(f"a plot is one of {', '.join(FORMATS)}, got {path!r}")
    try:
        import matplotlib as _  # noqa: F401
    except ImportError:
        raise OptionError('a plot needs matplotlib: pip install "inrcodec[metrics]"') from None


Results = Mapping[str, tuple[Mapping[str, float], Sequence[Outcome]]]
"""Of each file its metrics undamaged, and its outcomes."""


def plot(files: Results, path: str) -> bytes:
    """Draw the outcomes, in the format that the name `path` ends in.

    Lines are means over seeds, bands one standard deviation, small dots the worst seed, dotted
    lines the file undamaged; what is infinite has no place. Raises `OptionError` as `check_plot`.
    """
    check_plot(path)
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    every = [o for _, outcomes in files.values() for o in outcomes]
    kinds = list(dict.fromkeys(outcome.kind for outcome in every))
    names = list(dict.fromkeys(outcome.metric for outcome in every))
    columns = min(COLUMNS, len(kinds))
    high = -(-len(kinds) // columns) * len(names)
    figure = Figure(figsize=(4.4 * columns, 3.3 * high + 0.4), layout="constrained")
    parts = figure.subfigures(len(names), 1, squeeze=False)
    for part, name in zip(parts.flat, names, strict=True):
        _draw_metric(part, name, kinds, files)
    figure.suptitle(
        "mean over seeds; band: standard deviation; small dots: worst seed; dotted: undamaged",
        fontsize=9,
    )
    lines = [Line2D([], [], color=f"C{i % 10}", marker="o") for i in range(len(files))]
    labels = [f" {name}".replace("$", r"\$") for name in files]  # no formulas; "_" would hide one
    figure.legend(lines, labels, loc="outside lower center", ncols=min(4, len(labels)))
    drawing = io.BytesIO()
    figure.savefig(drawing, dpi=110, format=os.path.splitext(path)[1][1:].lower())
    return drawing.getvalue()


def _draw_metric(part: SubFigure, name: str, kinds: Sequence[str], files: Results) -> None:
    """Draw what one metric says of every kind of damage."""
    columns = min(COLUMNS, len(kinds))
    axes = part.subplots(-(-len(kinds) // columns), columns, squeeze=False, sharey=True)
    unit = f" ({metric(name).unit})" if metric(name).unit else ""
    for panel, kind in zip(axes.flat, kinds, strict=False):
        _draw_kind(panel, name, kind, files)
    for panel in axes[:, 0]:
        panel.set_ylabel(f"{metric(name).title}{unit}")
    for panel in axes.flat[len(kinds) :]:
        panel.set_visible(False)


def _draw_kind(panel: Axes, name: str, kind: str, files: Results) -> None:
    """Draw one kind of damage of all files into its panel."""
    drawn = sorted({o.level for _, os in files.values() for o in os if o.kind == kind})
    for number, (clean, outcomes) in enumerate(files.values()):
        those = [o for o in outcomes if (o.kind, o.metric) == (kind, name)]
        levels, colour = [o.level for o in those], f"C{number % 10}"
        if math.isfinite(clean[name]):
            panel.axhline(clean[name], color=colour, linestyle=":", linewidth=1)
        panel.plot(levels, [o.mean for o in those], color=colour, marker="o")
        low, high = ([o.mean + sign * o.spread for o in those] for sign in (-1, 1))
        panel.fill_between(levels, low, high, color=colour, alpha=0.15, linewidth=0)
        panel.scatter(levels, [o.worst for o in those], color=colour, marker=".", s=14)
    panel.set_title(TITLES[kind], fontsize=10)
    panel.grid(alpha=0.3)
    if kind in COUNTS:
        panel.set_xticks(drawn)
    elif drawn[0] > 0:
        panel.set_xscale("log")
