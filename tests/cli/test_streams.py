"""Standard streams that are closed or terminals, and Ctrl-C at any time."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import inrcodec

COMMAND = [sys.executable, "-m", "inrcodec.cli.main"]
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def coded(tmp_path: Path, small: np.ndarray) -> Path:
    path = tmp_path / "coded.inr"
    path.write_bytes(inrcodec.encode(small, effort=0))
    return path


def _closed(arguments: list[object], closing: str) -> subprocess.CompletedProcess[bytes]:
    """Run a command line with a standard stream closed, as a shell does it."""
    words = " ".join(map(str, [*COMMAND, *arguments]))
    return subprocess.run(f"{words} {closing}", shell=True, capture_output=True, timeout=60)


def test_decode_writes_nothing_but_the_image_with_stderr_closed(coded: Path) -> None:
    done = _closed(["decode", coded, "-o", "-"], "2>&-")
    assert done.returncode == 0
    assert done.stdout.startswith(PNG)
    assert done.stdout.endswith(b"IEND\xaeB`\x82")


def test_an_encode_succeeds_with_stderr_closed(coded: Path, tmp_path: Path) -> None:
    image, out = tmp_path / "image.png", tmp_path / "out.inr"
    assert _closed(["decode", coded, "-o", image], "2>&-").returncode == 0
    done = _closed(["encode", image, "-e", "0", "-o", out], "2>&-")
    assert (done.returncode, done.stdout) == (0, b"")
    assert inrcodec.info(out).width == 32
    done = _closed(["encode", image, "-e", "0", "-o", out, "-f"], "<&- >&- 2>&-")
    assert done.returncode == 0
    assert inrcodec.decode(out).shape == (24, 32, 3)


def test_errors_keep_their_codes_with_stderr_closed(coded: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.inr").write_bytes(b"nothing")
    assert _closed(["decode", tmp_path / "bad.inr", "-o", "-"], "2>&-").returncode == 3
    assert _closed(["encode", coded, "--bpp", "-1"], "2>&-").returncode == 2
    assert _closed(["encode", "--no-such-option"], "2>&-").returncode == 2


@pytest.mark.parametrize(
    "arguments", [["info"], ["info", "--json"], ["decode", "-o", "-"], ["decode", "--json"]]
)
def test_a_closed_stdout_is_one_line(coded: Path, arguments: list[str]) -> None:
    done = _closed([arguments[0], coded, *arguments[1:]], ">&-")
    assert done.returncode == 1
    assert done.stderr.decode().splitlines()[-1] == "inrcodec: error: stdout is closed"
    assert b"Traceback" not in done.stderr


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="no terminals here")
@pytest.mark.parametrize("command", ["encode", "decode"])
def test_no_file_goes_to_a_terminal(coded: Path, command: str) -> None:
    ours, theirs = os.openpty()
    words = [*COMMAND, command, str(coded), "-o", "-"]
    done = subprocess.run(words, stdout=theirs, stderr=subprocess.PIPE, timeout=60)
    os.close(theirs)
    os.close(ours)
    assert done.returncode == 2
    assert b"stdout is a terminal" in done.stderr


@pytest.mark.parametrize("module", ["typer", "inrcodec.cli.console", "inrcodec.cli.encode"])
def test_ctrl_c_while_modules_load_is_quiet(module: str) -> None:
    code = (
        "import os, signal, sys\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "class Finder:\n"
        "    def find_spec(self, name, *others):\n"
        f"        if name == {module!r}:\n"
        "            os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Finder())\n"
        "from inrcodec.cli.main import main\n"
        f"assert {module!r} not in sys.modules\n"
        "main(['models'])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60)
    assert (done.returncode, done.stderr) == (130, b"")


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="no terminals here")
def test_a_bar_shows_the_size_and_the_quality_of_the_file(
    tmp_path: Path, photo: np.ndarray
) -> None:
    Image.fromarray(photo).save(tmp_path / "photo.png")
    ours, theirs = os.openpty()
    words = [*COMMAND, "encode", "photo.png", "-o", "photo.inr", "-e", "2", "--bpp", "0.8"]
    done = subprocess.Popen(words, stderr=theirs, cwd=tmp_path, env={**os.environ, "COLUMNS": "99"})
    os.close(theirs)
    shown = b""
    while True:
        try:
            part = os.read(ours, 4096)
        except OSError:  # how Linux tells that the other end is closed
            part = b""
        if not part:
            break
        shown += part
    os.close(ours)
    assert done.wait(60) == 0
    assert b" kB, " in shown
    assert b" 0.00 dB" not in shown
    assert b"ETA" in shown
