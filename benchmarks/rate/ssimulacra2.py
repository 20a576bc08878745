"""Files of one size by what they are tuned for, beside AVIF, by three metrics.

    python -m benchmarks.rate.ssimulacra2

Photographs of scikit-image at 0.5 bits per pixel (never exceeded, met within a few percent), effort
3. AVIF (4:4:4, speed 2) is tuned for PSNR and as its users do (tune=iq). Rows go to
results/rate/ssimulacra2.jsonl as they are made; a run skips what is there.
"""

from pathlib import Path

from skimage import data

from benchmarks.common import parser_of, workers_of
from benchmarks.rate.coolchic import show
from inrcodec.metrics.curves.rd import Point, Row, read_rows, run

RESULTS = Path(__file__).parents[1] / "results/rate/ssimulacra2.jsonl"
TABLE = RESULTS.with_suffix(".md")

IMAGES = ("chelsea", "coffee", "rocket", "astronaut")
BPP, EFFORT = 0.5, 3
LOSSES = {"mse": "psnr", "lcssim": "perceptual", "l1msssim": "ms-ssim", "ssimulacra2": ""}
"""The loss of each `--tune`, and the name of that where it is another."""

CODECS = {"avif": "AVIF tune=psnr", "avif-iq": "AVIF tune=iq"}
METRICS = {"psnr": (1, 2), "ssimulacra2": (1, 1), "butteraugli-3norm": (-1, 2)}
"""Whether more is better, 1 or -1, and digits to show."""


def main() -> None:
    """Run what is missing, then write the table."""
    parser = parser_of(__doc__, processes=0, threads=2)
    parser.add_argument("--images", nargs="+", choices=IMAGES, default=IMAGES)
    arguments = parser.parse_args()
    points = [Point(codec, {"bpp": BPP}) for codec in CODECS]
    points += [Point("inrcodec", {"bpp": BPP, "effort": EFFORT, "loss": loss}) for loss in LOSSES]
    for name in arguments.images:
        picture = {name: getattr(data, name)()}
        show(
            run(picture, points, RESULTS, metrics=list(METRICS), **workers_of(arguments)),
            "ssimulacra2",
            label,
        )
    TABLE.write_text(table(list(read_rows(RESULTS))))
    print(TABLE.read_text())


def label(row: Row) -> str:
    """What a row belongs to: a codec, or what a file is tuned for."""
    if row["codec"] in CODECS:
        return CODECS[row["codec"]]
    loss = row["settings"]["loss"]
    return f"`--tune {LOSSES[loss] or loss}`"


def table(rows: list[Row]) -> str:
    """One line for each file; the best of an image by each metric is bold."""
    lines = [
        "| image | file | bytes | PSNR (dB) | SSIMULACRA2 | Butteraugli (3-norm) |",
        "|---|---|---|---|---|---|",
    ]
    for image in dict.fromkeys(row["image"] for row in rows):
        own = [row for row in rows if row["image"] == image]
        best = {
            name: max(own, key=lambda row, n=name, s=sign: s * row["metrics"][n])
            for name, (sign, _) in METRICS.items()
        }
        for row in own:
            cells = [f"{row['metrics'][name]:.{digits}f}" for name, (_, digits) in METRICS.items()]
            marked = [
                f"**{cell}**" if best[name] is row else cell
                for name, cell in zip(METRICS, cells, strict=True)
            ]
            shown = " | ".join(marked)
            lines.append(f"| {image} | {label(row)} | {row['size_bytes']} | {shown} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
