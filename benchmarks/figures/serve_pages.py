"""Draws the page of `inrcodec serve` for the docs: the gallery, the viewer, and both on a phone.

    python -m benchmarks.figures.serve_pages

writes docs/gallery.jpg, docs/viewer.jpg and docs/viewer-phone.jpg. The photographs are those of
scikit-image. Needs `make web` and a Chromium.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from skimage import data

import inrcodec
from benchmarks.common import parser_of
from benchmarks.figures.browser import Shot, draw

DOCS = Path(__file__).parents[2] / "docs"
PHOTOGRAPHS = ("chelsea", "coffee", "astronaut", "rocket", "camera", "immunohistochemistry")
SHOWN = "coffee"
BPP = 0.4
TILES = f"#tiles li:nth-child({len(PHOTOGRAPHS)}) canvas"
COMPLETE = "#viewer[data-complete] #curve svg"


@contextmanager
def serving(files: Path, originals: Path) -> Iterator[str]:
    """The address of a server of these files."""
    command = [sys.executable, "-m", "inrcodec", "serve", str(files), "--port", "0"]
    command += ["--reference", str(originals)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL) as server:
        try:
            lines = iter(server.stderr or ())
            line = next(line for line in lines if b"look at" in line).decode()
            yield re.findall(r"http://[^/]+", line)[0]
        finally:
            server.terminate()


def main() -> None:
    """Encode the photographs, serve them, and draw the page."""
    parser_of(__doc__).parse_args()
    with tempfile.TemporaryDirectory() as made:
        files, originals, shots = (Path(made) / name for name in ("files", "originals", "shots"))
        for folder in (files, originals, shots):
            folder.mkdir()
        for name in PHOTOGRAPHS:
            pixels = getattr(data, name)()
            Image.fromarray(pixels).save(originals / f"{name}.png")
            (files / f"{name}.inr").write_bytes(
                inrcodec.encode(pixels, bpp=BPP, effort=2, threads=1)
            )
        with serving(files, originals) as address:
            view = f"{address}/view/{SHOWN}.inr"
            wanted = {
                "gallery": (f"{address}/", 1120, 620, TILES, False),
                "viewer": (view, 1280, 940, COMPLETE, True),
                "viewer-phone": (view, 390, 780, COMPLETE, False),
            }
            draw(
                [
                    Shot(
                        url=url,
                        output=str(shots / f"{name}.png"),
                        width=width,
                        height=height,
                        wait=wait,
                        dark=dark,
                    )
                    for name, (url, width, height, wait, dark) in wanted.items()
                ]
            )
        for name in wanted:
            with Image.open(shots / f"{name}.png") as image:
                image.convert("RGB").save(DOCS / f"{name}.jpg", quality=86)


if __name__ == "__main__":
    main()
