"""The image in the README: a photograph, its file decoded, and a detail at four times the size.

python -m benchmarks.figures.readme_image
"""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from skimage import data

import inrcodec
from benchmarks.common import parser_of
from inrcodec.pixels import psnr

OUTPUT = Path(__file__).parents[2] / "docs" / "chelsea.jpg"
BPP = 0.5
DETAIL = (110, 60, 90, 75)


def main() -> None:
    """Encode the cat of scikit-image at 0.5 bpp and draw the sheet."""
    parser_of(__doc__).parse_args()
    original = data.chelsea()
    file = inrcodec.encode(original, bpp=BPP, effort=6)
    decoded = inrcodec.decode(file)
    x, y, width, height = DETAIL
    crop = (4 * x, 4 * y, 4 * width, 4 * height)
    fine = inrcodec.decode(file, scale=4, crop=crop)
    coarse = Image.fromarray(original[y : y + height, x : x + width])
    tall, wide = original.shape[:2]
    sheet = Image.new("RGB", (2 * wide + 10, 2 * tall + 60), "white")
    draw = ImageDraw.Draw(sheet)
    tiles = (
        (original, f"original, {wide} x {tall}, {original.size} bytes raw"),
        (decoded, f"decoded from {len(file)} bytes, {psnr(original, decoded):.1f} dB"),
        (np.asarray(coarse.resize((wide, tall), Image.Resampling.BICUBIC)), "original, bicubic x4"),
        (np.asarray(Image.fromarray(fine).resize((wide, tall))), "the same file decoded at x4"),
    )
    for index, (pixels, caption) in enumerate(tiles):
        left, top = (wide + 10) * (index % 2), (tall + 30) * (index // 2)
        sheet.paste(Image.fromarray(pixels), (left, top))
        draw.text((left + 4, top + tall + 6), caption, fill="black", font_size=15)
    sheet.save(OUTPUT, quality=88)
    print(f"{OUTPUT.name}: {len(file)} bytes, {psnr(original, decoded):.2f} dB")


if __name__ == "__main__":
    main()
