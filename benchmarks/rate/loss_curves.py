"""Curves of five losses on four architectures to 2 bits a pixel; BD-rates by four metrics.

    INRCODEC_WEIGHTS=../shared/data/weights python -m benchmarks.rate.loss_curves

The five losses of "Redefining visual quality" (Catania and Allegra 2024) on its NIF, COOL-CHIC v1
and v2, and on our default model, with JPEG and AVIF beside: the middle 256 x 256 pixels of Kodak
photographs (those of `losses.py`), at four rates that are never exceeded and met within a few
percent. Fits are short: effort 3 of latent grids, 2 of NIF. Files are whole and decoded again.

BD-rates are those of a photograph, then averaged: of each loss over squared error on the same
architecture, and of each curve over AVIF. Where two curves share less than a fifth of their range
there is none.

Rows go to results/rate/loss_curves.jsonl as they are made, one photograph after the other; a run
skips what is there. The tables have every curve of which all four rates are there.
"""

import math
from collections.abc import Iterator
from pathlib import Path
from statistics import fmean

from benchmarks.common import parser_of, workers_of
from benchmarks.rate.coolchic import show
from benchmarks.rate.losses import PICTURES, REFERENCES, SIDE, kind
from inrcodec.errors import RateError
from inrcodec.images.reading import as_picture
from inrcodec.metrics.curves.bd import bd_rate
from inrcodec.metrics.curves.rd import Point, Row, read_rows, run
from inrcodec.metrics.metric_table import METRICS
from inrcodec.pixels import middle

RESULTS = Path(__file__).parents[1] / "results/rate/loss_curves.jsonl"
TABLE = RESULTS.with_suffix(".md")

RATES = (0.3, 0.6, 1.2, 2.0)
MODELS = {"nif": 2, "coolchic-v1": 3, "coolchic-v2": 3, "coolchic": 3}
"""Architectures, and the effort of each."""

LOSSES = ("mse", "l1", "logcosh", "lcssim", "l1ssim")
JUDGES = {"psnr": 2, "ms-ssim-db": 2, "lpips-squeeze": 4, "ssimulacra2": 1}
"""Metrics, and digits to show."""

LEAST_OVERLAP = 0.2

Kind = tuple[str, str]
KINDS = [*((codec, "") for codec in REFERENCES), *((m, loss) for m in MODELS for loss in LOSSES)]
"""All that there are curves of: a codec and nothing, or an architecture and a loss."""


def main() -> None:
    """Run what is missing, then write the tables."""
    parser = parser_of(__doc__, "kodak", processes=0)
    parser.add_argument("--images", nargs="+", choices=PICTURES, default=PICTURES)
    arguments = parser.parse_args()
    for name in arguments.images:
        crop = {name: middle(as_picture(arguments.data / f"{name}.png").pixels, SIDE, SIDE)}
        rows = run(crop, points(), RESULTS, metrics=list(JUDGES), **workers_of(arguments))
        show(rows, "ms-ssim-db", lambda row: " ".join(kind(row)))
        TABLE.write_text("\n".join(tables(complete(list(read_rows(RESULTS))))) + "\n")
    print(TABLE.read_text())


def points() -> list[Point]:
    """Everything to measure of a photograph."""
    found = [Point(codec, {"bpp": bpp}) for codec in REFERENCES for bpp in RATES]
    for model, effort in MODELS.items():
        for loss in LOSSES:
            for bpp in RATES:
                options = {"bpp": bpp, "model": model, "effort": effort, "loss": loss}
                found.append(Point("inrcodec", options))
    return found


def complete(rows: list[Row]) -> list[Row]:
    """The rows of curves of which all rates are there."""
    return [
        row for row in rows if len(curve(rows, row["image"], kind(row), "psnr")[0]) >= len(RATES)
    ]


def images_of(rows: list[Row], which: Kind) -> list[str]:
    """The photographs that have the curve."""
    return list(dict.fromkeys(row["image"] for row in rows if kind(row) == which))


def bd(rows: list[Row], images: list[str], metric: str, anchor: Kind, test: Kind) -> list[float]:
    """The BD-rate in percent of `test` over `anchor` on each photograph; NaN where their curves
    cannot be compared."""
    values = []
    better = METRICS[metric].higher_is_better
    for image in images:
        pair = (curve(rows, image, each, metric) for each in (anchor, test))
        try:
            found = bd_rate(
                *pair, method="pchip", higher_is_better=better, least_overlap=LEAST_OVERLAP
            )
            values.append(found.value)
        except RateError:
            values.append(math.nan)
    return values


def curve(rows: list[Row], image: str, which: Kind, metric: str) -> tuple[list[float], list[float]]:
    """Rates and metric of one photograph."""
    own = [row for row in rows if row["image"] == image and kind(row) == which]
    return [r["bits_per_pixel"] for r in own], [r["metrics"][metric] for r in own]


def mean_bd(values: list[float]) -> str:
    """The mean of the photographs that have one, and their number where some have none."""
    told = [value for value in values if not math.isnan(value)]
    if not told:
        return "none"
    of = f" ({len(told)} of {len(values)})" if len(told) < len(values) else ""
    return f"{fmean(told):+.1f}{of}"


def tables(rows: list[Row]) -> Iterator[str]:
    """BD-rates of losses, BD-rates over AVIF, then the curves."""
    there = [which for which in KINDS if images_of(rows, which)]
    left = sum(len(PICTURES) - len(images_of(rows, which)) for which in KINDS)
    yield (
        f"Curves that are complete: {len(KINDS) * len(PICTURES) - left} of "
        f"{len(KINDS) * len(PICTURES)}, {len(KINDS)} of each photograph."
    )
    columns = ["architecture", "loss", "photographs", *JUDGES]
    for title, anchored in (("mse on the same architecture", True), ("AVIF", False)):
        yield f"\nBD-rate (%) over {title} by each metric, mean of photographs:\n"
        yield from ("| " + " | ".join(columns) + " |", "|---" * len(columns) + "|")
        for which in there:
            anchor = (which[0], "mse") if anchored else ("avif", "")
            both = [name for name in images_of(rows, which) if name in images_of(rows, anchor)]
            if which == anchor or not both or (anchored and not which[1]):
                continue
            cells = [mean_bd(bd(rows, both, metric, anchor, which)) for metric in JUDGES]
            yield f"| {which[0]} | {which[1]} | {len(both)} | {' | '.join(cells)} |"
    columns.insert(3, "bpp")
    yield "\nMeans over photographs at each rate:\n"
    yield from ("| " + " | ".join(columns) + " |", "|---" * len(columns) + "|")
    for which in there:
        for bpp in RATES:
            own = [row for row in rows if kind(row) == which and row["asked"]["bpp"] == bpp]
            means = (f"{fmean(r['metrics'][m] for r in own):.{d}f}" for m, d in JUDGES.items())
            rate = fmean(row["bits_per_pixel"] for row in own)
            line = (*which, str(len(own)), f"{rate:.3f}", *means)
            yield "| " + " | ".join(line) + " |"


if __name__ == "__main__":
    main()
