"""`make demo`: a real photograph to a file and back, with sizes, quality and a report page."""

import sys
import time
from pathlib import Path

from PIL import Image
from skimage import data

import inrcodec
from benchmarks.common import parser_of
from inrcodec.cli.progress import follow, so_far
from inrcodec.images.reading import read_image
from inrcodec.images.writing import image_bytes
from inrcodec.metrics.report.evaluation import Evaluation
from inrcodec.metrics.report.files import File
from inrcodec.metrics.report.page import to_html
from inrcodec.pixels import psnr

FOLDER = Path("demo")


def main() -> None:
    """Encode, decode and report on the cat of scikit-image (451 x 300)."""
    parser_of(__doc__).parse_args()
    FOLDER.mkdir(exist_ok=True)
    original, coded, decoded = (
        FOLDER / f"chelsea{suffix}" for suffix in (".png", ".inr", ".inr.png")
    )
    Image.fromarray(data.chelsea()).save(original)
    print("Fitting a network to a photograph of a cat, 451 x 300 pixels, at 0.5 bpp ...")
    started = time.monotonic()
    job = inrcodec.encoding(original, bpp=0.5, effort=5)
    follow(job, original.name, [], so_far)
    file = job.finish()
    encoded = time.monotonic()
    picture = inrcodec.decode_picture(file)
    elapsed = time.monotonic() - encoded
    coded.write_bytes(file)
    decoded.write_bytes(image_bytes(picture))
    pixels = read_image(original).pixels
    about = inrcodec.info(file)
    print(f"original   {original}   {original.stat().st_size} bytes")
    print(f"file       {coded}   {len(file)} bytes, {about.bits_per_pixel:.3f} bpp")
    print(f"decoded    {decoded}")
    print(f"model      {about.model}, {about.parameters} parameters")
    print(f"quality    {psnr(pixels, picture.pixels):.2f} dB PSNR")
    print(f"time       encode {encoded - started:.1f} s, decode {elapsed:.2f} s")
    print("Writing a report, with JPEG, WebP and AVIF at the same size ...")
    judging = Evaluation(
        File(original.name, original.read_bytes()),
        [File(coded.name, file, encode_s=encoded - started)],
    )
    for step in judging:
        print(f"  {step}")
    report = FOLDER / "report.html"
    report.write_text(to_html(judging.finish()), "utf-8")
    print(f"report     {report}   open it in a browser")
    command = Path(sys.executable).with_name("inrcodec")
    if command.is_relative_to(Path.cwd()):
        command = command.relative_to(Path.cwd())
    print(f"\nYour own:  {command} encode photo.png -o photo.inr -e 1")


if __name__ == "__main__":
    main()
