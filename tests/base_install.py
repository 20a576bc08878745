"""What an installation without extras does: it encodes to latent grids and decodes them, and names
the extra it lacks.

    python -m tests.base_install BIN coolchic.inr

BIN is the folder of programs of an environment with nothing but the package. `.ci/run` calls this.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

NETWORK = Path(__file__).parent.resolve() / "vectors" / "valid" / "wire.inr"
"""A file of a coordinate network, which compiled kernels decode."""

PLUGIN = """
import sys
import inrcodec.pillow
from PIL import Image
inrcodec.pillow.register_opener()
with Image.open(sys.argv[1]) as image:
    image.load()
    assert image.size == (29, 19), image.size
assert "torch" not in sys.modules
"""


PICTURES = """
import sys
from PIL import Image
gradient = Image.linear_gradient("L")
large, gray, alpha = sys.argv[1:]
noise = Image.effect_noise((1600, 1400), 20)
bands = [Image.blend(noise, gradient.rotate(90 * k).resize(noise.size), 0.7) for k in range(3)]
Image.merge("RGB", bands).save(large)
small = gradient.resize((96, 80))
small.save(gray)
Image.merge("LA", [small, small.transpose(Image.Transpose.ROTATE_180)]).save(alpha)
"""
"""Makes an image of over two megapixels, a gray one, and one with alpha."""

ENCODES = (
    ["-e", "0"],
    ["-e", "0", "--bpp", "8"],
    ["-e", "1", "-q", "70", "--slices", "16"],
    ["-e", "2", "--target-size", "700"],
    ["-e", "1", "--psnr", "30"],
    ["--time-limit", "3"],
    ["-e", "1", "--tune", "perceptual"],
    ["-e", "1", "--loss", "l1"],
    ["-e", "1", "--complexity", "low"],
)
"""Options of encodes that need no extra."""


def main() -> None:
    """Check, and say so."""
    programs, file = Path(sys.argv[1]), Path(sys.argv[2]).resolve()
    command = str(programs / "inrcodec")
    with tempfile.TemporaryDirectory() as folder:
        out = str(Path(folder) / "out.png")

        def run(*arguments: str) -> subprocess.CompletedProcess[str]:
            return subprocess.run(arguments, capture_output=True, text=True, cwd=folder)

        absent = run(str(programs / "python"), "-c", "import torch")
        assert absent.returncode == 1, "torch is installed: this is not the base installation"
        batch = ["decode", str(file), "-o", str(Path(folder) / "images"), "--jobs", "2"]
        network = ["decode", str(NETWORK), "-o", str(Path(folder) / "network.png")]
        simple = ["info", str(file)], ["decode", str(file), "-o", out], batch, network, ["models"]
        for arguments in simple:
            done = run(command, *arguments)
            assert done.returncode == 0, done.stderr
        for arguments in ENCODES:
            done = run(command, "encode", out, "-f", "-o", "new.inr", "--threads", "1", *arguments)
            assert done.returncode == 0, (arguments, done.stderr)
            done = run(command, "decode", "new.inr", "-f", "-o", "back.png")
            assert done.returncode == 0, done.stderr
        large = str(Path(folder) / "large.png")
        done = run(str(programs / "python"), "-c", PICTURES, large, "gray.png", "alpha.png")
        assert done.returncode == 0, done.stderr
        folders = ["gray.png", "alpha.png", "-o", "files", "--jobs", "2", "-e", "1"]
        fitted = [large, "-o", "fitted.inr", "--time-limit", "6"]  # in windows
        for arguments in ([large, "-o", "large.inr", "-e", "0"], fitted, folders):
            done = run(command, "encode", *arguments)
            assert done.returncode == 0, done.stderr
        done = run(str(programs / "python"), "-W", "error", "-c", PLUGIN, str(file))
        assert done.returncode == 0, done.stderr
        photo = str(file)
        url = "http://127.0.0.1:9/files/a.inr"
        lacking = [
            ("encode", "encode", out, "-o", "none.inr", "--model", "siren"),
            ("encode", "encode", out, "-o", "none.inr", "--loss", "iem"),
            ("encode", "encode", out, "-o", "none.inr", "--robust", "noise"),
            ("encode", "encode", out, "-o", "none.inr", "--device", "cuda"),
            ("encode", "init", "train", folder, "-o", "init.inri"),
            ("metrics", "compare", out, photo),
            ("metrics", "report", out, photo),
            ("metrics", "robustness", photo, "-r", out),
            ("metrics", "sensitivity", out),
            ("metrics", "distort", out, "jpeg", "-o", "bad.png"),
            ("metrics", "benchmark", "iqa", folder),
            ("stream", "serve", photo),
            ("stream", "receive", url, "-o", "got.png"),
            ("stream", "simulate", photo),
            ("cluster", "decode", photo, "-o", folder, "--scheduler", "tcp://127.0.0.1:9"),
        ]
        for extra, *arguments in lacking:
            done = run(command, *arguments)
            assert done.returncode == 1, (extra, done.returncode, done.stderr)
            assert f"inrcodec[{extra}]" in done.stderr, done.stderr
            assert done.stderr.count("\n") == 1, done.stderr
    print("the base installation encodes and decodes without torch")


if __name__ == "__main__":
    main()
