"""Every loss on three architectures at equal measured rates, by five metrics.

    INRCODEC_WEIGHTS=../shared/data/weights python -m benchmarks.rate.losses --processes 2

After "Redefining visual quality" (Catania and Allegra 2024), whose files differ in rate from loss
to loss. Here every file is made for the same bits a pixel (`bpp`, never exceeded, met within a few
percent): the middle 256 x 256 pixels of six Kodak photographs at three rates, with JPEG and AVIF
beside. Files are whole and decoded again. LPIPS is that of SqueezeNet, which the loss `lpips` is
made of: it is no judge of that loss. `--draw docs/losses.jpg` encodes the files of one picture and
rate again and shows them side by side.

Rows go to results/rate/losses.jsonl as they are made; a run skips what is there.
"""

from collections.abc import Iterator
from pathlib import Path
from statistics import fmean

from PIL import Image, ImageDraw

import inrcodec
from benchmarks.common import parser_of, workers_of
from benchmarks.rate.coolchic import show
from inrcodec.codec.options.loss_names import LOSSES
from inrcodec.images.reading import as_picture
from inrcodec.metrics.curves.rd import Point, Row, read_rows, run
from inrcodec.pixels import middle

RESULTS = Path(__file__).parents[1] / "results/rate/losses.jsonl"
TABLE = RESULTS.with_suffix(".md")

PICTURES = ("kodim01", "kodim05", "kodim08", "kodim15", "kodim23", "kodim24")
SIDE = 256
RATES = (0.3, 0.6, 1.2)
MODELS = {"pe-siren": 3, "coolchic-v1": 4, "coolchic-v2": 4}
"""Architectures, and the effort of each."""

REFERENCES = ("jpeg-444", "avif")
DRAWN, DRAWN_LOSSES = ("kodim24", 0.6), ("mse", "lcssim", "l1msssim")

METRICS = {
    "psnr": (1, 2),
    "ms-ssim-db": (1, 2),
    "lpips-squeeze": (-1, 4),
    "inriq": (-1, 3),
    "iem-gaussian": (-1, 2),
}
"""Whether more is better, 1 or -1, and digits to show."""


def main() -> None:
    """Run what is missing, then write the table."""
    parser = parser_of(__doc__, "kodak")
    parser.add_argument("--images", nargs="+", choices=PICTURES, default=PICTURES)
    parser.add_argument("--losses", nargs="+", choices=LOSSES, default=LOSSES)
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--rates", nargs="+", type=float, default=RATES)
    parser.add_argument("--draw", type=Path, help="where to draw a picture, without any rows")
    arguments = parser.parse_args()
    if arguments.draw:
        draw(arguments.data, arguments.draw)
        return
    points = [Point(codec, {"bpp": bpp}) for codec in REFERENCES for bpp in arguments.rates]
    for model in arguments.models:
        for loss in arguments.losses:
            for bpp in arguments.rates:
                options = {"bpp": bpp, "model": model, "effort": MODELS[model], "loss": loss}
                points.append(Point("inrcodec", options))
    for name in arguments.images:
        crop = {name: middle(as_picture(arguments.data / f"{name}.png").pixels, SIDE, SIDE)}
        rows = run(crop, points, RESULTS, metrics=list(METRICS), **workers_of(arguments))
        show(rows, "ms-ssim-db", lambda row: " ".join(kind(row)))
    TABLE.write_text("\n".join(table(list(read_rows(RESULTS)))) + "\n")
    print(TABLE.read_text())


def draw(data: Path, path: Path) -> None:
    """The original, and a row an architecture of what it makes of `DRAWN` under three losses."""
    name, bpp = DRAWN
    original = middle(as_picture(data / f"{name}.png").pixels, SIDE, SIDE)
    sheet = Image.new("RGB", (4 * (SIDE + 6), len(MODELS) * (SIDE + 24)), "white")
    text = ImageDraw.Draw(sheet)
    for row, (model, effort) in enumerate(MODELS.items()):
        tiles = [(original, name)]
        for loss in DRAWN_LOSSES:
            file = inrcodec.encode(original, model=model, effort=effort, loss=loss, bpp=bpp)
            tiles.append((inrcodec.decode(file), f"{model} {loss}, {len(file)} bytes"))
        for column, (pixels, caption) in enumerate(tiles):
            left, top = column * (SIDE + 6), row * (SIDE + 24)
            sheet.paste(Image.fromarray(pixels), (left, top))
            text.text((left + 2, top + SIDE + 3), caption, fill="black", font_size=13)
    sheet.save(path, quality=90)


def kind(row: Row) -> tuple[str, str]:
    """The architecture and the loss of a row, or the codec and nothing."""
    if row["codec"] != "inrcodec":
        return row["codec"], ""
    return row["settings"]["model"], row["settings"]["loss"]


def table(rows: list[Row]) -> Iterator[str]:
    """Means over pictures and rates, and on how many of them a loss is better than `mse`."""
    yield "Means over pictures and rates; in brackets, on how many of them it is better than `mse`."
    yield ""
    yield "| architecture | loss | files | bpp | " + " | ".join(METRICS) + " |"
    yield "|---" * (len(METRICS) + 4) + "|"
    kinds = list(dict.fromkeys(map(kind, rows)))
    order = [*REFERENCES, *MODELS]
    losses = ["", *LOSSES]
    for model, loss in sorted(kinds, key=lambda k: (order.index(k[0]), losses.index(k[1]))):
        own = by_place(rows, model, loss)
        plain = by_place(rows, model, "mse") if loss not in ("", "mse") else {}
        cells = []
        for name, (sign, digits) in METRICS.items():
            mean = fmean(row["metrics"][name] for row in own.values())
            shared = [place for place in own if place in plain]
            better = sum(
                sign * own[p]["metrics"][name] > sign * plain[p]["metrics"][name] for p in shared
            )
            cells.append(f"{mean:.{digits}f}" + (f" ({better})" if shared else ""))
        bpp = fmean(row["bits_per_pixel"] for row in own.values())
        yield f"| {model} | {loss} | {len(own)} | {bpp:.3f} | {' | '.join(cells)} |"


def by_place(rows: list[Row], model: str, loss: str) -> dict[tuple[str, float], Row]:
    """Rows of one kind by picture and rate asked for."""
    return {(row["image"], row["asked"]["bpp"]): row for row in rows if kind(row) == (model, loss)}


if __name__ == "__main__":
    main()
