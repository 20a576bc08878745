"""Images that are not photographs of a benchmark: does anything collapse, explode or lose to WebP?

    python -m benchmarks.rate.guard
    python -m benchmarks.rate.guard --images page text --efforts 5

Bright, dark, low-contrast and screen images, text, medical images, flat ones, noise, one pixel and
24 megapixels, from scikit-image's photographs, its drawings and synthetic ones. WebP (method 6,
lossless too) is measured at several qualities; its PSNR at the size of our file is interpolated
between the files just below and just above. Rows go to results/rate/guard.jsonl as they are made;
a run skips what is there.
"""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
from skimage import data

from benchmarks.common import parser_of, workers_of
from inrcodec.metrics.curves.rd import Point, Row, read_rows, run
from inrcodec.pixels import Samples

RESULTS = Path(__file__).parents[1] / "results/rate/guard.jsonl"
TABLE = RESULTS.with_suffix(".md")

EFFORTS = (0, 3, 5)
QUALITIES = (20, 50, 75)
WEBP = (0, 5, 15, 30, 50, 70, 85, 93, 97, 100)
LARGE = ("mosaic-24mp",)


def coloured(gray: Samples) -> Samples:
    """A gray image as RGB."""
    return np.repeat(gray[..., None], 3, 2) if gray.ndim == 2 else gray[..., :3]


def scaled(pixels: Samples, factor: float, offset: float) -> Samples:
    """An image of other contrast and brightness."""
    return np.clip(np.rint(pixels * factor + offset), 0, 255).astype(np.uint8)


def screen() -> Samples:
    """Windows, lines and text-like marks, 480 x 640."""
    random = np.random.default_rng(5)
    picture = np.full((480, 640, 3), (236, 238, 242), np.uint8)
    picture[:28] = (52, 73, 110)
    for top, left, high, wide in ((48, 24, 200, 280), (90, 330, 330, 280), (280, 40, 170, 250)):
        picture[top : top + high, left : left + wide] = 255
        picture[top : top + 18, left : left + wide] = (120, 150, 200)
        for row in range(top + 28, top + high - 10, 12):
            length = int(random.integers(wide // 3, wide - 24))
            marks = random.random((7, length)) < 0.45
            picture[row : row + 7, left + 12 : left + 12 + length][marks] = (30, 30, 34)
    return picture


def mosaic() -> Samples:
    """24 megapixels of photographs side by side."""
    tiles = [data.astronaut(), data.coffee()[:, :512], data.chelsea()]
    side = [np.pad(t, ((0, 0), (0, 0), (0, 0)))[:300, :400] for t in tiles]
    rows = [np.concatenate([side[(r + c) % 3] for c in range(15)], 1) for r in range(14)]
    return np.concatenate(rows)[:4000, :6000]


IMAGES: dict[str, tuple[str, Callable[[], Samples]]] = {
    "astronaut": ("natural", data.astronaut),
    "coffee": ("natural", data.coffee),
    "chelsea": ("natural", data.chelsea),
    "rocket": ("natural", data.rocket),
    "bright": ("natural", lambda: scaled(data.coffee(), 0.3, 178)),
    "dark": ("natural", lambda: scaled(data.chelsea(), 0.2, 0)),
    "low-contrast": ("natural", lambda: scaled(data.astronaut(), 0.06, 120)),
    "moon": ("natural", lambda: coloured(data.moon())),
    "camera": ("natural", lambda: coloured(data.camera())),
    "page": ("screen", lambda: coloured(data.page())),
    "text": ("screen", lambda: coloured(data.text())),
    "screen": ("screen", screen),
    "colourwheel": ("screen", data.colorwheel),
    "black": ("flat", lambda: np.zeros((512, 768, 3), np.uint8)),
    "white": ("flat", lambda: np.full((512, 768, 3), 255, np.uint8)),
    "noise": (
        "noise",
        lambda: np.random.default_rng(0).integers(0, 256, (256, 384, 3), dtype=np.uint8),
    ),
    "one-pixel": ("flat", lambda: np.full((1, 1, 3), (200, 30, 90), np.uint8)),
    "mosaic-24mp": ("natural", mosaic),
}
"""The kind of every image, and how it is made."""


def main() -> None:
    """Run what is missing, then write the table."""
    parser = parser_of(__doc__, processes=0, threads=2)
    parser.add_argument("--images", nargs="+", choices=IMAGES, default=list(IMAGES))
    parser.add_argument("--efforts", nargs="+", type=int, default=list(EFFORTS))
    arguments = parser.parse_args()
    for name in arguments.images:
        efforts = [0] if name in LARGE else arguments.efforts
        points = [Point("webp", {"quality": quality}) for quality in WEBP]
        points += [
            Point("inrcodec", {"quality": quality, "effort": effort, "model": "coolchic"})
            for effort in efforts
            for quality in QUALITIES
        ]
        picture = {name: IMAGES[name][1]()}
        for row in run(picture, points, RESULTS, **workers_of(arguments)):
            print(name, row["codec"], row["bits_per_pixel"], row["metrics"]["psnr"], flush=True)
    TABLE.write_text(table(list(read_rows(RESULTS))))
    print(TABLE.read_text())


def table(rows: list[Row]) -> str:
    """Every file of ours beside WebP at its size."""
    lines = [
        "PSNR of files of ours, and how far above that of WebP of the same size it lies: `>` where",
        "WebP has no file so small, `<` where it has none so large.",
        "",
        "| image | kind | effort | quality | bytes | dB | beside WebP (dB) | encode (s) |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        if row["codec"] == "inrcodec":
            settings, decibels = row["settings"], row["metrics"]["psnr"]
            gain = beside(row, [r for r in rows if r["codec"] == "webp"])
            lines.append(
                f"| {row['image']} | {IMAGES[row['image']][0]} | {settings['effort']} | "
                f"{row['quality']:g} | {row['size_bytes']} | {decibels:.2f} | {gain} | "
                f"{row['encode_s']:.1f} |"
            )
    return "\n".join(lines) + "\n"


def beside(row: Row, others: list[Row]) -> str:
    """Decibels above WebP at the size of a row."""
    points = sorted(
        (r["size_bytes"], r["metrics"]["psnr"]) for r in others if r["image"] == row["image"]
    )
    sizes, values = np.array(points, float).T
    if row["size_bytes"] < sizes[0]:
        return f"> {row['metrics']['psnr'] - values[0]:+.2f}"
    if row["size_bytes"] > sizes[-1]:
        return f"< {row['metrics']['psnr'] - values[-1]:+.2f}"
    there = float(np.interp(math.log(row["size_bytes"]), np.log(sizes), values))
    return f"{row['metrics']['psnr'] - there:+.2f}"


if __name__ == "__main__":
    main()
