"""What the command tells, and where results go."""

import warnings

import pytest

from inrcodec.cli import console
from inrcodec.errors import ImageWarning


def test_warnings_about_images_reach_the_person(capsys: pytest.CaptureFixture[str]) -> None:
    with warnings.catch_warnings():
        console.show_warnings()
        warnings.warn("ours", ImageWarning, stacklevel=1)
        for module in ("PIL.TiffImagePlugin", "torch.nn"):
            warnings.warn_explicit(f"of {module}", UserWarning, "file.py", 1, module=module)
    told = capsys.readouterr().err.splitlines()
    assert told == ["inrcodec: warning: ours", "inrcodec: warning: of PIL.TiffImagePlugin"]
