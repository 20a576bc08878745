import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import inrcodec
from inrcodec.cli.encode import parse_size
from inrcodec.errors import OptionError
from inrcodec.images.reading import read_image
from inrcodec.pixels import psnr
from tests.conftest import VECTORS


@pytest.fixture
def picture(tmp_path: Path, small: np.ndarray) -> Path:
    path = tmp_path / "picture.png"
    Image.fromarray(small).save(path)
    return path


@pytest.fixture
def coded(tmp_path: Path, small_file: bytes) -> Path:
    path = tmp_path / "coded.inr"
    path.write_bytes(small_file)
    return path


def test_encode_decode_info(run, picture: Path, small: np.ndarray, tmp_path: Path) -> None:
    out, back = tmp_path / "out.inr", tmp_path / "back.png"
    code, stdout, _ = run("encode", picture, "-o", out, "-e", 1, "--threads", 1, "--json")
    report = json.loads(stdout)
    assert code == 0
    assert report["size_bytes"] == out.stat().st_size
    code, stdout, _ = run("decode", out, "-o", back, "--json")
    shown = json.loads(stdout)
    assert (code, shown["channels"], shown["colours"]) == (0, 3, "RGB")
    assert psnr(small, read_image(back).pixels) == pytest.approx(report["psnr_db"])
    code, stdout, _ = run("info", out, "--json")
    about = json.loads(stdout)
    assert (code, about["width"], about["height"]) == (0, 32, 24)
    assert (about["channels"], about["colours"]) == (3, "RGB")
    assert sum(s["size_bytes"] for s in about["sections"]) + 5 == about["size_bytes"]
    described = run("info", out)[1]
    assert b"coolchic" in described
    assert b"32 x 24 RGB, 8 bit" in described


def test_the_package_runs_as_the_command() -> None:
    done = subprocess.run([sys.executable, "-m", "inrcodec", "--version"], capture_output=True)
    assert (done.returncode, done.stdout.split()[0]) == (0, b"inrcodec")


def test_standard_streams(run, picture: Path, small_file: bytes) -> None:
    code, stdout, _ = run(
        *("encode", "-", "-o", "-", "-e", 1, "--target-size", "0.3K", "--model", "pe-siren"),
        stdin=picture.read_bytes(),
    )
    assert code == 0
    assert 280 < len(stdout) <= 300
    assert inrcodec.decode(stdout).shape == (24, 32, 3)
    code, stdout, _ = run("decode", "-", "-o", "-", stdin=small_file)
    assert (read_image(stdout).pixels == inrcodec.decode(small_file)).all()
    assert run("info", "-", stdin=small_file)[0] == 0


def test_sizes_and_crops(run, coded: Path, tmp_path: Path, small_file: bytes) -> None:
    out = tmp_path / "view.png"
    assert run("decode", coded, "-o", out, "--scale", 2, "--crop", "10,4,20,30")[0] == 0
    whole = inrcodec.decode(small_file, scale=2)
    assert (read_image(out).pixels == whole[4:34, 10:30]).all()
    assert run("decode", coded, "-o", out, "-f", "--size", "7x9", "--bit-depth", 16)[0] == 0
    assert read_image(out).pixels.shape == (9, 7, 3)
    assert read_image(out).bit_depth == 16


def test_a_graphic_is_said_to_suit_lossless_formats(run, tmp_path: Path, picture: Path) -> None:
    drawing = np.full((40, 60, 3), 255, np.uint8)
    drawing[10:20, 10:40] = (200, 30, 30)
    Image.fromarray(drawing).save(tmp_path / "drawing.png")
    for source, graphic in ((tmp_path / "drawing.png", True), (picture, False)):
        _, _, stderr = run("encode", source, "-e", 0, "-o", tmp_path / "out.inr", "-f")
        assert ("suit lossless WebP or PNG better" in stderr) == graphic


