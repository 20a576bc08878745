import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import inrcodec
from inrcodec.batch.journal import NAME
from inrcodec.cli.report import labels
from inrcodec.metrics.judge import compare

FAST = ("--metrics", "psnr,ssim", "--codecs", "none")


@pytest.fixture
def folder(tmp_path: Path, small: np.ndarray, small_file: bytes, monkeypatch) -> Path:
    """The working folder: a picture, its .inr file and its JPEG."""
    monkeypatch.chdir(tmp_path)
    Image.fromarray(small).save("picture.png")
    Image.fromarray(small).save("picture.jpg", quality=60)
    Path("coded.inr").write_bytes(small_file)
    return tmp_path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_page_is_written_once(run, folder: Path) -> None:
    code, stdout, stderr = run("report", "picture.png", "coded.inr", "picture.jpg", *FAST)
    assert (code, stdout) == (0, b"")
    page = Path("report.html").read_text("utf-8")
    assert f"coded.inr -> report.html: {len(page.encode())} bytes" in stderr
    assert "<!doctype html>" in page
    assert "inrcodec report picture.png coded.inr picture.jpg --metrics psnr,ssim" in page
    Path("report.html").write_text("mine")
    code, _, stderr = run("report", "picture.png", "coded.inr", *FAST)
    assert (code, Path("report.html").read_text()) == (1, "mine")
    assert "--force" in stderr
    assert run("report", "picture.png", "coded.inr", *FAST, "-f")[0] == 0
    assert Path("report.html").read_text("utf-8").startswith("<!doctype")


def test_pages_know_no_folders(run, folder: Path) -> None:
    run("report", folder / "picture.png", folder / "coded.inr", *FAST, "-o", folder / "page.html")
    assert str(folder) not in (folder / "page.html").read_text("utf-8")
    Path("deep").mkdir()
    assert run("report", "picture.png", "coded.inr", *FAST, "-o", "deep")[0] == 0
    assert names(Path("deep")) == ["report.html"]


def test_json_says_what_compare_says(run, folder: Path, small, small_file: bytes) -> None:
    before = names(folder)
    code, stdout, _ = run("report", "picture.png", "coded.inr", "picture.png", *FAST, "--json")
    facts = json.loads(stdout)
    first, second = facts["versions"]
    assert code == 0
    assert names(folder) == before
    assert facts["reference"]["name"] == "picture.png"
    expected = compare(small, inrcodec.decode(small_file), ["psnr", "ssim"])
    assert first["metrics"] == expected
    assert (first["name"], first["kind"]) == ("coded.inr", "inr")
    assert first["size_bytes"] == len(small_file)
    assert sum(section["size_bytes"] for section in first["sections"]) == len(small_file)
    assert first["decode_s"] > 0
    assert second["metrics"] == {"psnr": "inf", "ssim": 1.0}
    assert float(second["metrics"]["psnr"]) == float("inf")
    assert facts["codecs"] == []
    assert facts["unavailable"] == {}


def test_json_and_markdown_write_a_page_only_when_asked(run, folder: Path) -> None:
    code, stdout, _ = run(
        "report", "picture.png", "coded.inr", "--markdown", "--metrics", "psnr,ms-ssim",
        "--codecs", "webp", "-o", "p.html",
    )  # fmt: skip
    assert code == 0
    table = stdout.decode()
    assert table.startswith("|  | bytes | bpp | PSNR (dB) ↑ |")
    assert "| coded.inr |" in table
    assert "| WebP |" in table
    assert "ms-ssim needs sides of at least 161 pixels" in table
    assert Path("p.html").exists()
    assert not Path("report.html").exists()


def test_standard_streams(run, folder: Path, small_file: bytes) -> None:
    code, stdout, _ = run("report", "picture.png", "-", *FAST, "-o", "-", stdin=small_file)
    assert code == 0
    assert stdout.startswith(b"<!doctype html>")
    assert b"<h1>stdin</h1>" in stdout


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["missing.png", "coded.inr"], 1, "missing.png: cannot be read: No such file"),
        (["picture.png", "missing.inr"], 1, "missing.inr: cannot be read: No such file"),
        (["picture.png"], 2, "FILE"),
        (["picture.png", "text.txt"], 1, "text.txt: not an image in a known format"),
        (["text.txt", "coded.inr"], 1, "text.txt: not an image in a known format"),
        (["picture.png", "damaged.inr"], 3, "damaged.inr: "),
        (["picture.png", "cut.inr"], 3, "cut.inr: "),
        (["picture.png", "text.inr"], 3, "text.inr: not an inrcodec file"),
        (["large.png", "coded.inr"], 1, "large.png has 64 x 48 pixels, coded.inr 32 x 24"),
        (["picture.png", "large.png"], 1, "picture.png has 32 x 24 pixels, large.png 64 x 48"),
        (["picture.png", "coded.inr", "--metrics", "pnsr"], 2, "did you mean psnr"),
        (["picture.png", "coded.inr", "--metrics", ","], 2, "names with commas"),
        (["picture.png", "coded.inr", "--codecs", "gif"], 2, "unknown codec 'gif'"),
        (["picture.png", "coded.inr", "--threads", "0"], 2, "threads"),
        (["picture.png", "coded.inr", "--json", "--markdown"], 2, "not both"),
        (["picture.png", "coded.inr", "--json", "-o", "-"], 2, "stdout"),
        (["-", "-"], 2, "only one input"),
        (["picture.png", "coded.inr", "-o", "coded.inr", "-f"], 1, "input itself"),
        (["picture.png", "coded.inr", "-o", "picture.png", "-f"], 1, "input itself"),
        (["picture.png", "coded.inr", "-o", "no/such/page.html"], 1, "folder does not exist"),
    ],
)
def test_bad_input_gives_one_line_and_no_page(
    run, folder: Path, small_file: bytes, arguments: list[str], code: int, message: str
) -> None:
    Image.fromarray(np.zeros((48, 64, 3), np.uint8)).save("large.png")
    for name in ("text.txt", "text.inr"):
        Path(name).write_text("just words")
    damaged = bytearray(small_file)
    damaged[60] ^= 255
    Path("damaged.inr").write_bytes(damaged)
    Path("cut.inr").write_bytes(small_file[:100])
    before = names(folder)
    if "--codecs" not in arguments and "--threads" not in arguments:
        arguments = [*arguments, "--codecs", "none"]
    got, _, stderr = run("report", *arguments)
    assert got == code
    assert message in " ".join(stderr.replace("│", " ").split())
    assert names(folder) == before


