"""Rate and distortion of `coolchic` at several efforts beside AVIF, WebP and JPEG.

    python -m benchmarks.rate.coolchic --efforts 0 1 5
    python -m benchmarks.rate.coolchic --efforts --seconds 20
    python -m benchmarks.rate.coolchic --efforts 9 --images kodim05 kodim23 --rates 3

Whole files, decoded again; PSNR over RGB. Reference codecs are those of
`inrcodec.metrics.references.codecs` (AVIF 4:4:4, speed 2, tune=psnr, one thread; WebP method 6;
JPEG 4:4:4, optimised, progressive). Rows go to results/rate/coolchic.jsonl as they are made; a run
skips what is there. BD-rates are those of each photograph, then averaged.
"""

import json
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from benchmarks.common import parser_of, workers_of
from inrcodec.metrics.curves.bd import bd_rate
from inrcodec.metrics.curves.rd import Point, Row, read_rows, run

RESULTS = Path(__file__).parents[1] / "results/rate/coolchic.jsonl"
TABLE = RESULTS.with_suffix(".md")

BUSY = ("kodim01", "kodim05", "kodim08", "kodim19", "kodim24")
CALM = ("kodim12", "kodim15", "kodim23")
LAMBDAS = {
    **dict.fromkeys(BUSY, (2.4e-2, 8e-3, 2.5e-3, 9e-4)),
    **dict.fromkeys(CALM, (7e-3, 2.2e-3, 7e-4, 2e-4)),
}
"""Lambdas that give about 0.1 to 1.2 bits a pixel."""

FEWEST_POINTS, AKIMA_POINTS = 3, 4
"""Of a curve that a BD-rate is computed from, and for it to be by Akima's interpolation."""

REFERENCES: dict[str, tuple[float, ...]] = {
    "avif": (10, 20, 32, 45, 58, 70),
    "webp": (1, 10, 30, 55, 75, 90),
    "jpeg-444": (5, 15, 30, 55, 75, 88),
}


def main() -> None:
    """Run what is missing, then write the table."""
    parser = parser_of(__doc__, "kodak", processes=0, threads=2)
    parser.add_argument("--images", nargs="+", choices=LAMBDAS, default=list(LAMBDAS))
    parser.add_argument("--efforts", nargs="*", type=int, default=[0, 1, 5])
    parser.add_argument("--seconds", nargs="*", type=float, default=[], help="time limits")
    parser.add_argument("--models", nargs="+", default=["coolchic"])
    parser.add_argument("--rates", type=int, default=4, help="the last so many lambdas")
    arguments = parser.parse_args()
    for name in arguments.images:
        picture = {name: arguments.data / f"{name}.png"}
        points = [Point(c, {"quality": q}) for c, qs in REFERENCES.items() for q in qs]
        lengths = [{"effort": effort} for effort in arguments.efforts]
        lengths += [{"time_limit": seconds} for seconds in arguments.seconds]
        for length in lengths:
            for lmbda in LAMBDAS[name][-arguments.rates :]:
                for model in arguments.models:
                    points.append(Point("inrcodec", {"lmbda": lmbda, "model": model} | length))
        show(run(picture, points, RESULTS, **workers_of(arguments)), "psnr", label)
    TABLE.write_text(table(list(read_rows(RESULTS))))
    print(TABLE.read_text())


def show(rows: Iterable[Row], metric: str, label: Callable[[Row], str]) -> None:
    """Print rows as they are made."""
    for row in rows:
        print(
            f"{row['image']} {label(row):18} {row['bits_per_pixel']:.4f} bpp "
            f"{row['metrics'][metric]:.2f} dB {row['encode_s']:.1f} s",
            flush=True,
        )


def label(row: Row) -> str:
    """What a row belongs to: a codec, or a model at an effort or with a time limit."""
    settings = row["settings"]
    if row["codec"] != "inrcodec":
        return str(row["codec"])
    if settings.get("time_limit") is not None:
        return f"{settings['model']} --time-limit {settings['time_limit']:g}"
    return f"{settings['model']} -e {settings['effort']}"


def table(rows: list[Row], of: str = "one 768 x 512 photograph") -> str:
    """Mean BD-rates and times of everything against every reference; times are those `of` one
    image."""
    rows = list({json.dumps([r["image"], label(r), r["asked"]]): r for r in rows}.values())
    labels = sorted({label(row) for row in rows})
    lines = [
        "Mean over photographs of the BD-rate (%) of each, from whole files; encode and decode in",
        f"seconds for {of}.",
        "",
        "| codec | photographs | vs AVIF | vs WebP | vs JPEG 4:4:4 | encode | decode |",
        "|---|---|---|---|---|---|---|",
    ]
    for name in labels:
        own = [row for row in rows if label(row) == name]
        images = sorted({row["image"] for row in own})
        cells = []
        for anchor in REFERENCES:
            rates = [rate for i in images if (rate := compared(rows, i, name, anchor)) is not None]
            cells.append("-" if name == anchor or not rates else f"{np.mean(rates):+.1f}")
        times = [np.mean([row[key] for row in own]) for key in ("encode_s", "decode_s")]
        lines.append(
            f"| {name} | {len(images)} | {' | '.join(cells)} | {times[0]:.1f} | {times[1]:.2f} |"
        )
    return "\n".join(lines) + "\n"


def compared(rows: list[Row], image: str, name: str, anchor: str) -> float | None:
    """BD-rate of one photograph, or None where the curves are too short or do not overlap."""
    curves = []
    for wanted in (anchor, name):
        points = sorted(
            (row["bits_per_pixel"], row["metrics"]["psnr"])
            for row in rows
            if row["image"] == image and label(row) == wanted
        )
        if len(points) < FEWEST_POINTS:
            return None
        curves.append(tuple(np.array(points).T))
    method = "akima" if min(len(curve[0]) for curve in curves) >= AKIMA_POINTS else "pchip"
    return bd_rate(*curves, method=method, least_overlap=0.3).value


if __name__ == "__main__":
    main()
