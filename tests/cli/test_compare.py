import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import inrcodec
from inrcodec.cli import console
from inrcodec.metrics.judge import compare
from inrcodec.metrics.metric_table import METRICS
from inrcodec.metrics.quality import weights
from inrcodec.metrics.report import pair


@pytest.fixture
def folder(tmp_path: Path, small: np.ndarray, small_file: bytes, monkeypatch) -> Path:
    """The working folder: a picture and its .inr file."""
    monkeypatch.chdir(tmp_path)
    Image.fromarray(small).save("picture.png")
    Path("coded.inr").write_bytes(small_file)
    return tmp_path


def test_a_pair_as_json(run, folder: Path, small: np.ndarray, small_file: bytes) -> None:
    code, stdout, _ = run("compare", "picture.png", "coded.inr", "--json")
    row = json.loads(stdout)
    assert code == 0
    assert (row["reference"], row["decoded"]) == ("picture.png", "coded.inr")
    assert row["metrics"] == compare(small, inrcodec.decode(small_file), ["psnr", "ssim"])
    assert row["skipped"] == {"ms-ssim": "needs sides of at least 161 pixels"}
    assert "notes" not in row


def test_a_pair_as_text(run, folder: Path, small: np.ndarray, small_file: bytes) -> None:
    values = compare(small, inrcodec.decode(small_file), ["psnr", "ssim"])
    code, stdout, stderr = run("compare", "coded.inr", "picture.png")
    assert code == 0
    assert [line.split(maxsplit=2)[:2] for line in stdout.decode().splitlines()] == [
        ["psnr", f"{values['psnr']:.2f}"],
        ["ssim", f"{values['ssim']:.4f}"],
    ]
    assert "dB  higher is better" in stdout.decode()
    assert "left out: ms-ssim of coded.inr: needs sides" in stderr


def test_identical_pictures_are_infinitely_alike(run, folder: Path) -> None:
    _, stdout, _ = run("compare", "picture.png", "picture.png", "--metrics", "psnr", "--json")
    assert json.loads(stdout)["metrics"] == {"psnr": "inf"}
    _, stdout, _ = run("compare", "picture.png", "picture.png", "--metrics", "psnr")
    assert stdout.split() == b"psnr inf dB higher is better".split()


def test_all_means_whatever_can_be_measured(run, folder: Path, monkeypatch) -> None:
    class Judge:
        def __init__(self, reference: object, names: list[str], **_: object) -> None:
            self.names = names

        def score(self, decoded: object) -> dict[str, float]:
            return dict.fromkeys(self.names, 1.0)

        def notes(self) -> dict[str, dict[str, float]]:
            return {"inriq": {"fit_psnr": 30.0}}

    monkeypatch.setattr(pair, "Judge", Judge)
    monkeypatch.setattr(weights, "locate", lambda name: None)
    _, stdout, _ = run("compare", "picture.png", "coded.inr", "--metrics", "all", "--json")
    row = json.loads(stdout)
    usable = [n for n, m in METRICS.items() if m.smallest_side <= 24 and m.trial() is None]
    assert sorted(row["metrics"]) == sorted(usable)
    assert sorted([*row["metrics"], *row["skipped"]]) == sorted(METRICS)
    assert "needs" in row["skipped"]["clip"]
    assert row["notes"] == {"inriq": {"fit_psnr": 30.0}}


@pytest.fixture
def folders(folder: Path, small: np.ndarray, small_file: bytes) -> Path:
    """Two folders with two pictures in common, one alone in each, and a file that is no picture."""
    for name in ("a", "b"):
        Path(name).mkdir()
    Image.fromarray(small).save("a/one.png")
    Image.fromarray(small).save("a/two.png")
    Image.fromarray(small).save("a/only.png")
    Path("a/notes.txt").write_text("not a picture")
    Path("b/one.inr").write_bytes(small_file)
    Image.fromarray(255 - small).save("b/two.png")
    Image.fromarray(small).save("b/other.png")
    return folder


