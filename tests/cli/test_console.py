"""What the command tells, and where results go."""

import os
import warnings
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import numpy as np
import pytest

import inrcodec
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


@pytest.mark.parametrize("scale", [1, 30])
def test_a_decode_shows_that_it_works_by_its_work_not_by_the_size_of_the_image(
    run, small_file: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scale: int
) -> None:
    from inrcodec.cli import decode

    bars = []

    def bar_of(name: str, *, known: bool) -> AbstractContextManager[None]:
        bars.append((name, known))
        return nullcontext()

    monkeypatch.setattr(decode, "bar_of", bar_of)
    monkeypatch.setattr(decode, "LONG_S", 0.02)
    (coded := tmp_path / "a.inr").write_bytes(small_file)
    assert run("decode", coded, "-o", tmp_path / "a.png", "--scale", scale)[0] == 0
    assert bars == ([(str(coded), False)] if scale > 1 else [])


FAST = ("-e", 0, "-q", 5, "--threads", 1)


@pytest.fixture
def picture(tmp_path: Path, small: np.ndarray) -> Path:
    path = tmp_path / "picture.png"
    path.write_bytes(image_bytes(Picture(small)))
    return path


def test_an_output_that_appears_meanwhile_is_replaced_only_with_force(
    run, picture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from inrcodec.cli import encode_one

    out, follow = tmp_path / "out.inr", encode_one.follow

    def meanwhile(*arguments: object) -> object:
        out.write_bytes(b"of another")
        return follow(*arguments)

    monkeypatch.setattr(encode_one, "follow", meanwhile)
    code, _, told = run("encode", picture, "-o", out, *FAST)
    assert (code, out.read_bytes()) == (1, b"of another")
    assert told.splitlines() == [f"inrcodec: error: {out}: exists already and is not replaced"]
    out.unlink()
    assert run("encode", picture, "-o", out, "-f", *FAST)[0] == 0
    assert out.read_bytes() != b"of another"


def test_devices_and_pipes_need_no_force(
    run, picture: Path, small: np.ndarray, tmp_path: Path
) -> None:
    code, coded, _ = run("encode", picture, "-o", "/dev/stdout", *FAST)
    assert (code, inrcodec.decode(coded).shape) == (0, small.shape)
    (tmp_path / "a.inr").write_bytes(coded)
    code, out, _ = run("decode", tmp_path / "a.inr", "-o", "/dev/stdout")
    assert (code, read_image(out).pixels.shape) == (0, small.shape)
    assert run("encode", picture, "-o", "/dev/stdout", "--json", *FAST)[0] == 2
    for command in (("encode", picture, *FAST), ("decode", tmp_path / "a.inr")):
        assert run(*command, "-o", "/dev/null")[0] == 0
    assert not Path("/dev/null").is_file()


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        ("dangling.inr", "is a link to a file that does not exist"),
        ("dangling/", "cannot be written"),
        ("dangling/below/", "cannot be written"),
        ("picture.png/", "cannot be written"),
        ("no/such.inr", "folder does not exist"),
    ],
)
def test_what_cannot_be_written_is_refused_before_any_work(
    run, picture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, output: str, reason: str
) -> None:
    from inrcodec.cli import encode

    monkeypatch.setattr(encode, "encode_one", None)
    for name in ("dangling.inr", "dangling"):
        (tmp_path / name).symlink_to(tmp_path / "gone" / "far")
    monkeypatch.chdir(tmp_path)
    code, _, told = run("encode", picture, "-o", output, *FAST)
    assert code == 1
    assert len(told.splitlines()) == 1
    assert reason in told
    assert not (tmp_path / "gone").exists()


def test_a_format_that_cannot_hold_the_image_is_refused_before_decoding(
    run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import inrcodec.codec.decode

    monkeypatch.setattr(inrcodec.codec.decode, "decode_picture", None)
    cutout = np.full((16, 16, 4), 128, np.uint8)
    coded = tmp_path / "a.inr"
    coded.write_bytes(inrcodec.encode(cutout, quality=5, effort=0, threads=1))
    for options, name, reason in (
        (["-o", tmp_path / "a.jpg"], "JPEG", "RGBA"),
        (["-o", tmp_path / "a.webp", "--bit-depth", 16], "WEBP", "16-bit"),
    ):
        code, _, told = run("decode", coded, *options)
        assert code == 2
        assert len(told.splitlines()) == 1
        assert name in told
        assert reason in told