@pytest.mark.parametrize("channels", [2, 4])
def test_encode_and_compare_say_the_same_psnr(run, tmp_path: Path, photo, channels: int) -> None:
    alpha = np.linspace(-100, 400, photo.shape[1]).clip(0, 255).astype(np.uint8)
    colours = photo if channels == 4 else photo[..., :1]
    pixels = np.concatenate([colours, np.broadcast_to(alpha[:, None], (*photo.shape[:2], 1))], 2)
    source, coded = tmp_path / "a.png", tmp_path / "a.inr"
    Image.fromarray(pixels).save(source)
    _, stdout, _ = run("encode", source, "-e", 0, "-o", coded, "--json")
    said = json.loads(stdout)["psnr_db"]
    _, stdout, _ = run("compare", source, coded, "--metrics", "psnr", "--json")
    assert json.loads(stdout)["metrics"]["psnr"] == pytest.approx(said, abs=1e-9)
    options = ("--metrics", "psnr", "--codecs", "none", "--json")
    _, stdout, _ = run("report", source, coded, *options)
    assert json.loads(stdout)["versions"][0]["metrics"]["psnr"] == pytest.approx(said, abs=1e-9)


def test_several_inputs_go_to_a_folder(run, picture: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.png"
    other.write_bytes(picture.read_bytes())
    folder = tmp_path / "new" / "out"
    code, _, stderr = run("encode", picture, other, "-e", 1, "-o", f"{folder}/", "-q", 20)
    assert code == 0
    coded = sorted(folder.glob("[!.]*"))
    assert [path.name for path in coded] == ["other.inr", "picture.inr"]
    code, stdout, _ = run("decode", *coded, "-o", folder, "--json")
    assert [json.loads(line)["state"] for line in stdout.splitlines()] == ["done", "done"]
    assert run("encode", picture, other, "-o", tmp_path / "one.inr")[0] == 2
    # One bad input does not cost the others.
    bad = tmp_path / "bad.inr"
    bad.write_bytes(b"nonsense")
    code, _, stderr = run("decode", bad, folder / "other.inr", "-o", f"{tmp_path}/again/")
    assert code == 3
    assert "bad.inr" in stderr
    assert [path.name for path in (tmp_path / "again").glob("[!.]*")] == ["other.png"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["encode", "missing.png"], 1, "missing.png: cannot be read: No such file"),
        (["encode", "."], 2, "is a folder"),
        (["encode", "folder.png"], 2, "is a folder; name one for the results, e.g. -o results/"),
        (["encode", "picture.png", "folder.png"], 2, "is a folder"),
        (["encode", "text.txt", "-o", "x.inr"], 1, "known format"),
        (["encode", "picture.png", "-o", "no/such/x.inr"], 1, "folder does not exist"),
        (["encode", "picture.png", "-o", "coded.inr"], 1, "--force"),
        (["encode", "picture.png", "-o", "picture.png", "-f"], 1, "input itself"),
        (["encode", "picture.png", "-q", "0"], 2, "quality must be in [1, 100]"),
        (["encode", "picture.png", "-q", "high"], 2, "quality"),
        (["encode", "picture.png", "--bpp", "0.3", "-q", "3"], 2, "one of"),
        (["encode", "picture.png", "--target-size", "12X"], 2, "12K"),
        (
            ["encode", "picture.png", "--target-size", "50", "-e", "1"],
            1,
            "the smallest coolchic file",
        ),
        (["encode", "picture.png", "--model", "vgg"], 2, "vgg"),
        (["encode", "picture.png", "--device", "abacus"], 2, "abacus"),
        (["encode", "picture.png", "-e", "10"], 2, "effort"),
        (["encode", "picture.png", "--json", "-o", "-"], 2, "stdout"),
        (["decode", "-", "--json"], 2, "stdout"),
        (["decode", "coded.inr", "-o", "n" * 300 + ".png"], 1, "too long"),
        (["encode", "picture.png", "--device", "meta"], 2, "meta"),
        (["encode", "picture.png", "--seed", "9" * 400], 2, "seed"),
        (["decode", "coded.inr", "--scale", "1e308"], 2, "scale"),
        (["decode", "text.txt", "-o", "newfolder/"], 3, "signature"),
        (["encode"], 2, "IMAGE"),
        (["decode", "missing.inr"], 1, "No such file"),
        (["decode", "text.txt"], 3, "signature"),
        (["decode", "picture.png", "-o", "y.png"], 3, "signature"),
        (["decode", "cut.inr"], 3, "cut short"),
        (["decode", "coded.inr", "--size", "big"], 2, "1536x1024"),
        (["decode", "coded.inr", "--crop", "0,0,99,99"], 2, "not inside"),
        (["decode", "coded.inr", "--scale", "-1"], 2, "scale"),
        (["decode", "coded.inr", "-o", "x.xyz"], 2, "format"),
        (["info", "text.txt"], 3, "signature"),
        (["info", "missing.inr"], 1, "No such file"),
        (["compress"], 2, "compress"),
    ],
)
def test_bad_input_gives_one_line_and_the_right_code(
    run, picture: Path, coded: Path, monkeypatch, arguments: list[str], code: int, message: str
) -> None:
    folder = picture.parent
    monkeypatch.chdir(folder)
    (folder / "text.txt").write_text("just words")
    (folder / "folder.png").mkdir()
    (folder / "cut.inr").write_bytes(coded.read_bytes()[:200])
    before = sorted(path.name for path in folder.iterdir())
    got, _, stderr = run(*arguments)
    assert got == code
    assert message in " ".join(stderr.replace("│", " ").split())
    assert sorted(path.name for path in folder.iterdir()) == before


