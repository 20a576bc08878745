"""Every tutorial runs, from its first block to its last, on a small photograph."""

import io
import re
import shlex
import warnings
from contextlib import nullcontext, redirect_stdout
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inrcodec.cli import main as cli
from inrcodec.errors import RateWarning
from tests.conftest import fewer_steps

FOLDER = Path(__file__).parents[1] / "docs" / "tutorials"
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.M | re.S)


@pytest.fixture
def folder(tmp_path: Path, photo: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a photograph, which is where the tutorial runs."""
    Image.fromarray(photo[20:84, 40:136]).save(tmp_path / "photo.png")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(page: str) -> str:
    """Run all blocks of a page in order: Python in one scope, commands as they are typed."""
    scope: dict[str, object] = {}
    out = io.StringIO()
    with redirect_stdout(out):
        for language, block in BLOCK.findall(page):
            if language == "python":
                exec(compile(block, "tutorial", "exec"), scope)
                continue
            for line in block.splitlines():
                program, *words = shlex.split(line)
                assert program == "inrcodec"
                with pytest.raises(SystemExit) as stop:
                    cli.main(words)
                assert not stop.value.code, line
    return out.getvalue()


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.md")), ids=lambda path: path.stem)
def test_a_tutorial_runs(path: Path, folder: Path) -> None:
    """Fits are short but where a tutorial compares networks before and after more training; short
    fits of a small image need not come within 3 % of the size asked for."""
    whole = path.stem == "quantise"
    with warnings.catch_warnings(), nullcontext() if whole else fewer_steps():
        warnings.simplefilter("ignore", DeprecationWarning)
        if not whole:
            warnings.simplefilter("ignore", RateWarning)
        text = run(path.read_text("utf-8"))
    check = globals()[f"check_{path.stem}"]
    check(text, folder)


def numbers(text: str, pattern: str) -> list[float]:
    return [float(found) for found in re.findall(pattern, text)]


def check_fit(text: str, folder: Path) -> None:
    """Three models meet the size, and the larger image is three times as large."""
    sizes = numbers(text, r"(?:coolchic|pe-siren|nif) +(\d+) bytes")
    assert len(sizes) == 3
    assert max(sizes) <= 3000
    assert "(64, 96, 3) (192, 288, 3)" in text
    with Image.open(folder / "large.png") as large:
        assert large.size == (288, 192)


def check_quantise(text: str, folder: Path) -> None:
    """Coarser steps are smaller and worse; training helps where there are bytes for it."""
    sizes, values = (numbers(text, f"steps x .*?{p}") for p in (r"(\d+) bytes", r"([\d.]+) dB"))
    assert sizes == sorted(sizes, reverse=True)
    assert values[0] > values[2] > values[3]
    same, more = numbers(text, r"trained further.*?([\d.]+) dB")
    assert more > same
    assert more > values[0]


def check_damage(text: str, folder: Path) -> None:
    """More noise leaves less, by hand and on the bench."""
    by_hand = numbers(text, r"relative noise.*?'psnr': ([\d.]+)")
    assert by_hand == sorted(by_hand, reverse=True)
    mild, severe = numbers(text, r"gaussian  0.\d+: ([\d.]+)")
    assert mild > severe
    assert "robust undamaged" in text
    assert text.count("gaussian") >= 4


def check_stream(text: str, folder: Path) -> None:
    """Longer prefixes are better, and everything arrives in the end."""
    values = numbers(text, r"\d+ bytes: ([\d.]+) dB")
    assert values == sorted(values)
    assert len(values) >= 2
    for whole, of in re.findall(r"(\d+) of (\d+) layers", text):
        assert whole == of
    *_, last = numbers(text, r"s: \d+ bytes, ([\d.]+) dB")
    assert last == values[-1]


def check_judge(text: str, folder: Path) -> None:
    """Noise is longer than brightness, and the report is there."""
    brighter, noise = numbers(text, r"(?:brighter|noise): ([\d.]+)")
    assert noise > 3 * brighter
    assert (folder / "report.html").stat().st_size > 10_000
    assert "white_noise" in text
