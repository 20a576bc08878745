"""`inrcodec benchmark iqa` as a user types it."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from inrcodec.metrics.judge import compare
from inrcodec.metrics.opinions.layouts import read_set
from tests.metrics.opinions.folders import FOLDERS, picture, save

FAST = ["--metrics", "psnr,gmsd", "--resamples", "20"]


@pytest.mark.parametrize("name", FOLDERS)
def test_every_layout_gives_numbers(run, tmp_path: Path, name: str) -> None:
    FOLDERS[name](tmp_path)
    code, stdout, _ = run("benchmark", "iqa", tmp_path, *FAST)
    assert code == 0
    lines = stdout.decode().splitlines()
    assert lines[0].startswith(f"{name}: ")
    assert [line.split()[:2] for line in lines if " all " in line] == [
        ["psnr", "all"],
        ["gmsd", "all"],
    ]


def test_numbers_are_those_of_the_metrics(run, tmp_path: Path) -> None:
    data = read_set(FOLDERS["kadid10k"](tmp_path))
    code, stdout, _ = run("benchmark", "iqa", tmp_path, *FAST, "--json")
    assert code == 0
    facts = json.loads(stdout)
    values = [compare(r.reference, r.image, ["psnr"])["psnr"] for r in data.ratings]
    opinions = [r.opinion for r in data.ratings]
    overall = facts["metrics"]["psnr"]["overall"]
    assert overall["srcc"]["value"] == pytest.approx(stats.spearmanr(values, opinions).statistic)
    assert overall["images"] == 12
    assert facts["metrics"]["psnr"]["types"].keys() == {"01", "09"}
    assert facts["metrics"]["gmsd"]["overall"]["srcc"]["value"] > 0.5


def test_choices_are_those_of_people(run, tmp_path: Path) -> None:
    FOLDERS["bapps"](tmp_path)
    code, stdout, _ = run("benchmark", "iqa", tmp_path, *FAST, "--json")
    assert code == 0
    psnr = json.loads(stdout)["metrics"]["psnr"]
    assert psnr["types"]["cnn"]["value"] == pytest.approx((1 + 1 + 0.8) / 3)
    assert psnr["overall"]["value"] == pytest.approx((1 + 1 + 0.8 + 0.6 + 0.6) / 5)
    assert psnr["overall"]["value"] == pytest.approx(psnr["ceiling"])


def test_a_run_goes_on_where_it_was(run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, rows = tmp_path / "set", tmp_path / "rows.jsonl"
    folder.mkdir()
    FOLDERS["tid2013"](folder)
    asked = ["benchmark", "iqa", folder, "--resamples", "20", "--json", "--scores", rows]
    one = run(*asked, "--metrics", "psnr", "--references", "1")
    assert one[0] == 0
    assert len(rows.read_text().splitlines()) == 4
    first = run(*asked, "--metrics", "psnr")
    assert len(rows.read_text().splitlines()) == 8
    with rows.open("a") as file:
        file.write('{"set": "tid')  # of a run that was killed
    calls: list[object] = []
    monkeypatch.setattr("inrcodec.metrics.judge.Judge.score", lambda *a: calls.append(a))
    assert run(*asked, "--metrics", "psnr") == first
    assert not calls
    monkeypatch.undo()
    assert run(*asked, "--metrics", "psnr,ssim")[0] == 0
    assert len(rows.read_text().splitlines()) == 16
    rows.write_text("no row\n")
    code, _, stderr = run(*asked, "--metrics", "psnr")
    assert code == 1
    assert "line 1 is not a row of scores" in stderr


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ([], 1, "its tables and folders are not those of one of kadid10k"),
        (["--set", "kadid"], 2, "did you mean kadid10k"),
        (["--metrics", "pnsr"], 2, "did you mean psnr"),
        (["--references", "0"], 2, "needs a reference"),
        (["--scores", "rows.csv"], 2, "ends in .jsonl"),
        (["--resamples", "0"], 2, "resamples must be"),
        (["--metrics", "ms-ssim"], 1, "needs sides of at least 161"),
    ],
)
def test_the_command_refuses(
    run, tmp_path: Path, words: list[str], code: int, message: str
) -> None:
    if words and words != ["--set", "kadid"]:
        FOLDERS["kadid10k"](tmp_path)
    found, _, stderr = run("benchmark", "iqa", tmp_path, *words)
    assert message in stderr
    assert len(stderr.strip().splitlines()) == 1
    assert found == code


def test_a_damaged_image_is_one_line(run, tmp_path: Path) -> None:
    FOLDERS["kadid10k"](tmp_path)
    (tmp_path / "images/I01_01_02.png").write_bytes(b"no image")
    code, _, stderr = run("benchmark", "iqa", tmp_path, *FAST)
    assert code == 1
    assert "I01_01_02.png" in stderr
    save(tmp_path / "images/I01_01_02.png", np.ascontiguousarray(picture(1)[:40]))
    code, _, stderr = run("benchmark", "iqa", tmp_path, *FAST)
    assert code == 1
    assert "differ in size" in stderr
    assert "I01_01_02.png" in stderr