def lines_of(stdout: bytes) -> list[dict]:
    return [json.loads(line) for line in stdout.splitlines()]


def test_folders_are_matched_by_name(run, folders: Path, small, small_file: bytes) -> None:
    code, stdout, stderr = run("compare", "a", "b", "--metrics", "psnr,ssim", "--json")
    *rows, whole = lines_of(stdout)
    one = compare(small, inrcodec.decode(small_file), ["psnr", "ssim"])
    two = compare(small, 255 - small, ["psnr", "ssim"])
    assert code == 0
    by_name = {row["reference"]: row for row in rows}
    assert [by_name[name]["metrics"] for name in ("a/one.png", "a/two.png")] == [one, two]
    assert {row["state"] for row in rows} == {"done"}
    assert not any("output" in row for row in rows)
    assert whole["metrics"]["psnr"] == pytest.approx((one["psnr"] + two["psnr"]) / 2)
    assert whole["metrics"]["ssim"] == pytest.approx((one["ssim"] + two["ssim"]) / 2)
    assert (whole["state"], whole["images"]) == ("whole", 2)
    assert sorted(whole["unmatched"]) == ["a/only.png", "b/other.png"]
    assert "left out: a/only.png has no counterpart" in stderr
    code, stdout, _ = run("compare", "a", "b", "--metrics", "psnr,ssim")
    lines = stdout.decode().splitlines()
    assert [line.split()[0] for line in lines[:4]] == ["image", "one", "two", "mean"]
    assert lines[1].split()[1:] == [f"{one['psnr']:.2f}", f"{one['ssim']:.4f}"]
    assert lines[4] == "higher is better: psnr, ssim"


def test_one_bad_picture_does_not_cost_the_others(run, folders: Path) -> None:
    Path("b/one.inr").write_bytes(b"nonsense")
    code, stdout, stderr = run("compare", "a", "b", "--metrics", "psnr", "--json")
    assert code == 3
    assert "b/one.inr" in stderr
    *rows, whole = lines_of(stdout)
    assert {row["input"]: row["state"] for row in rows} == {
        "a/one.png": "failed",
        "a/two.png": "done",
    }
    assert whole["metrics"] == next(row["metrics"] for row in rows if row["state"] == "done")


