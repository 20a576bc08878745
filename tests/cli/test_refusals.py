"""What cannot be done is refused before any work, in one sentence that names the way out."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import inrcodec
from inrcodec.codec.fitting.coolchic.fit import GridFit
from inrcodec.errors import OptionError, RateError, WeightsError
from inrcodec.metrics.metric_table import metric
from inrcodec.metrics.quality import weights
from inrcodec.metrics.references.codecs import CODECS


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--tune", "perceptual", "-e", "0"], "tune 'perceptual' needs a fit: an effort of 1"),
        (["--loss", "l1", "-e", "0"], "needs a fit: an effort of 1 or more"),
        (["--robust", "noise", "-e", "0"], "robust needs a fit: an effort of 1 or more"),
        (["--tune", "perceptual", "--loss", "mse"], "give one of tune and loss"),
        (["--tune", "psnr", "--loss", "l1"], "give one of tune and loss"),
        (["--model", "foo"], "unknown model 'foo'; known: auto, coolchic,"),
        (["--model", "coolchick"], "did you mean coolchic"),
        (["--loss", "foo"], "unknown loss 'foo'; known: mse,"),
    ],
)
def test_options_that_contradict_each_other(
    run, tmp_path: Path, small: np.ndarray, options: list[str], message: str
) -> None:
    Image.fromarray(small).save(tmp_path / "image.png")
    code, _, stderr = run("encode", tmp_path / "image.png", *options)
    assert code == 2
    assert message in stderr
    assert stderr.count("\n") == 1


def test_a_metric_that_is_unlike_all_others_suggests_none() -> None:
    with pytest.raises(OptionError, match="known: psnr"):
        metric("foo")


@pytest.mark.parametrize("channels", [3, 4])
def test_a_size_that_no_file_has_is_refused_before_the_fit(
    photo: np.ndarray, channels: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(GridFit, "_train", None)
    image = np.resize(photo, (*photo.shape[:2], channels))
    with pytest.raises(RateError, match="smallest coolchic file of this image has") as caught:
        inrcodec.encoding(image, target_size=60)
    least = int(re.findall(r"has (\d+) bytes", str(caught.value))[0])
    with pytest.raises(RateError, match="smallest coolchic file"):
        inrcodec.encoding(image, target_size=least - 1)
    with pytest.raises(RateError, match="too few for this image: at quality 1") as caught:
        inrcodec.encoding(image, target_size=least)
    about = int(re.findall(r"takes about (\d+)", str(caught.value))[0])
    inrcodec.encoding(image, target_size=about // 2)


def test_a_black_image_is_no_smaller_than_the_smallest_file(photo: np.ndarray) -> None:
    data = inrcodec.encode(np.zeros_like(photo), effort=0, quality=1)
    inrcodec.encoding(photo, target_size=len(data))


def test_a_size_that_stretches_is_said(run, tmp_path: Path, small: np.ndarray) -> None:
    coded = tmp_path / "coded.inr"
    coded.write_bytes(inrcodec.encode(small, effort=0))
    for size, stretched in (("64x64", True), ("64x48", False), ("33x25", False), ("7x5", False)):
        code, _, stderr = run("decode", coded, "-o", tmp_path / f"{size}.png", "--size", size)
        assert code == 0
        assert ("stretches the image; 64x48 keeps" in stderr) == stretched


def test_help_names_every_codec(run) -> None:
    code, stdout, _ = run("report", "--help")
    assert code == 0
    assert all(name in stdout.decode() for name in CODECS)


def test_a_missing_weights_file_names_the_option_that_fetches_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(weights, "locate", lambda name: None)
    with pytest.raises(WeightsError, match="--allow-download"):
        weights.load("vgg16")


@pytest.mark.parametrize("limit", [("--max-pixels", "9"), ("--max-work", "1e-6")])
@pytest.mark.parametrize(
    "command",
    [
        ("decode", "photo.inr", "-o", "again.png"),
        ("compare", "photo.png", "photo.inr"),
        ("report", "photo.png", "photo.inr", "--json"),
        ("robustness", "photo.inr", "-r", "photo.png", "--damage", "bits=0.001", "--seeds", "1"),
        ("simulate", "photo.inr"),
    ],
)
def test_every_command_that_decodes_has_limits(
    run,
    tmp_path: Path,
    photo: np.ndarray,
    photo_file: bytes,
    monkeypatch: pytest.MonkeyPatch,
    command: tuple[str, ...],
    limit: tuple[str, str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Image.fromarray(photo).save("photo.png")
    Path("photo.inr").write_bytes(photo_file)
    code, _, stderr = run(*command, *limit)
    assert code == 3
    assert limit[0] in stderr.splitlines()[-1]
