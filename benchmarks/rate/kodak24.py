"""Rate-distortion curves of all 24 Kodak photographs, per image, as a table and as CSV.

    python -m benchmarks.rate.kodak24
    python -m benchmarks.rate.kodak24 --efforts 0 1 5 --threads 2

The codecs and settings are those of `benchmarks.rate.coolchic`, which has times, too, for eight of
the photographs, and AVIF as its users tune it, and JPEG XL. Rows go to results/rate/kodak24.jsonl
as they are made; a run skips what is there. Writes the BD-rates of each photograph against AVIF to
kodak24.md, and all curves to kodak24.csv.
"""

import argparse
import csv
import io
from pathlib import Path

import numpy as np

from benchmarks.rate.coolchic import BUSY, CALM, LAMBDAS, REFERENCES, compared, label, show
from inrcodec.metrics.curves.rd import Point, Row, read_rows, run

RESULTS = Path(__file__).parents[1] / "results/rate/kodak24.jsonl"

TUNED: dict[str, tuple[float, ...]] = {
    "avif-iq": (10, 20, 32, 45, 58, 70),
    "avif-iq-420": (10, 20, 32, 45, 58, 70),
    "jpegxl": (12, 7, 4, 2.2, 1.2, 0.6),
}
"""Further codecs and qualities: these are tuned for the eye, not for PSNR."""

FINE = (6, 13, 14, 18, 21, 22)
"""Further photographs with much texture; the others have the lambdas of calm ones."""


def lambdas(name: str) -> tuple[float, ...]:
    """Lambdas that give about 0.1 to 1.2 bits a pixel."""
    busy = name in BUSY or name in {f"kodim{number:02d}" for number in FINE}
    return LAMBDAS[BUSY[0] if busy else CALM[0]]


def main() -> None:
    """Run what is missing, then write the table and the curves."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data/kodak"))
    parser.add_argument("--efforts", nargs="*", type=int, default=[0, 1, 5])
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    names = [f"kodim{number:02d}" for number in range(1, 25)]
    references = [Point(c, {"quality": q}) for c, qs in (REFERENCES | TUNED).items() for q in qs]
    for effort in (None, *arguments.efforts):
        for name in names:
            points = references
            if effort is not None:
                settings = {"effort": effort, "model": "coolchic"}
                points = [Point("inrcodec", {"lmbda": x} | settings) for x in lambdas(name)]
            picture = {name: arguments.data / f"{name}.png"}
            show(run(picture, points, RESULTS, threads=arguments.threads), "psnr", label)
            rows = list(read_rows(RESULTS))
            RESULTS.with_suffix(".md").write_text(table(rows))
            RESULTS.with_suffix(".csv").write_text(curves(rows))


def table(rows: list[Row]) -> str:
    """BD-rates of each photograph against AVIF, and their means."""
    labels = sorted({label(row) for row in rows} - {"avif"})
    lines = [
        "BD-rate (%) against AVIF (4:4:4, speed 2, tune=psnr) of each Kodak photograph, from whole",
        "files; PSNR over RGB.",
        "",
        f"| photograph | {' | '.join(labels)} |",
        "|---|" + "---|" * len(labels),
    ]
    images = sorted({row["image"] for row in rows})
    rates = {i: [compared(rows, i, name, "avif") for name in labels] for i in images}
    for image, found in rates.items():
        cells = ["-" if rate is None else f"{rate:+.1f}" for rate in found]
        lines.append(f"| {image} | {' | '.join(cells)} |")
    columns = [
        [rate for rate in found if rate is not None] for found in zip(*rates.values(), strict=True)
    ]
    means = [f"**{np.mean(found):+.1f}** ({len(found)})" if found else "-" for found in columns]
    lines.append(f"| mean (photographs) | {' | '.join(means)} |")
    return "\n".join(lines) + "\n"


def curves(rows: list[Row]) -> str:
    """All points as CSV."""
    text = io.StringIO()
    out = csv.writer(text, lineterminator="\n")
    out.writerow(("image", "codec", "bits_per_pixel", "psnr_db"))
    points = {(r["image"], label(r), r["bits_per_pixel"], r["metrics"]["psnr"]) for r in rows}
    for image, codec, bits, psnr in sorted(points):
        out.writerow((image, codec, f"{bits:.5f}", f"{psnr:.4f}"))
    return text.getvalue()


if __name__ == "__main__":
    main()
