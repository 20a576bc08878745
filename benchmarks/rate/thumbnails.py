"""Rate and distortion of `coolchic` on thumbnails beside AVIF, WebP and JPEG.

    python -m benchmarks.rate.thumbnails --efforts 1 3

The photographs of `benchmarks.rate.coolchic`, scaled to 128 pixels on the longer side. At that size
what a file has beside its picture counts: headers, networks, the boxes of AVIF. Rows go to
results/rate/thumbnails.jsonl as they are made; a run skips what is there.
"""

import tempfile
from pathlib import Path

from PIL import Image

from benchmarks.common import parser_of, workers_of
from benchmarks.rate.coolchic import LAMBDAS, REFERENCES, label, show, table
from inrcodec.metrics.curves.rd import Point, read_rows, run

RESULTS = Path(__file__).parents[1] / "results/rate/thumbnails.jsonl"
TABLE = RESULTS.with_suffix(".md")

SIDE = 128
"""Pixels of the longer side."""

THUMBNAIL_LAMBDAS = (8e-3, 2.5e-3, 8e-4, 2.5e-4)
"""Lambdas that give about 0.3 to 2.5 bits a pixel."""


def main() -> None:
    """Run what is missing, then write the table."""
    parser = parser_of(__doc__, "kodak", processes=0, threads=1)
    parser.add_argument("--efforts", nargs="*", type=int, default=[1, 3])
    arguments = parser.parse_args()
    points = [Point(c, {"quality": q}) for c, qs in REFERENCES.items() for q in qs]
    for effort in arguments.efforts:
        points += [
            Point("inrcodec", {"lmbda": lmbda, "model": "coolchic", "effort": effort})
            for lmbda in THUMBNAIL_LAMBDAS
        ]
    with tempfile.TemporaryDirectory() as folder:
        for name in LAMBDAS:
            small = Path(folder) / f"{name}-{SIDE}.png"
            with Image.open(arguments.data / f"{name}.png") as image:
                image.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
                image.save(small)
            show(run({small.stem: small}, points, RESULTS, **workers_of(arguments)), "psnr", label)
    TABLE.write_text(table(list(read_rows(RESULTS)), of=f"one photograph of {SIDE} x 85 pixels"))
    print(TABLE.read_text())


if __name__ == "__main__":
    main()
