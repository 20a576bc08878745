"""Bits saved against seconds of encoding: latent grids by effort beside other codecs; writes
docs/pareto.png.

    python -m benchmarks.figures.pareto

Reads the rows of `benchmarks.rate.coolchic`: mean BD-rate against AVIF over the photographs, and
mean seconds of an encode within a running program. The label of what was measured on fewer
photographs than others says on how many.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.common import parser_of
from benchmarks.rate.coolchic import RESULTS, compared, label
from inrcodec.metrics.curves.rd import Row, read_rows

PICTURE = Path(__file__).parents[2] / "docs/pareto.png"
ANCHOR, OURS = "avif", "coolchic -e "
LEAST_SECONDS = 0.02
"""Faster encodes are drawn here."""

RIGHT_SECONDS = 300
"""Names of slower ones stand on their left."""


class Mark(NamedTuple):
    """A codec: mean seconds of an encode, mean BD-rate in percent, and photographs."""

    seconds: float
    rate: float
    images: int


def marks(rows: list[Row]) -> dict[str, Mark]:
    """Every codec whose curve can be compared with AVIF's, which is at 0 itself."""
    found = {}
    for name in sorted({label(row) for row in rows}):
        own = [row for row in rows if label(row) == name]
        images = sorted({row["image"] for row in own})
        rates = [0.0] * len(images)
        if name != ANCHOR:
            all_rates = (compared(rows, image, name, ANCHOR) for image in images)
            rates = [rate for rate in all_rates if rate is not None]
        if rates:
            seconds = float(np.mean([row["encode_s"] for row in own]))
            found[name] = Mark(seconds, float(np.mean(rates)), len(rates))
    return found


def main() -> None:
    """Draw and write."""
    parser_of(__doc__).parse_args()
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    found = marks(list(read_rows(RESULTS)))
    whole = max(mark.images for mark in found.values())
    figure, axes = plt.subplots(figsize=(8, 4.5), dpi=120)
    ours = {name: mark for name, mark in found.items() if name.startswith(OURS)}
    line = sorted((m.seconds, m.rate) for m in ours.values() if m.images == whole)
    axes.plot(*zip(*line, strict=True), color="tab:red", linewidth=1.5, zorder=1)
    for name, mark in found.items():
        seconds = max(mark.seconds, LEAST_SECONDS)
        axes.scatter(seconds, mark.rate, color="tab:red" if name in ours else "tab:gray", zorder=2)
        text = name.replace("coolchic ", "") if name in ours else name
        if mark.images < whole:
            text += f" ({mark.images} photographs)"
        left = seconds > RIGHT_SECONDS
        axes.annotate(
            text,
            (seconds, mark.rate),
            (-5 if left else 5, 5),
            textcoords="offset points",
            fontsize=9,
            ha="right" if left else "left",
        )
    axes.axhline(0, color="black", linewidth=0.5)
    axes.set_xscale("log")
    axes.set_xlabel("seconds of encoding, 768 x 512 pixels")
    axes.set_ylabel("bits against AVIF at equal PSNR (%)")
    axes.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(PICTURE)
    print(PICTURE)


if __name__ == "__main__":
    main()
