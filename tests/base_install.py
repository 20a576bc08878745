"""What an installation without extras does: it decodes latent grids, and names the extra it lacks.

    python -m tests.base_install BIN coolchic.inr

BIN is the folder of programs of an environment with nothing but the package. `.ci/run` calls this.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

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
        for arguments in (["info", str(file)], ["decode", str(file), "-o", out], batch, ["models"]):
            done = run(command, *arguments)
            assert done.returncode == 0, done.stderr
        done = run(str(programs / "python"), "-W", "error", "-c", PLUGIN, str(file))
        assert done.returncode == 0, done.stderr
        photo = str(file)
        url = "http://127.0.0.1:9/files/a.inr"
        lacking = [
            ("encode", "encode", out, "-o", "new.inr"),
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
    print("the base installation decodes without torch")


if __name__ == "__main__":
    main()
