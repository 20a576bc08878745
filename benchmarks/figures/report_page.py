"""The picture of a report page in README and docs: a photograph at 0.2 bpp, seen in a browser.

    python -m benchmarks.figures.report_page

Takes minutes, for the file is one of the default effort. It is one on which it does well: the means
over photographs are in benchmarks/results/rate/coolchic.md. Needs `make web` and a
Chromium. Writes docs/report.jpg.
"""

import tempfile
import time
from pathlib import Path

from PIL import Image
from skimage import data

import inrcodec
from benchmarks.common import parser_of
from benchmarks.figures.browser import Shot, draw
from inrcodec.images.writing import image_bytes
from inrcodec.metrics.report.evaluation import evaluate
from inrcodec.metrics.report.files import File
from inrcodec.metrics.report.options import ReportOptions
from inrcodec.metrics.report.page import to_html
from inrcodec.pixels import Picture

OUTPUT = Path(__file__).parents[2] / "docs" / "report.jpg"
WIDTH, HEIGHT, SHOWN = 1152, 1610, 0.75
"""Of the window, and the scale of the picture."""


BPP = 0.2
METRICS = ("psnr", "ssimulacra2", "butteraugli-3norm", "ssim", "ms-ssim")


def page() -> str:
    """The report on the launch of a rocket (640 x 427) of scikit-image."""
    original = image_bytes(Picture(data.rocket()))
    started = time.monotonic()
    file = inrcodec.encode(original, bpp=BPP, threads=1)
    coded = File("rocket.inr", file, encode_s=time.monotonic() - started)
    options = ReportOptions(metrics=METRICS, command="inrcodec report rocket.png rocket.inr")
    return to_html(evaluate(File("rocket.png", original), [coded], options))


def main() -> None:
    """Show the page to a browser without a window, and keep the top of what it draws."""
    parser_of(__doc__).parse_args()
    with tempfile.TemporaryDirectory() as folder:
        shot, written = Path(folder) / "page.png", Path(folder) / "report.html"
        written.write_text(page(), "utf-8")
        size = {"width": WIDTH, "height": HEIGHT}
        draw([Shot(url=written.as_uri(), output=str(shot), wait="#view", **size)])
        with Image.open(shot) as image:
            shown = image.convert("RGB").resize((int(WIDTH * SHOWN), int(HEIGHT * SHOWN)))
            shown.save(OUTPUT, quality=88)
    print(f"{OUTPUT.name}: {OUTPUT.stat().st_size} bytes")


if __name__ == "__main__":
    main()
