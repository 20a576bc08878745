"""`inrcodec robustness` as a user types it."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inrcodec.metrics.robustness import LADDER, DamageBench


def test_the_command(run, tmp_path: Path, photo: np.ndarray, photo_file: bytes) -> None:
    Image.fromarray(photo).save(tmp_path / "a.png")
    (tmp_path / "a.inr").write_bytes(photo_file)
    asked = ["robustness", tmp_path / "a.inr", "-r", tmp_path / "a.png", "--seeds", "2"]
    asked += ["--damage", "binary=0.01,0.1", "--damage", "packets", "--threads", "1"]
    code, stdout, _ = run(*asked, "--json", "--plot", tmp_path / "damage.png")
    facts = json.loads(stdout)
    assert code == 0
    (file,) = facts["files"]
    bench = DamageBench(photo_file, photo, threads=1)
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


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (["--damage", "gamma"], "unknown damage 'gamma'"),
        (["--damage", "bits=x"], "must look like bits=0.001"),
        (["--damage", "bits=2"], "levels in [0, 1]"),
        (["--metric", "pnsr"], "unknown metric"),
        (["--plot", "x.bmp"], "a plot is one of"),
        (["--seeds", "0"], "seeds must be"),
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