def test_a_full_disk_leaves_nothing_behind(run, picture: Path, tmp_path: Path, monkeypatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    code, _, stderr = run("encode", picture, "-e", 1, "-o", tmp_path / "x.inr")
    assert code == 1
    assert "No space left" in stderr
    assert [path.name for path in tmp_path.iterdir()] == ["picture.png"]


def test_a_file_cut_behind_its_picture_decodes_with_a_warning(run, coded: Path) -> None:
    coded.write_bytes(coded.read_bytes()[:-3])
    code, _, stderr = run("decode", coded)
    assert code == 0
    assert "inrcodec: warning: the image is whole" in stderr


def test_sizes_are_parsed() -> None:
    assert [parse_size(t) for t in ("12000", "12K", "1.5M", "2KiB", "7b")] == [
        12000, 12000, 1500000, 2048, 7,
    ]  # fmt: skip
    for text in ("", "K", "-", "12Q", "1e400K"):
        with pytest.raises(OptionError):
            parse_size(text)


INTERRUPTED = """
import os, signal, sys
from inrcodec.codec.fitting.coolchic.fit import GridFit

train, shares = GridFit._train, []

def interrupted(fit, share):
    shares.append(share)
    if len(shares) == 12:
        os.kill(os.getpid(), signal.SIGINT)
    return train(fit, share)

GridFit._train = interrupted
signal.signal(signal.SIGINT, signal.default_int_handler)  # a parent may have it ignored
from inrcodec.cli.main import main
main(sys.argv[1:])
"""
"""The command, which is sent a Ctrl-C in the middle of its fit."""

TWICE = INTERRUPTED.replace("len(shares) == 12", "len(shares) == 32 or len(shares) >= 37")
"""The command, which is sent others while it makes what it writes."""


@pytest.mark.parametrize("output", [True, False])
def test_ctrl_c_keeps_the_best_so_far_or_leaves_nothing(
    tmp_path: Path, photo: np.ndarray, output: bool
) -> None:
    source = tmp_path / "photo.png"
    Image.fromarray(photo).save(source)
    out = tmp_path / "photo.inr"
    command = [sys.executable, "-c", INTERRUPTED, "encode", str(source), "-e", "9"]
    command += ["-o", str(out)] if output else []
    done = subprocess.run(command, capture_output=True, timeout=200)
    assert done.returncode == 130, done.stderr
    assert b"Traceback" not in done.stderr
    assert b"stopping, " + (b"writing" if output else b"nothing") in done.stderr
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == (["photo.inr", "photo.png"] if output else ["photo.png"])
    if output:
        assert psnr(photo, inrcodec.decode(out.read_bytes())) > 18


def test_a_second_ctrl_c_says_that_nothing_was_written(tmp_path: Path, photo: np.ndarray) -> None:
    Image.fromarray(photo).save(tmp_path / "photo.png")
    words = ["encode", "photo.png", "-e", "9", "-o", "photo.inr", "--bpp", "0.5"]
    command = [sys.executable, "-c", TWICE, *words]
    done = subprocess.run(command, capture_output=True, timeout=200, cwd=tmp_path)
    assert done.returncode == 130, done.stderr
    assert b"photo.png: stopped, nothing was written" in done.stderr
    assert b"Traceback" not in done.stderr
    assert not (tmp_path / "photo.inr").exists()


@pytest.mark.parametrize("arguments", [["--help"], ["info", "FILE"]])
def test_help_and_info_load_nothing_heavy(coded: Path, arguments: list[str]) -> None:
    arguments = [str(coded) if word == "FILE" else word for word in arguments]
    code = (
        "import sys\nfrom inrcodec.cli.main import main\n"
        f"try:\n    main({arguments!r})\nexcept SystemExit as stop:\n"
        "    heavy = {'torch', 'PIL', 'constriction', 'imagecodecs'} & set(sys.modules)\n"
        "    sys.exit(1 if stop.code or heavy else 0)\n"
    )
    subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)