def test_labels_are_short_and_distinct() -> None:
    assert labels(["/a/x.png", "b/y.inr", "-"]) == ["x.png", "y.inr", "stdin"]
    assert labels(["/a/b/x.png", "c/x.png"]) == [os.path.join("b", "x.png"), "c/x.png"]
    assert labels(["\x1b[31mred\n.png", "\udcff.png"]) == ["�[31mred�.png", "�.png"]


def test_a_new_folder_gets_the_page(run, folder: Path) -> None:
    code, _, stderr = run("report", "picture.png", "picture.jpg", *FAST, "-o", "new/")
    assert (code, names(Path("new"))) == (0, ["report.html"]), stderr


def test_a_picture_of_another_size_is_refused_before_any_work(run, folder: Path) -> None:
    Image.new("RGB", (9, 9)).save("other.png")
    code, _, stderr = run("report", "picture.png", "picture.jpg", "other.png", *FAST)
    assert code == 1
    assert "differ in size" in stderr
    assert "judging" not in stderr


@pytest.fixture
def folders(folder: Path, small: np.ndarray) -> Path:
    """Originals and three folders of versions; one image is not in all of them."""
    for name in ("originals", "low", "middle", "high"):
        Path(name).mkdir()
    for number in (1, 2, 3):
        image = Image.fromarray(np.roll(small, number, 0))
        image.save(f"originals/{number}.png")
        for name, quality in (("low", 20), ("middle", 60), ("high", 90)):
            if (number, name) != (3, "high"):
                image.save(f"{name}/{number}.jpg", quality=quality)
    return folder


def test_folders_make_a_page_for_each_image_and_one_for_all(run, folders: Path) -> None:
    words = (
        "report",
        "originals",
        "low",
        "middle",
        "high",
        "--metrics",
        "psnr",
        "--codecs",
        "webp",
    )
    code, stdout, stderr = run(*words)
    assert (code, stdout) == (0, b"")
    assert names(Path("report")) == [NAME, "1.html", "2.html", "index.html"]
    assert "left out: originals/3.png has no counterpart" in stderr
    index = Path("report/index.html").read_text("utf-8")
    assert 'href="1.html"' in index
    assert "2 images, 3 settings" in index
    assert str(folders) not in index
    before = {path.name: path.read_bytes() for path in Path("report").iterdir()}
    code, _, stderr = run(*words)
    assert code == 0
    assert "2 files: 2 done before" in stderr
    assert {path.name: path.read_bytes() for path in Path("report").iterdir()} == before
    code, stdout, _ = run(*words, "--json")
    *rows, facts = [json.loads(line) for line in stdout.splitlines()]
    assert {(row["state"], row["name"]) for row in rows} == {("done", "1.png"), ("done", "2.png")}
    assert [image["name"] for image in facts["images"]] == ["1.png", "2.png"]
    assert facts["settings"] == ["low", "middle", "high"]
    Path("report/index.html").write_text("mine")
    code, _, stderr = run(*words)
    assert (code, Path("report/index.html").read_text()) == (1, "mine")
    assert "--force" in stderr


def test_a_report_goes_on_where_it_was_stopped(run, folders: Path) -> None:
    words = ("report", "originals", "low", "middle", *FAST, "-o", "pages/", "--json")
    Path("low/2.jpg").rename("away.jpg")
    *_, first = [json.loads(line) for line in run(*words)[1].splitlines()]
    assert [image["name"] for image in first["images"]] == ["1.png", "3.png"]
    Path("away.jpg").rename("low/2.jpg")
    *rows, whole = [json.loads(line) for line in run(*words)[1].splitlines()]
    states = {row["name"]: row["state"] for row in rows}
    assert states == {"1.png": "skipped", "2.png": "done", "3.png": "skipped"}
    assert [image["name"] for image in whole["images"]] == ["1.png", "2.png", "3.png"]
    assert whole["images"][0] == first["images"][0]
    index = Path("pages/index.html").read_text("utf-8")
    assert all(f'href="{number}.html"' in index for number in (1, 2, 3))


def test_folders_and_files_do_not_mix(run, folders: Path) -> None:
    code, _, stderr = run("report", "originals", "low", "coded.inr", *FAST)
    assert code == 2
    assert "files or folders" in stderr
    Path("empty").mkdir()
    code, _, stderr = run("report", "originals", "empty", *FAST)
    assert code != 0
    assert "empty: no image in this folder" in stderr
    Path("other/low").mkdir(parents=True)
    code, _, stderr = run("report", "originals", "low", "other/low", *FAST)
    assert code == 2
    assert "same name" in stderr


def test_a_damaged_file_costs_its_image_alone(run, folders: Path) -> None:
    Path("low/1.jpg").write_bytes(b"nonsense")
    code, _, stderr = run("report", "originals", "low", "middle", *FAST)
    assert code != 0
    assert "1.jpg" in stderr
    assert names(Path("report")) == [NAME, "2.html", "3.html", "index.html"]
