"""Plot how files stand damage: one panel a kind, one line a file. Needs matplotlib."""

from __future__ import annotations

import io
import math
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from inrcodec.errors import OptionError
from inrcodec.metrics.damage.robustness import COUNTS, Outcome
from inrcodec.metrics.metric_table import metric

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FORMATS = (".png", ".svg", ".pdf")
COLUMNS = 3

TITLES = {
    "gaussian": "Gaussian noise, sigma in units of papers",
    "gaussian-relative": "Gaussian noise, sigma relative to each weight",
    "binary": "weights set to zero, probability",
    "neurons": "lost neurons",
    "layers": "lost layers",
    "bits": "flipped bits of symbols, probability",
    "packets": "lost packets, probability",
}


def check_plot(path: str) -> None:
    """Raise `OptionError` for a name of no known format, or if matplotlib is missing."""
    if os.path.splitext(path)[1].lower() not in FORMATS:
        raise OptionError(f"a plot is one of {', '.join(FORMATS)}, got {path!r}")
    try:
        import matplotlib as _  # noqa: F401
    except ImportError:
        raise OptionError('a plot needs matplotlib: pip install "inrcodec[research]"') from None


def plot(
    files: Mapping[str, tuple[float, Sequence[Outcome]]], path: str, metric_name: str = "psnr"
) -> bytes:
    """Draw the outcomes, in the format that the name `path` ends in.

    `files` gives the metric of each file undamaged, and its outcomes.

    Lines are means over seeds, bands one standard deviation, small dots the worst seed, dotted
    lines the file undamaged; what is infinite has no place. Raises `OptionError` as `check_plot`.
    """
    check_plot(path)
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    kinds = list(dict.fromkeys(o.kind for _, outcomes in files.values() for o in outcomes))
    columns = min(COLUMNS, len(kinds))
    rows = -(-len(kinds) // columns)
    figure = Figure(figsize=(4.4 * columns, 3.3 * rows + 0.4), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, sharey=True)
    unit = f" ({metric(metric_name).unit})" if metric(metric_name).unit else ""
    for panel, kind in zip(axes.flat, kinds, strict=False):
        _draw_kind(panel, kind, files)
    for panel in axes[:, 0]:
        panel.set_ylabel(f"{metric(metric_name).title}{unit}")
    for panel in axes.flat[len(kinds) :]:
        panel.set_visible(False)
    figure.suptitle(
        "mean over seeds; band: standard deviation; small dots: worst seed; dotted: undamaged",
        fontsize=9,
    )
    lines = [Line2D([], [], color=f"C{i % 10}", marker="o") for i in range(len(files))]
    names = [f" {name}".replace("$", r"\$") for name in files]  # no formulas; "_" would hide one
    figure.legend(lines, names, loc="outside lower center", ncols=min(4, len(names)))
    drawing = io.BytesIO()
    figure.savefig(drawing, dpi=110, format=os.path.splitext(path)[1][1:].lower())
    return drawing.getvalue()


def _draw_kind(
    panel: Axes, kind: str, files: Mapping[str, tuple[float, Sequence[Outcome]]]
) -> None:
    """Draw one kind of damage of all files into its panel."""
    drawn = sorted({o.level for _, os in files.values() for o in os if o.kind == kind})
    for number, (clean, outcomes) in enumerate(files.values()):
        those = [o for o in outcomes if o.kind == kind]
        levels, colour = [o.level for o in those], f"C{number % 10}"
        if math.isfinite(clean):
            panel.axhline(clean, color=colour, linestyle=":", linewidth=1)
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
