"""Rates of coordinate networks beside other codecs, and what a meta-learned initialisation gains.

    python -m benchmarks.networks.bd_rates --processes 2

Four Kodak photographs, whole files, decoded again; PSNR over RGB. `nif` at four rates, 60 s each on
one thread; from a random initialisation and from those that come with the package, `pe-siren` at
three rates around that of its largest, `nif` at those of its three small ones. Reference codecs and
BD-rates as in rate/coolchic.py. Rows go to results/networks/bd_rates.jsonl as they are made; a run
skips what is there.
"""

import math
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import parser_of, workers_of
from benchmarks.rate import coolchic
from benchmarks.rate.coolchic import REFERENCES, show
from inrcodec.errors import RateError
from inrcodec.metrics.curves.bd import bd_rate
from inrcodec.metrics.curves.rd import Point, Row, read_rows, run

RESULTS = Path(__file__).parents[1] / "results/networks/bd_rates.jsonl"
TABLE = RESULTS.with_suffix(".md")

IMAGES = ("kodim05", "kodim08", "kodim15", "kodim23")
NIF_RATES, INIT_RATES, SECONDS = (0.1, 0.2, 0.318, 0.5), (0.18, 0.25, 0.32), 60
LOW_RATES = (0.032, 0.048, 0.07)
"""Those of the three small initialisations of `nif`."""


def label(row: Row) -> str:
    """What a row belongs to."""
    if row["codec"] != "inrcodec":
        return str(row["codec"])
    low = ", low rates" if row["asked"].get("bpp") in LOW_RATES else ""
    return f"{row['settings']['model']}, {row['settings'].get('init', 'random')}{low}"


def points() -> list[Point]:
    """Everything to measure of a photograph."""
    found = [Point(c, {"quality": q}) for c, qualities in REFERENCES.items() for q in qualities]
    found += [Point("avif", {"quality": quality}) for quality in (1, 4)]
    common: dict[str, Any] = {"time_limit": SECONDS, "threads": 1}
    for bpp in NIF_RATES:
        found.append(Point("inrcodec", {"model": "nif", "bpp": bpp, **common}))
    for model, rates in (("pe-siren", INIT_RATES), ("nif", LOW_RATES)):
        for bpp in rates:
            for init in ("random", "meta"):
                options = {"model": model, "bpp": bpp, "init": init, **common}
                found.append(Point("inrcodec", options))
    return found


def curve(rows: list[Row], image: str, name: str) -> tuple[np.ndarray, ...]:
    """Rates and PSNR of one photograph, ascending."""
    own = [r for r in rows if r["image"] == image and label(r) == name]
    return tuple(np.array(sorted((r["bits_per_pixel"], r["metrics"]["psnr"]) for r in own)).T)


def compared(rows: list[Row], name: str, anchor: str) -> str:
    """BD-rates (%) of every photograph, and their mean."""
    values = []
    for image in IMAGES:
        pair = curve(rows, image, anchor), curve(rows, image, name)
        few = min(len(one[0]) for one in pair) < coolchic.AKIMA_POINTS
        method = "pchip" if few else "akima"
        try:
            values.append(bd_rate(*pair, method=method, least_overlap=0.2).value)
        except RateError:
            values.append(math.nan)
    shown = ["no overlap" if math.isnan(value) else f"{value:+.1f}" for value in values]
    mean = np.nanmean(values) if not all(map(math.isnan, values)) else math.nan
    return f"{mean:+.1f} ({', '.join(shown)})"


def table(rows: list[Row]) -> str:
    """BD-rates, then every point."""
    lines = [f"BD-rate (%), mean of ({', '.join(IMAGES)}), from whole files:", ""]
    lines += ["| | vs | |", "|---|---|---|"]
    pairs = [("nif, random", anchor) for anchor in REFERENCES]
    pairs.append(("pe-siren, meta", "pe-siren, random"))
    pairs.append(("nif, meta, low rates", "nif, random, low rates"))
    lines += [f"| {name} | {anchor} | {compared(rows, name, anchor)} |" for name, anchor in pairs]
    lines += ["", "| image | | bpp | PSNR (dB) | encode (s) |", "|---|---|---|---|---|"]
    for row in sorted(rows, key=lambda r: (r["image"], label(r), r["bits_per_pixel"])):
        lines.append(
            f"| {row['image']} | {label(row)} | {row['bits_per_pixel']:.4f} "
            f"| {row['metrics']['psnr']:.2f} | {row['encode_s']:.1f} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    """Run what is missing, then write the table."""
    arguments = parser_of(__doc__, "kodak", processes=0).parse_args()
    pictures = {name: arguments.data / f"{name}.png" for name in IMAGES}
    rows = run(pictures, points(), RESULTS, **workers_of(arguments))
    show(rows, "psnr", label)
    TABLE.write_text(table(list(read_rows(RESULTS))))
    print(TABLE.read_text())


if __name__ == "__main__":
    main()
