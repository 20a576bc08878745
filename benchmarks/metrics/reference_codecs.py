"""Rate and distortion of JPEG, JPEG 2000, WebP, AVIF and JPEG XL on Kodak photographs.

    python -m benchmarks.metrics.reference_codecs --data ../shared/data/kodak --images 4

The codecs and their settings are those of `inrcodec.metrics.references.codecs`; sizes are whole
files. Rows go to results/metrics/reference_codecs.jsonl as they are made; a run skips what is
there, so it can be stopped and started again. Every process uses one thread.
"""

import json
from pathlib import Path

from benchmarks.common import parser_of, workers_of
from inrcodec.metrics.curves.rd import Comparison, Point, Row, bd_table, read_rows, run
from inrcodec.metrics.references.baselines import CODECS

RESULTS = Path(__file__).parents[1] / "results/metrics/reference_codecs.jsonl"
TABLE = RESULTS.with_suffix(".md")
ANCHOR = "jpeg"
METRICS = {
    "psnr": "PSNR (dB)",
    "ms-ssim-db": "MS-SSIM (dB)",
    "ssimulacra2": "SSIMULACRA2",
    "butteraugli-3norm": "Butteraugli (3-norm)",
}

QUALITIES: dict[str, tuple[float, ...]] = {
    "jpeg": (10, 25, 50, 75, 90),
    "jpeg-444": (10, 25, 50, 75, 90),
    "jpeg2000": (160, 80, 40, 20, 10),
    "webp": (1, 20, 50, 75, 90),
    "avif": (15, 30, 45, 60, 75),
    "avif-ssim": (15, 30, 45, 60, 75),
    "avif-iq": (15, 30, 45, 60, 75),
    "avif-iq-420": (15, 30, 45, 60, 75),
    "jpegxl": (16, 7, 3, 1.5, 0.75),
}
"""Five qualities each, on the codec's own scale: about 0.2 to 2.5 bits a pixel."""

DEFAULT_CODECS = (
    *("jpeg", "jpeg-444", "jpeg2000", "webp", "jpegxl"),
    *("avif", "avif-ssim", "avif-iq", "avif-iq-420"),
)


def main() -> None:
    """Run what is missing, then write the table."""
    parser = parser_of(__doc__, "kodak", processes=2)
    parser.add_argument("--images", type=int, help="take this many, evenly spread")
    parser.add_argument("--codecs", nargs="+", choices=QUALITIES, default=DEFAULT_CODECS)
    arguments = parser.parse_args()
    pictures = sorted(arguments.data.glob("kodim*.png"))
    if not pictures:
        raise SystemExit(f"no kodim*.png in {arguments.data}")
    count = arguments.images or len(pictures)
    pictures = [pictures[int((i + 0.5) * len(pictures) / count)] for i in range(count)]
    images = {path.stem: path for path in pictures}
    points = [
        Point(codec, {"quality": quality})
        for codec in arguments.codecs
        for quality in QUALITIES[codec]
    ]
    for row in run(images, points, RESULTS, metrics=list(METRICS), **workers_of(arguments)):
        print(
            f"{row['image']} {row['codec']:9} {row['quality']:<5g} "
            f"{row['bits_per_pixel']:.4f} bpp {row['metrics']['psnr']:.2f} dB "
            f"{row['encode_s']:.2f} s",
            flush=True,
        )
    rows = [row for row in read_rows(RESULTS) if row["image"] in images]
    write_table([row for row in rows if row["codec"] in arguments.codecs])


def write_table(rows: list[Row]) -> None:
    """The mean of every setting, then the comparison with JPEG."""
    names = sorted({row["image"] for row in rows})
    codecs = [name for name in QUALITIES if any(row["codec"] == name for row in rows)]
    lines = [
        f"Mean over {len(names)} photographs ({', '.join(names)}), one thread.",
        "",
        f"| codec | quality | bpp | {' | '.join(METRICS.values())} | encode (s) | decode (s) |",
        "|---|---|---|" + "---|" * len(METRICS) + "---|---|",
    ]
    for codec in codecs:
        lines += [setting_line(rows, codec, quality) for quality in QUALITIES[codec]]
    lines += ["", f"Against {CODECS[ANCHOR].title}, on the mean curves:", ""]
    lines += [
        "| codec | metric | BD-rate (%) | BD-metric | overlap |",
        "|---|---|---|---|---|",
    ]
    for metric, title in METRICS.items():
        lines += [delta_line(entry, title) for entry in bd_table(rows, ANCHOR, metric)]
    TABLE.write_text("\n".join([*lines, "", *about(rows)]) + "\n")


def setting_line(rows: list[Row], codec: str, quality: float) -> str:
    """One setting of one codec, averaged over the pictures."""
    chosen = [row for row in rows if (row["codec"], row["quality"]) == (codec, quality)]
    columns = ("bits_per_pixel", "encode_s", "decode_s")
    mean = {name: sum(row[name] for row in chosen) / len(chosen) for name in columns}
    mean |= {name: sum(row["metrics"][name] for row in chosen) / len(chosen) for name in METRICS}
    return (
        f"| {CODECS[codec].title} | {quality:g} | {mean['bits_per_pixel']:.4f} "
        f"| {' | '.join(f'{mean[name]:.2f}' for name in METRICS)} "
        f"| {mean['encode_s']:.2f} | {mean['decode_s']:.3f} |"
    )


def delta_line(entry: Comparison, metric: str) -> str:
    """One codec against JPEG, or why it cannot be compared."""
    title = CODECS[entry.codec].title
    if entry.rate is None or entry.gain is None:
        return f"| {title} | {metric} | {entry.reason} | | |"
    return (
        f"| {title} | {metric} | {entry.rate.value:+.1f} | {entry.gain.value:+.2f} "
        f"| {entry.rate.overlap:.0%} |"
    )


def about(rows: list[Row]) -> list[str]:
    """Settings of the codecs and versions of the libraries, as the rows recorded them."""
    lines = ["Settings:", ""]
    settings = {row["codec"]: json.dumps(row["settings"]) for row in rows}
    lines += [f"- {CODECS[codec].title}: `{text}`" for codec, text in sorted(settings.items())]
    versions = sorted({json.dumps(row["versions"]) for row in rows})
    return [*lines, "", "Versions:", "", *(f"- `{text}`" for text in versions)]


if __name__ == "__main__":
    main()