def test_a_comparison_with_a_folder_goes_on_and_has_a_page(run, folders: Path, small) -> None:
    words = ("compare", "a", "b", "--metrics", "psnr", "-o", "out", "--jobs", "1", "--json")
    *rows, whole = lines_of(run(*words)[1])
    files = {path.name: path.read_bytes() for path in Path("out").glob("[!.]*")}
    assert files.keys() == {"one.json", "two.json", "index.html"}
    for row in rows:
        assert json.loads(Path(row["output"]).read_text())["metrics"] == row["metrics"]
    assert b"one.png" in files["index.html"]
    assert b"inrcodec compare" in files["index.html"]
    *again, whole_again = lines_of(run(*words)[1])
    assert {row["state"] for row in again} == {"skipped"}
    assert [row["metrics"] for row in sorted(again, key=lambda r: r["input"])] == [
        row["metrics"] for row in sorted(rows, key=lambda r: r["input"])
    ]
    assert whole_again == whole
    assert {path.name: path.read_bytes() for path in Path("out").glob("[!.]*")} == files
    Image.fromarray(small).save("b/two.png")
    *changed, _ = lines_of(run(*words)[1])
    states = {row["input"]: row["state"] for row in changed}
    assert states == {"a/one.png": "skipped", "a/two.png": "done"}
    assert Path("out/index.html").read_bytes() != files["index.html"]
    Path("out/index.html").write_text("mine")
    code, _, stderr = run(*words)
    assert (code, Path("out/index.html").read_text()) == (1, "mine")
    assert "out/index.html: exists already; use --force to replace it" in stderr


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["missing.png", "coded.inr"], 1, "missing.png: cannot be read: No such file"),
        (["picture.png"], 2, "Missing argument"),
        (["picture.png", "a"], 2, "two files or two folders"),
        (["picture.png", "text.inr"], 3, "text.inr: "),
        (["picture.png", "text.png"], 1, "text.png: not an image"),
        (["picture.png", "large.png"], 1, "picture.png has 32 x 24 pixels, large.png 64 x 48"),
        (
            ["picture.png", "coded.inr", "--metrics", "ms-ssim"],
            1,
            "ms-ssim needs sides of at least 161 pixels; picture.png has 32 x 24",
        ),
        (["picture.png", "coded.inr", "--metrics", "pnsr"], 2, "did you mean psnr"),
        (["picture.png", "coded.inr", "--metrics", "clip"], 1, "set INRCODEC_CLIP"),
        (["picture.png", "coded.inr", "--threads", "0"], 2, "threads"),
        (["-", "-"], 2, "only one input"),
        (["a", "empty"], 1, "empty: no image in this folder"),
        (["a", "strange"], 1, "no image in a has the name of one in every other folder"),
        (["a", "twice"], 2, "twice/one.jpg and twice/one.png would both be"),
        (["picture.png", "coded.inr", "--jobs", "2"], 2, "are for folders"),
        (["a", "b", "--jobs", "0"], 2, "jobs must be in [1, 1024]"),
    ],
)
def test_bad_input_gives_one_line_and_the_right_code(
    run, folders: Path, small, monkeypatch, arguments: list[str], code: int, message: str
) -> None:
    monkeypatch.setattr(weights, "locate", lambda name: None)
    for name in ("text.inr", "text.png"):
        Path(name).write_text("just words")
    Image.fromarray(np.zeros((48, 64, 3), np.uint8)).save("large.png")
    Path("empty").mkdir()
    Path("strange").mkdir()
    Image.fromarray(small).save("strange/strange.png")
    Path("twice").mkdir()
    for name in ("twice/one.png", "twice/one.jpg"):
        Image.fromarray(small).save(name)
    got, stdout, stderr = run("compare", *arguments)
    assert (got, stdout) == (code, b"")
    assert message in " ".join(stderr.replace("│", " ").split())


def test_json_has_words_for_what_numbers_cannot_say(capsys) -> None:
    values = {"a": [float("inf"), float("-inf")], "b": float("nan"), "c": (1.5, None, True)}
    console.print_json(values)
    said = json.loads(capsys.readouterr().out)
    assert said == {"a": ["inf", "-inf"], "b": None, "c": [1.5, None, True]}
    assert [float(word) for word in said["a"]] == values["a"]


def test_metrics_are_listed(run) -> None:
    code, stdout, _ = run("metrics", "--json")
    listed = {entry["name"]: entry for entry in json.loads(stdout)}
    assert code == 0
    assert list(listed) == list(METRICS)
    for name, metric in METRICS.items():
        entry = listed[name]
        assert float(entry["ideal"]) == metric.ideal
        assert float(entry["high"]) == metric.high
        assert entry["higher_is_better"] == metric.higher_is_better
        assert entry["smallest_side"] == metric.smallest_side
        assert entry["available"] == (metric.unavailable() is None)
        assert entry["needs_weights"] == bool(metric.weights)
    _, stdout, _ = run("metrics")
    text = stdout.decode()
    assert all(f"\n{name}: " in text for name in METRICS)
    assert "not available: needs ViT-B-32.pt" in text or listed["clip"]["available"]


def test_the_list_needs_no_heavy_module() -> None:
    code = (
        "import sys\nfrom inrcodec.cli.main import main\n"
        "try:\n    main(['metrics', '--json'])\nexcept SystemExit as stop:\n"
        "    heavy = {'torch', 'numpy', 'scipy', 'PIL', 'constriction', 'imagecodecs'}\n"
        "    heavy |= {'markupsafe', 'matplotlib', 'skimage', 'aiohttp'}\n"
        "    sys.exit(str(stop.code or heavy & set(sys.modules) or ''))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stderr.strip() == ""
    assert len(json.loads(done.stdout)) == len(METRICS)
