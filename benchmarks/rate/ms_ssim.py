"""MS-SSIM (dB) of `coolchic` fitted by `--loss ms-ssim`, beside AVIF tuned for SSIM and the rest.

    python -m benchmarks.rate.ms_ssim --processes 2 --threads 1

Eight Kodak photographs, four rates, whole files decoded again. Rows go to
results/rate/ms_ssim.jsonl as they are made; a run skips what is there. BD-rates are those of each
photograph, then averaged.
"""

from pathlib import Path

import numpy as np

from benchmarks.common import parser_of, workers_of
from benchmarks.rate.coolchic import AKIMA_POINTS, LAMBDAS, show
from inrcodec.metrics.curves.bd import bd_rate
from inrcodec.metrics.curves.rd import Point, Row, read_rows, run

RESULTS = Path(__file__).parents[1] / "results/rate/ms_ssim.jsonl"
TABLE = RESULTS.with_suffix(".md")
ANCHOR = "avif-ssim"
REFERENCES = {
    ANCHOR: (10, 20, 32, 45, 58, 70),
    "avif": (10, 20, 32, 45, 58, 70),
    "webp": (1, 10, 30, 55, 75, 90),
    "jpeg-444": (5, 15, 30, 55, 75, 88),
}
METRICS = ("psnr", "ms-ssim", "ms-ssim-db")
CODEC = "inrcodec"


def main() -> None:
    """Run what is missing, then write the table."""
    parser = parser_of(__doc__, "kodak", threads=2)
    parser.add_argument("--images", nargs="+", choices=LAMBDAS, default=list(LAMBDAS))
    parser.add_argument("--losses", nargs="+", default=["ms-ssim"])
    parser.add_argument("--effort", type=int, default=5)
    arguments = parser.parse_args()
    for name in arguments.images:
        points = [Point(c, {"quality": q}) for c, qs in REFERENCES.items() for q in qs]
        for loss in arguments.losses:
            for lmbda in LAMBDAS[name]:
                options = {"lmbda": lmbda, "effort": arguments.effort, "loss": loss}
                points.append(Point(CODEC, options))
        picture = {name: arguments.data / f"{name}.png"}
        settings = workers_of(arguments)
        show(run(picture, points, RESULTS, metrics=METRICS, **settings), "ms-ssim-db", label)
    TABLE.write_text(table(list(read_rows(RESULTS))))
    print(TABLE.read_text())


def label(row: Row) -> str:
    """What a row belongs to: a codec, or a loss at an effort."""
    if row["codec"] != CODEC:
        return str(row["codec"])
    return f"{row['settings']['loss']} -e {row['settings']['effort']}"


def table(rows: list[Row]) -> str:
    """Mean BD-rates by MS-SSIM (dB) and by PSNR against AVIF tuned for SSIM."""
    lines = [
        f"Mean over photographs of the BD-rate (%) against `{ANCHOR}`, from whole files; encode in",
        "seconds for one 768 x 512 photograph.",
        "",
        "| codec | photographs | by MS-SSIM (dB) | by PSNR | encode |",
        "|---|---|---|---|---|",
    ]
    for name in sorted({label(row) for row in rows}):
        own = [row for row in rows if label(row) == name]
        images = sorted({row["image"] for row in own})
        cells = [
            "-" if name == ANCHOR else f"{mean_rate(rows, images, name, metric):+.1f}"
            for metric in ("ms-ssim-db", "psnr")
        ]
        seconds = np.mean([row["encode_s"] for row in own])
        lines.append(f"| {name} | {len(images)} | {' | '.join(cells)} | {seconds:.1f} |")
    return "\n".join(lines) + "\n"


def mean_rate(rows: list[Row], images: list[str], name: str, metric: str) -> float:
    """Mean BD-rate over the photographs of which there are enough points."""
    rates = []
    for image in images:
        curves = [
            sorted(
                (row["bits_per_pixel"], row["metrics"][metric])
                for row in rows
                if row["image"] == image and label(row) == wanted
            )
            for wanted in (ANCHOR, name)
        ]
        if min(map(len, curves)) >= AKIMA_POINTS:
            both = (tuple(np.array(points).T) for points in curves)
            rates.append(bd_rate(*both, least_overlap=0.3).value)
    return float(np.mean(rates)) if rates else float("nan")


if __name__ == "__main__":
    main()
