"""What the beginning of a file shows: PSNR of every prefix beside a progressive JPEG, and pictures.

    python -m benchmarks.rate.prefixes --effort 3

Photographs of scikit-image; needs matplotlib. Writes docs/prefixes.png and
results/rate/prefixes.json.
"""

import argparse
import io
import json
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image, ImageFile
from skimage import data

import inrcodec
from inrcodec.errors import TruncatedError
from inrcodec.metrics.references.baselines import encode_to_size
from inrcodec.pixels import psnr

PICTURES = ("astronaut", "chelsea", "coffee")
SHARES = [*range(1, 20), *range(20, 101, 5)]
SHOWN = (5, 10, 25, 50, 100)
OUTPUT = Path(__file__).parents[2] / "docs" / "prefixes.png"
RESULTS = Path(__file__).parents[1] / "results/rate/prefixes.json"


def main() -> None:
    """Encode, decode every prefix, write the figures and draw them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--effort", type=int, default=3)
    effort = parser.parse_args().effort
    rows, strip = [], []
    for name in PICTURES:
        picture = getattr(data, name)()
        file = inrcodec.encode(picture, lmbda=1e-3, effort=effort)
        jpeg = encode_to_size("jpeg", picture, len(file)).data
        for share in SHARES:
            made = preview(file[: len(file) * share // 100])
            other = jpeg_preview(jpeg[: len(jpeg) * share // 100], picture.shape)
            rows.append(
                {
                    "picture": name,
                    "share": share,
                    "bytes": len(file) * share // 100,
                    "psnr_db": None if made is None else psnr(picture, made),
                    "jpeg_psnr_db": None if other is None else psnr(picture, other),
                }
            )
            if share in SHOWN and name == PICTURES[0]:
                strip.append((share, made))
        print(name, len(file), flush=True)
    RESULTS.write_text(
        json.dumps({"effort": effort, "lambda": 1e-3, "rows": rows}, indent=1) + "\n"
    )
    draw(rows, strip)


def preview(prefix: bytes) -> np.ndarray | None:
    """What a prefix of a file shows, None if nothing yet."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return inrcodec.decode(prefix)
        except TruncatedError:
            return None


def jpeg_preview(prefix: bytes, shape: tuple[int, ...]) -> np.ndarray | None:
    """What a prefix of a progressive JPEG shows, None if nothing yet."""
    ImageFile.LOAD_TRUNCATED_IMAGES = True
    try:
        made = np.asarray(Image.open(io.BytesIO(prefix)).convert("RGB"))
    except OSError:
        return None
    return made if made.shape == shape else None


def draw(rows: list[dict], strip: list[tuple[int, np.ndarray | None]]) -> None:
    """Curves above, previews of the first picture below."""
    figure = plt.figure(figsize=(12, 7.2), dpi=90)
    grid = figure.add_gridspec(2, len(SHOWN), height_ratios=(1.35, 1))
    axes = figure.add_subplot(grid[0, :])
    for number, name in enumerate(PICTURES):
        mine = [row for row in rows if row["picture"] == name]
        for key, style, label in (
            ("psnr_db", "-", name),
            ("jpeg_psnr_db", ":", f"{name}, progressive JPEG of the same size"),
        ):
            points = [(row["share"], row[key]) for row in mine if row[key] is not None]
            axes.plot(*zip(*points, strict=True), style, color=f"C{number}", label=label, lw=1.8)
    axes.set(xlabel="share of the file (%)", ylabel="PSNR (dB)", xlim=(0, 100))
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, fontsize=9)
    for number, (share, made) in enumerate(strip):
        cell = figure.add_subplot(grid[1, number])
        cell.axis("off")
        cell.set_title(f"{share} %", fontsize=10)
        if made is None:
            made = np.full((1, 1, 3), 235, np.uint8)
            cell.text(0, 0, "no picture yet", ha="center", va="center", fontsize=9)
        cell.imshow(made)
    figure.tight_layout()
    figure.savefig(OUTPUT)


if __name__ == "__main__":
    main()
