"""What the command tells, and where results go."""

import os
import warnings
from pathlib import Path

import numpy as np
import pytest

from inrcodec.cli import console
from inrcodec.errors import ImageWarning
from inrcodec.images.reading import read_image
from inrcodec.images.writing import image_bytes
from inrcodec.pixels import Picture


def test_warnings_about_images_reach_the_person(capsys: pytest.CaptureFixture[str]) -> None:
    with warnings.catch_warnings():
        console.show_warnings()
        warnings.warn("ours", ImageWarning, stacklevel=1)
        for module in ("PIL.TiffImagePlugin", "torch.nn"):
            warnings.warn_explicit(f"of {module}", UserWarning, "file.py", 1, module=module)
    told = capsys.readouterr().err.splitlines()
    assert told == ["inrcodec: warning: ours", "inrcodec: warning: of PIL.TiffImagePlugin"]


def test_what_decode_writes_other_commands_read(run, small: np.ndarray, tmp_path: Path) -> None:
    profile = os.urandom(1 << 21)
    source, coded, back = tmp_path / "a.png", tmp_path / "a.inr", tmp_path / "b.png"
    source.write_bytes(image_bytes(Picture(small, icc=profile)))
    assert run("encode", source, "-o", coded, "-e", 0, "-q", 5)[0] == 0
    assert run("decode", coded, "-o", back)[0] == 0
    assert run("compare", source, back, "--metrics", "psnr")[0] == 0
    assert read_image(back).icc == profile
