"""`coolchic-v1` and `-v2` beside what their authors published, photograph by photograph.

    python -m benchmarks.rate.coolchic_published --effort 7 --processes 2

One middle rate each on Kodak 15 and 23: whole files, decoded again, against the bits that the
published curve of the photograph takes at the same PSNR (Cool-Chic's own results, versions 1.0 and
2.0; read from `--anchors`, between points by a monotone curve in log bits). Rows go to
results/rate/coolchic_published.jsonl as they are made; a run skips what is there.
"""

import csv
import math
from pathlib import Path

from scipy.interpolate import PchipInterpolator

from benchmarks.common import parser_of, workers_of
from inrcodec.metrics.curves.rd import Point, Row, read_rows, run

RESULTS = Path(__file__).parents[1] / "results/rate/coolchic_published.jsonl"
LAMBDAS = {"coolchic-v1": 5e-4, "coolchic-v2": 1e-3}
VERSIONS = {"coolchic-v1": "v1.0", "coolchic-v2": "v2.0"}
IMAGES = ("kodim15", "kodim23")


def main() -> None:
    """Run what is missing, then write the table."""
    parser = parser_of(__doc__, "kodak", processes=2, threads=1)
    parser.add_argument("--anchors", type=Path, default=Path("../shared/anchors"))
    parser.add_argument("--effort", type=int, default=7)
    arguments = parser.parse_args()
    images = {name: arguments.data / f"{name}.png" for name in IMAGES}
    points = [
        Point("inrcodec", {"lmbda": lmbda, "effort": arguments.effort, "model": model})
        for model, lmbda in LAMBDAS.items()
    ]
    for row in run(images, points, RESULTS, **workers_of(arguments)):
        print(line(row, arguments.anchors), flush=True)
    rows = sorted(read_rows(RESULTS), key=lambda row: (row["settings"]["model"], row["image"]))
    head = "| model | photograph | effort | bpp | PSNR (dB) | published bpp | bits | encode (s) |"
    table = "\n".join([head, "|---" * 8 + "|", *(line(row, arguments.anchors) for row in rows)])
    RESULTS.with_suffix(".md").write_text(table + "\n")
    print(table)


def line(row: Row, anchors: Path) -> str:
    """One row of the table."""
    model, psnr, bpp = row["settings"]["model"], row["metrics"]["psnr"], row["bits_per_pixel"]
    theirs = published(anchors / f"coolchic_{row['image']}.csv", VERSIONS[model], psnr)
    return (
        f"| {model} | {row['image']} | {row['settings']['effort']} | {bpp:.3f} | {psnr:.2f} "
        f"| {theirs:.3f} | {100 * (bpp / theirs - 1):+.1f} % | {row['encode_s']:.0f} |"
    )


def published(path: Path, version: str, psnr: float) -> float:
    """Bits a pixel of a published curve at a PSNR; raises `SystemExit` outside its range."""
    with path.open(newline="") as file:
        points = sorted(
            (float(row["psnr_db"]), math.log(float(row["bpp"])))
            for row in csv.DictReader(file)
            if row["version"] == version
        )
    qualities, rates = zip(*points, strict=True)
    if not qualities[0] <= psnr <= qualities[-1]:
        raise SystemExit(f"{path.name}: {version} has no bits for {psnr:.2f} dB")
    return math.exp(float(PchipInterpolator(qualities, rates)(psnr)))


if __name__ == "__main__":
    main()
