"""`inrcodec distort` and `inrcodec sensitivity` as a user types them."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inrcodec.metrics.distortions.kadid import DISTORTIONS, distort, undersample
from inrcodec.metrics.distortions.relative_sensitivity import relative_sensitivity
from inrcodec.metrics.judge import compare


@pytest.fixture
def picture(tmp_path: Path, photo: np.ndarray) -> Path:
    Image.fromarray(photo).save(tmp_path / "a.png")
    return tmp_path / "a.png"


def test_the_result_is_that_of_the_library(run, picture: Path, photo: np.ndarray) -> None:
    bad = picture.with_name("bad.png")
    code, stdout, _ = run(
        "distort", picture, "impulse_noise", "-o", bad, "--seed", 7, "--level", 2, "--json"
    )
    assert code == 0
    assert json.loads(stdout)["distortion"] == "impulse_noise"
    assert np.array_equal(np.asarray(Image.open(bad)), distort(photo, "impulse_noise", 2, seed=7))
    code, _, stderr = run("distort", picture, "undersample", "--level", 4)
    beside = picture.with_name("a-undersample-4.png")
    assert code == 0
    assert str(beside) in stderr
    assert np.array_equal(np.asarray(Image.open(beside)), undersample(photo, 4))


def test_gray_and_sixteen_bit_become_rgb(run, picture: Path, photo: np.ndarray) -> None:
    gray, deep = picture.with_name("gray.png"), picture.with_name("deep.png")
    Image.fromarray(photo[..., 1]).save(gray)
    Image.fromarray(photo[..., 1].astype(np.uint16) * 257).save(deep)
    three = np.repeat(photo[..., 1:2], 3, 2)
    for name in (gray, deep):
        bad = name.with_name(f"bad-{name.name}")
        assert run("distort", name, "jpeg", "-o", bad)[0] == 0
        assert np.array_equal(np.asarray(Image.open(bad)), distort(three, "jpeg", 3))


def test_the_list_has_every_distortion(run) -> None:
    _, stdout, _ = run("distort", "--list", "--json")
    assert [row["name"] for row in json.loads(stdout)] == [*DISTORTIONS, "undersample"]
    code, stdout, _ = run("distort", "--list")
    assert code == 0
    assert "43, 36, 24, 7, 4" in stdout.decode()


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["a.png", "jpg"], 2, "did you mean jpeg"),
        (["a.png"], 2, "give an image and a distortion"),
        (["a.png", "jpeg", "--level", "6"], 2, "the levels are 1, 2, 3, 4, 5"),
        (["a.png", "jpeg", "--seed", "-1"], 2, "seed must be"),
        (["a.png", "undersample", "--level", "0"], 2, "factor must be"),
        (["none.png", "jpeg"], 1, "no such file"),
        (["clear.png", "jpeg"], 1, "alpha"),
        (["a.png", "jpeg", "-o", "a.png", "-f"], 1, "is the input itself"),
    ],
)
def test_distort_refuses(
    run, picture: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], code: int, message: str
) -> None:
    monkeypatch.chdir(picture.parent)
    Image.new("RGBA", (40, 40)).save("clear.png")
    found, _, stderr = run("distort", *words)
    assert message.lower() in stderr.lower()
    assert found == code


def test_sensitivities_are_those_of_the_equations(
    run, picture: Path, photo: np.ndarray, tmp_path: Path
) -> None:
    opinions = tmp_path / "mos.csv"
    opinions.write_text("type,L1,L2,L3,L4,L5\n10,4,3.5,3,2,1\nwhite_noise,5,4,3,2,1\n")
    asked = ["sensitivity", picture, "--metrics", "psnr,ssim", "--crop", "96x64"]
    asked += ["--distortions", "white_noise,jpeg", "--opinions", opinions]
    code, stdout, _ = run(*asked, "--json")
    assert code == 0
    facts = json.loads(stdout)
    middle = photo[18:82, 27:123]
    values = [
        compare(middle, distort(middle, "jpeg", level), ["ssim"])["ssim"] for level in range(1, 6)
    ]
    steps, _ = relative_sensitivity(values, DISTORTIONS["jpeg"].levels)
    assert facts["sensitivities"]["jpeg"]["ssim"]["mean"] == pytest.approx(np.mean(steps))
    assert facts["agreement"]["psnr"]["conditions"] == 10
    code, stdout, _ = run(*asked)
    assert code == 0
    assert f"{np.mean(steps):.3f}" in stdout.decode()
    assert "SRCC" in stdout.decode()


def test_the_fit_of_a_network_is_told_beside_its_scores(
    run, picture: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    from inrcodec.metrics.quality import inriq

    brief = replace(inriq.PLANS["stable"], width=8, steps=20)
    monkeypatch.setitem(inriq.PLANS, "stable", brief)
    asked = ["sensitivity", picture, "--metrics", "inriq", "--crop", "32x32"]
    asked += ["--distortions", "jpeg"]
    code, stdout, _ = run(*asked, "--json")
    assert code == 0
    notes = json.loads(stdout)["notes"][str(picture)]["inriq"]
    assert notes["fit_steps"] == 20
    code, stdout, _ = run(*asked)
    assert code == 0
    assert f"{picture}: inriq: fit_psnr {notes['fit_psnr']:.4g}, fit_steps 20" in stdout.decode()


@pytest.mark.parametrize(
    ("extra", "code", "message"),
    [
        (["--distortions", "jpg"], 2, "did you mean jpeg"),
        (["--metrics", "pnsr"], 2, "did you mean psnr"),
        (["--crop", "96"], 2, "must look like 512x384"),
        (["--crop", "512x384"], 1, "has no middle of 512 x 384"),
        (["--opinions", "none.csv"], 1, "cannot be read"),
        (["--opinions", "bad.csv"], 1, "line 2 is not type, L1"),
        (["--metrics", "ms-ssim"], 1, "needs sides of at least 161"),
    ],
)
def test_sensitivity_refuses(
    run, picture: Path, monkeypatch: pytest.MonkeyPatch, extra: list[str], code: int, message: str
) -> None:
    monkeypatch.chdir(picture.parent)
    Path("bad.csv").write_text("type,L1,L2,L3,L4,L5\n99,4,3.5,3,2,1\n")
    found, _, stderr = run("sensitivity", picture, *extra)
    assert message in stderr
    assert found == code
