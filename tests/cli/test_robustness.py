"""`inrcodec robustness` as a user types it."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inrcodec.errors import LimitError
from inrcodec.metrics.damage.robustness import LADDER, DamageBench
from inrcodec.metrics.judge import Judge


def test_the_command(run, tmp_path: Path, photo: np.ndarray, photo_file: bytes) -> None:
    Image.fromarray(photo).save(tmp_path / "a.png")
    (tmp_path / "a.inr").write_bytes(photo_file)
    asked = ["robustness", tmp_path / "a.inr", "-r", tmp_path / "a.png", "--seeds", "2"]
    asked += ["--damage", "binary=0.01,0.1", "--damage", "packets", "--threads", "1"]
    code, stdout, _ = run(*asked, "--json", "--plot", tmp_path / "damage.png")
    facts = json.loads(stdout)
    assert code == 0
    (file,) = facts["files"]
    bench = DamageBench(photo_file, Judge(photo, ["psnr"]), threads=1)
    assert file["undamaged"] == bench.clean
    assert [(o["damage"], o["level"]) for o in file["outcomes"]] == [
        ("binary", 0.01),
        ("binary", 0.1),
        *(("packets", level) for level in LADDER["packets"]),
    ]
    (first,) = bench.outcomes({"binary": (0.01,)}, seeds=2)
    assert file["outcomes"][0] == first.as_dict()
    assert np.asarray(Image.open(tmp_path / "damage.png")).std() > 10
    code, stdout, _ = run(*asked)
    assert code == 0
    assert f"binary 0.01 {first.mean:.2f}" in " ".join(stdout.decode().split())


def test_a_plot_is_replaced_only_when_asked(
    run, tmp_path: Path, photo: np.ndarray, photo_file: bytes
) -> None:
    Image.fromarray(photo).save(tmp_path / "a.png")
    name = tmp_path / "_a$x_{$.inr"  # no formula, and nothing to leave out of a legend
    name.write_bytes(photo_file)
    asked = ["robustness", name, "-r", tmp_path / "a.png", "--seeds", "1", "--damage", "layers=1"]
    plot = tmp_path / "damage.svg"
    assert run(*asked, "--plot", plot)[0] == 0
    first = plot.read_bytes()
    assert b"_a" in first
    code, _, stderr = run(*asked, "--plot", plot)
    assert code == 1
    assert "use --force" in stderr
    assert run(*asked, "--plot", plot, "-f")[0] == 0
    before = (tmp_path / "a.png").read_bytes()
    code, _, stderr = run(*asked, "--plot", tmp_path / "a.png", "-f")
    assert code == 1
    assert "is the input itself" in stderr
    assert (tmp_path / "a.png").read_bytes() == before


def test_one_reference_from_stdin_serves_all_files(
    run, tmp_path: Path, photo: np.ndarray, photo_file: bytes
) -> None:
    Image.fromarray(photo).save(tmp_path / "a.png")
    names = [tmp_path / "a.inr", tmp_path / "b.inr", tmp_path / "cut.inr"]
    for name in names[:2]:
        name.write_bytes(photo_file)
    names[2].write_bytes(photo_file[:-30])
    damage = ["--damage", "layers=1", "--damage", "layers=2", "--seeds", "1", "--json"]
    stdin = (tmp_path / "a.png").read_bytes()
    code, stdout, stderr = run("robustness", *names, "-r", "-", *damage, stdin=stdin)
    files = json.loads(stdout)["files"]
    assert [file["file"] for file in files] == [str(name) for name in names[:2]]
    assert [o["level"] for o in files[0]["outcomes"]] == [1.0, 2.0]
    assert code == 3
    assert f"{names[2]}: the file is cut short" in stderr


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (["--damage", "gamma"], "unknown damage 'gamma'"),
        (["--damage", "bits="], "must look like bits=0.001"),
        (["--damage", "bits=x"], "must look like bits=0.001"),
        (["--damage", "bits=2"], "levels in [0, 1]"),
        (["--metrics", "pnsr"], "unknown metric"),
        (["--plot", "x.bmp"], "a plot is one of"),
        (["--seeds", "0"], "seeds must be"),
        (["--gamma-max", "1"], "gamma_max is a setting of iem and iem-gaussian"),
        (["--metrics", "iem", "--gamma-max", "-1"], "gamma_max must be in"),
        (["--device", "cuda:99"], "device 'cuda:99' cannot be used"),
    ],
)
def test_the_command_refuses(
    run, tmp_path: Path, photo: np.ndarray, photo_file: bytes, extra: list[str], message: str
) -> None:
    Image.fromarray(photo).save(tmp_path / "a.png")
    (tmp_path / "a.inr").write_bytes(photo_file)
    code, _, stderr = run("robustness", tmp_path / "a.inr", "-r", tmp_path / "a.png", *extra)
    assert code == 2
    assert message in stderr


def test_the_command_takes_only_its_own_files(run, tmp_path: Path, photo: np.ndarray) -> None:
    Image.fromarray(photo).save(tmp_path / "a.png")
    code, _, stderr = run("robustness", tmp_path / "a.png", "-r", tmp_path / "a.png")
    assert code == 1
    assert "not a .inr file" in stderr


def test_an_error_in_a_file_keeps_its_place(
    run,
    tmp_path: Path,
    photo: np.ndarray,
    photo_file: bytes,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refused(*arguments: object, **options: object) -> None:
        raise LimitError("too many parameters", at=17)

    monkeypatch.setattr("inrcodec.metrics.damage.robustness.DamageBench", refused)
    Image.fromarray(photo).save(tmp_path / "a.png")
    (tmp_path / "a.inr").write_bytes(photo_file)
    code, _, stderr = run("robustness", tmp_path / "a.inr", "-r", tmp_path / "a.png")
    assert code == 3
    assert "a.inr: too many parameters (at byte 17)" in stderr


def test_every_metric_that_is_named_judges_the_same_trials(
    run, tmp_path: Path, photo: np.ndarray, photo_file: bytes
) -> None:
    Image.fromarray(photo).save(tmp_path / "a.png")
    (tmp_path / "a.inr").write_bytes(photo_file)
    asked = ["robustness", tmp_path / "a.inr", "-r", tmp_path / "a.png", "--seeds", "2"]
    asked += ["--damage", "binary=0.1", "--json", "--metrics", "default,ssim,iem-gaussian"]
    code, stdout, _ = run(*asked, "--gamma-max", "100", "--plot", tmp_path / "damage.png")
    assert code == 0
    facts = json.loads(stdout)
    assert facts["metrics"] == ["psnr", "ssim", "iem-gaussian"]
    (file,) = facts["files"]
    assert [o["metric"] for o in file["outcomes"]] == facts["metrics"]
    judge = Judge(photo, facts["metrics"], gamma_max=100)
    assert file["undamaged"] == judge.score(tmp_path / "a.inr")
    psnr, ssim, iem = (o["values"] for o in file["outcomes"])
    assert psnr[0] != psnr[1]
    assert (psnr[0] < psnr[1]) == (ssim[0] < ssim[1]) == (iem[0] > iem[1])
    narrow = Image.open(tmp_path / "damage.png").size
    assert narrow[1] > 2 * narrow[0]  # a row of panels for each metric