def test_latent_grids_decode_without_torch(tmp_path: Path) -> None:
    arguments = ["decode", str(VECTORS / "valid" / "coolchic.inr"), "-o", str(tmp_path / "a.png")]
    code = (
        "import sys\nfrom inrcodec.cli.main import main\n"
        f"try:\n    main({arguments!r})\nexcept SystemExit as stop:\n"
        "    sys.exit(1 if stop.code or 'torch' in sys.modules else 0)\n"
    )
    subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert (tmp_path / "a.png").exists()


def test_outputs_keep_their_mode_and_links_and_pipes_stay_what_they_are(tmp_path: Path) -> None:
    from inrcodec.cli.console import write_output

    private, link, pipe = tmp_path / "private", tmp_path / "link", tmp_path / "pipe"
    private.write_bytes(b"old")
    private.chmod(0o600)
    link.symlink_to(private)
    write_output(str(link), b"new", force=True)
    assert link.is_symlink()
    assert private.read_bytes() == b"new"
    assert private.stat().st_mode & 0o777 == 0o600
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write_output(str(pipe), b"through", force=False)
    assert os.read(reader, 99) == b"through"
    os.close(reader)
    assert pipe.is_fifo()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("command", ["info FILE", "info FILE --json", "decode FILE -o -"])
def test_a_full_stdout_is_one_line_and_exit_code_1(coded: Path, command: str) -> None:
    words = [str(coded) if word == "FILE" else word for word in command.split()]
    with open("/dev/full", "wb") as full:
        process = subprocess.run(
            [sys.executable, "-m", "inrcodec.cli.main", *words],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert process.returncode == 1
    assert "No space left" in process.stderr
    assert "Traceback" not in process.stderr


def test_models_are_listed(run) -> None:
    code, stdout, _ = run("models", "--size", "64x64", "--bpp", 2, "--json")
    listed = json.loads(stdout)
    assert code == 0
    assert {"coolchic, high", "nif", "diner"} <= {model["name"] for model in listed}
    assert b"MAC/pixel" in run("models")[1]
    for wrong in (("--size", "0x9"), ("--size", "big"), ("--bpp", 0)):
        assert run("models", *wrong)[0] == 2


def test_a_start_is_trained_and_used(run, picture: Path, tmp_path: Path) -> None:
    start, out = tmp_path / "my.start", tmp_path / "out.inr"
    few = ("--parameters", 300, "--steps", 3, "--json")
    code, stdout, _ = run("init", "train", picture.parent, "-o", start, *few)
    assert code == 0
    assert json.loads(stdout)["steps"] == 3
    code, _, stderr = run("init", "train", picture.parent, "-o", start, *few)
    assert code == 1
    assert "use --force" in stderr
    code, _, _ = run("encode", picture, "-o", out, "--model", "pe-siren", "--init", start, "-e", 1)
    assert code == 0
    code, _, stderr = run("decode", out, "-o", tmp_path / "back.png")
    assert code == 3
    assert "needs the initialisation" in stderr
    assert run("decode", out, "-o", tmp_path / "back.png", "--init", start)[0] == 0
    assert b"dimensions" in run("init", "list")[1]


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("--model", "siren"), 2),
        (("--seed", -1), 2),
        (("--parameters", 1), 2),
        (("--minutes", 0), 2),
        (("--inner-steps", 0), 2),
    ],
)
def test_bad_training_options(run, tmp_path: Path, options: tuple[object, ...], code: int) -> None:
    assert run("init", "train", tmp_path, "-o", tmp_path / "x.start", *options)[0] == code


def test_an_empty_folder_trains_nothing(run, tmp_path: Path) -> None:
    assert run("init", "train", tmp_path, "-o", tmp_path / "x.start")[0] == 1
    assert run("init", "train", tmp_path / "none", "-o", tmp_path / "x.start")[0] == 1
