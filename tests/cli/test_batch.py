"""Folders in one command: what is done, what goes on after a kill, what is told."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import inrcodec
from inrcodec.batch.journal import NAME
from inrcodec.images.reading import read_image
from tests.clusters import cluster_here
from tests.conftest import VECTORS

FAST = ("-r", "-e", "0", "-q", "20", "--jobs", "2")
OPTIONS = {"effort": 0, "quality": 20, "threads": 1}
COMMAND = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # a parent may have it ignored
from inrcodec.cli.main import main
main()
"""
SLOW = (
    """
import os, time
sync = os.fsync
os.fsync = lambda file: (time.sleep(0.1), sync(file))
"""
    + COMMAND
)
"""The command, whose results each take a while to write, so that it can be stopped amid them."""

Rows = dict[str, dict]


def begun(
    *arguments: object, script: str = SLOW, scratch: Path | None = None
) -> subprocess.Popen[str]:
    """The command, in a group of processes of its own, with a folder for temporary files."""
    environment = os.environ if scratch is None else {**os.environ, "TMPDIR": str(scratch)}
    return subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env=environment,
    )


def group(leader: int) -> list[int]:
    """The processes of a group that still run."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, of_group = path.read_text().rpartition(")")[2].split()[:3]
        except OSError:
            continue
        if int(of_group) == leader and state != "Z":
            found.append(int(path.parent.name))
    return found


def wait_for(condition: Callable[[], object]) -> None:
    """Wait; pytest's timeout ends what never comes."""
    while not condition():
        time.sleep(0.01)


def files(folder: Path, pattern: str = "*.inr") -> dict[str, bytes]:
    """Contents by path below the folder."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob(pattern)}


def rows_of(stdout: bytes) -> Rows:
    """The lines of --json by the path of the input."""
    rows = [json.loads(line) for line in stdout.splitlines()]
    assert len({row["input"] for row in rows}) == len(rows)
    return {row["input"]: row for row in rows}


def states(rows: Rows) -> dict[str, list[str]]:
    """The stems of the files in each state."""
    kinds = {row["state"] for row in rows.values()}
    return {
        kind: sorted(Path(name).stem for name, row in rows.items() if row["state"] == kind)
        for kind in kinds
    }


def make_images(folder: Path, photo: np.ndarray, count: int) -> None:
    """Cuts of a photograph, a third of them in a folder below."""
    (folder / "sub").mkdir(parents=True)
    for number in range(count):
        top, left = number % 60, 2 * number % 100
        path = folder / ("sub" if number % 3 == 0 else "") / f"{number:02}.png"
        Image.fromarray(photo[top : top + 24, left : left + 32]).save(path)


@pytest.fixture
def images(photo: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of six images; the current folder is that above it."""
    monkeypatch.chdir(tmp_path)
    make_images(tmp_path / "in", photo, 6)
    return Path("in")


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_what_a_kill_left_is_done_by_the_same_command_and_nothing_twice(
    run, photo: np.ndarray, tmp_path: Path
) -> None:
    source, out = tmp_path / "in", tmp_path / "out"
    make_images(source, photo, 30)
    job = begun("encode", source, "-o", out, *FAST)
    wait_for(lambda: job.poll() is not None or len(files(out)) >= 6)
    job.kill()
    job.communicate()
    wait_for(lambda: not group(job.pid))
    before = files(out)
    assert 6 <= len(before) < 30
    times = {name: (out / name).stat().st_mtime_ns for name in before}
    code, stdout, _ = run("encode", source, "-o", out, *FAST, "--json")
    rows = rows_of(stdout)
    assert (code, len(rows)) == (0, 30)
    assert len(states(rows)["skipped"]) == len(before)
    assert {name: (out / name).stat().st_mtime_ns for name in before} == times
    expected = {
        str(path.relative_to(source).with_suffix(".inr")): inrcodec.encode(path, **OPTIONS)
        for path in source.rglob("*.png")
    }
    assert files(out, "*.*") == {**expected, NAME: (out / NAME).read_bytes()}
    assert run("encode", source, "-o", out, *FAST)[2].startswith("30 files: 30 done before, in ")


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_ctrl_c_ends_soon_and_leaves_no_process_and_no_temporary_file(
    photo: np.ndarray, tmp_path: Path
) -> None:
    source, out = tmp_path / "in", tmp_path / "out"
    make_images(source, photo, 60)
    (scratch := tmp_path / "scratch").mkdir()
    job = begun("encode", source, "-o", out, *FAST, scratch=scratch)
    wait_for(lambda: job.poll() is not None or len(files(out)) >= 3)
    os.killpg(job.pid, signal.SIGINT)  # as a terminal does
    started = time.monotonic()
    _, errors = job.communicate()
    assert job.returncode == 130
    wait_for(lambda: not group(job.pid))  # multiprocessing's tracker of resources ends the last
    assert time.monotonic() - started < 5
    last = errors.splitlines()[-1]
    assert last.startswith("stopped, the same command goes on; 60 files: ")
    assert re.search(r"\d+ encoded, \d+ left to do, in \d", last)
    assert "Traceback" not in errors
    whole = files(out, "*.*")
    del whole[NAME]
    assert 3 <= len(whole) < 60
    assert all(name.endswith(".inr") for name in whole)
    assert list(scratch.iterdir()) == []
    assert [inrcodec.decode(data).shape for data in whole.values()] == [(24, 32, 3)] * len(whole)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_ctrl_c_in_a_comparison_leaves_no_folder_that_nobody_named(
    photo: np.ndarray, tmp_path: Path
) -> None:
    make_images(tmp_path / "in", photo, 60)
    (scratch := tmp_path / "scratch").mkdir()
    folders = (tmp_path / "in", tmp_path / "in")
    words = ("-r", "--metrics", "psnr", "--jobs", "2")
    job = begun("compare", *folders, *words, scratch=scratch)
    wait_for(lambda: job.poll() is not None or len(files(scratch, "*.json")) >= 3)
    os.killpg(job.pid, signal.SIGINT)
    _, errors = job.communicate()
    assert job.returncode == 130
    assert "Traceback" not in errors
    wait_for(lambda: not group(job.pid))
    assert list(scratch.iterdir()) == []


def test_only_what_changed_is_made_again_and_failures_are_listed_at_the_end(
    run, images: Path, photo: np.ndarray
) -> None:
    (images / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnonsense")
    code, _, stderr = run("encode", images, "-o", "out", *FAST)
    *lines, told, listed = stderr.splitlines()
    assert code == 1
    assert len(lines) == 7
    assert {line.split("] ")[0] for line in lines} == {f"[{k}/7" for k in range(1, 8)}
    assert told.startswith("7 files: 6 encoded, 1 failed, in ")
    assert listed.startswith("inrcodec: error: in/broken.png: ")
    (images / "broken.png").unlink()
    Image.fromarray(photo[50:80, 50:90]).save(images / "01.png")
    Path("out/02.inr").unlink()
    Path("out/04.inr").write_bytes(b"of someone")
    (images / "05.png").touch()
    code, stdout, stderr = run("encode", images, "-o", "out", *FAST, "--jobs", 1, "--json")
    rows = rows_of(stdout)
    assert code == 1
    assert states(rows) == {"done": ["01", "02"], "failed": ["04"], "skipped": ["00", "03", "05"]}
    assert rows["in/04.png"]["error"] == "out/04.inr: exists already; use --force to replace it"
    assert inrcodec.decode("out/01.inr").shape == (30, 40, 3)
    done = rows["in/01.png"]
    assert done["size_bytes"] == Path(done["output"]).stat().st_size
    assert "inrcodec: error: out/04.inr: exists already" in stderr.splitlines()[-1]
    # Other options make everything anew; of a pattern, what matches it, in its place.
    other = ("-e", 0, "-q", 5, "--jobs", 1)
    code, stdout, _ = run("encode", "in/[s]*/*.png", "-o", "out", *other, "--json")
    assert (code, states(rows_of(stdout))) == (0, {"done": ["00", "03"]})
    assert Path("out/sub/00.inr").read_bytes() == inrcodec.encode(
        "in/sub/00.png", effort=0, quality=5, threads=1
    )


def test_decode_is_the_same_the_other_way(run, images: Path, small_file: bytes) -> None:
    coded = Path("coded")
    (coded / "sub").mkdir(parents=True)
    for path in images.rglob("*.png"):
        name = coded / path.relative_to(images).with_suffix(".inr")
        name.write_bytes(inrcodec.encode(path, **OPTIONS))
    (coded / "cut.inr").write_bytes(small_file[:40])
    code, stdout, stderr = run("decode", coded, "-o", "back", "-r", "--jobs", 2, "--json")
    rows = rows_of(stdout)
    assert code == 3
    assert states(rows) == {"done": [f"{k:02}" for k in range(6)], "failed": ["cut"]}
    assert "coded/cut.inr: " in stderr.splitlines()[-1]
    for name, row in rows.items():
        if row["state"] == "done":
            assert (read_image(row["output"]).pixels == inrcodec.decode(name)).all()
            assert Path(row["output"]).relative_to("back").with_suffix(".inr") == Path(
                name
            ).relative_to("coded")
    (coded / "cut.inr").unlink()
    assert run("decode", coded, "-o", "back", "-r", "--jobs", 2)[2].startswith("6 files: 6 done b")
    code, stdout, _ = run("decode", "coded/0*", "-o", "back", "--format", "webp", "--scale", 2)
    assert code == 0
    assert [path.suffix for path in sorted(Path("back").glob("01.*"))] == [".png", ".webp"]
    assert read_image("back/01.webp").pixels.shape == (48, 64, 3)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["encode", "in", "-o", "out", "--jobs", "0"], 2, "jobs must be in [1, 1024], got 0"),
        (["encode", "in"], 2, "in: is a folder; name one for the results, e.g. -o results/"),
        (["encode", "in/*.png"], 2, "in/*.png: name a folder for the results"),
        (["encode", "in/01.png", "--jobs", "2"], 2, "in/01.png: name a folder for the results"),
        (["encode", "in", "-o", "in/01.png"], 1, "in/01.png: is no folder"),
        (["encode", "in", "-o", "-"], 2, "stdin and stdout cannot be part of"),
        (["encode", "in/01.png", "-", "-o", "in"], 2, "stdin and stdout cannot be part of"),
        (
            ["encode", "empty", "-o", "out"],
            1,
            "empty: no image or WAV file in this folder; --recursive",
        ),
        (["encode", "none/*.png", "-o", "out"], 1, "none/*.png: no file of this kind matches"),
        (["encode", "twins", "-o", "out"], 2, "twins/a.bmp and twins/a.png would both be"),
        (["encode", "in", "twins/01.png", "-o", "out"], 2, "both be written to 01.inr; their f"),
        (["encode", "in", "-o", "in/01.png/y"], 1, f"in/01.png/y/{NAME}: cannot be written: Not a"),
        (["decode", "in", "-o", "out"], 1, "in: no .inr or .nif file in this folder"),
        (["decode", "in", "-o", "out", "--format", "xyz"], 2, "xyz: cannot tell the image format"),
        (["decode", "in", "-o", "out", "--format", "a/b"], 2, "format must be an ending"),
        (["encode", "in", "-o", "out", "--scheduler", "here:1"], 2, "scheduler must look like tcp"),
        (["encode", "none://in", "-o", "out"], 2, "none:// is no kind of URL that fsspec opens"),
        (["encode", "in", "-o", "none://out"], 2, "none:// is no kind of URL that fsspec opens"),
        (["decode", "in", "-o", "out", "--threads", "0"], 2, "threads must be in [1, 1024]"),
    ],
)
def test_what_cannot_be_is_one_line_before_any_work(
    run, images: Path, monkeypatch: pytest.MonkeyPatch, arguments: list, code: int, message: str
) -> None:
    monkeypatch.setattr("inrcodec.batch.run", None)
    for name in ("empty", "twins"):
        Path(name).mkdir()
    for name in ("a.bmp", "a.png", "01.png"):
        (Path("twins") / name).write_bytes(b"")
    before = sorted(Path().rglob("*"))
    result = run(*arguments)
    assert result[:2] == (code, b"")
    assert message in result[2]
    assert result[2].count("\n") == 1
    assert sorted(Path().rglob("*")) == before


def test_a_gpu_that_is_not_there_is_one_line_and_the_cpu_fits(run, images: Path) -> None:
    words = ("encode", images / "01.png", "-e", 0, "-q", 20, "--device", "cuda:77")
    code, _, stderr = run(*words, "-o", "out", "--jobs", 1)
    told = "inrcodec: warning: device 'cuda:77' cannot be used: "
    assert code == 0
    assert stderr.startswith(told)
    assert stderr.splitlines()[0].endswith("; fitting on the CPU")
    assert stderr.count("cuda") == 1
    assert run(*words, "-o", "one.inr", "--threads", 1)[2].startswith(told)
    assert Path("one.inr").read_bytes() == Path("out/01.inr").read_bytes()
    code, _, stderr = run("encode", images, "-o", "other", "-e", 0, "--device", "cudda")
    wanted = "inrcodec: error: device must look like cpu, cuda or cuda:1, got 'cudda'\n"
    assert (code, stderr) == (2, wanted)
    assert not Path("other").exists()


def test_a_folder_is_written_by_one_batch_at_a_time(run, images: Path) -> None:
    from inrcodec.batch import Journal

    with Journal("out", {}):
        code, _, stderr = run("encode", images, "-o", "out", *FAST)
    assert (code, stderr) == (1, "inrcodec: error: out: another batch writes to this folder\n")


def test_a_cluster_and_urls_are_two_more_options_of_the_same_command(
    run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = pytest.importorskip("fsspec").filesystem("memory")
    monkeypatch.chdir(tmp_path)
    Path("coded/sub").mkdir(parents=True)
    for name in ("a", "b", "sub/c"):
        shutil.copy(VECTORS / "valid" / "coolchic.inr", f"coded/{name}.inr")
    Path("coded/broken.inr").write_bytes(b"nonsense")
    with cluster_here() as local:
        away = ("--scheduler", local.scheduler_address, "--json")
        code, stdout, _ = run("decode", "coded", "-r", "-o", "memory://cli/back", *away)
        assert (code, states(rows_of(stdout))) == (3, {"done": [*"abc"], "failed": ["broken"]})
        code, stdout, _ = run("decode", "memory://cli/back", "-o", "x", *away)
        assert (code, stdout) == (1, b"")
    expected = inrcodec.decode("coded/a.inr")
    for name in ("a", "b", "sub/c"):
        assert (read_image(files.cat_file(f"/cli/back/{name}.png")).pixels == expected).all()
    code, stdout, _ = run("decode", "coded", "-r", "-o", "memory://cli/back", "--json")
    assert states(rows_of(stdout)) == {"skipped": [*"abc"], "failed": ["broken"]}
    files.rm("/cli", recursive=True)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_ctrl_c_leaves_a_cluster_as_it_was_and_processes_go_on_with_the_rest(
    run, tmp_path: Path
) -> None:
    coded, out = tmp_path / "coded", tmp_path / "out"
    coded.mkdir()
    for number in range(40):
        shutil.copy(VECTORS / "valid" / "coolchic.inr", coded / f"{number:02}.inr")
    with cluster_here() as local:
        words = ("decode", coded, "-o", out)
        job = begun(*words, "--scheduler", local.scheduler_address)
        wait_for(lambda: job.poll() is not None or len(files(out, "*.png")) >= 3)
        os.killpg(job.pid, signal.SIGINT)
        _, errors = job.communicate()
        assert job.returncode == 130
        assert "Traceback" not in errors
        assert errors.splitlines()[-1].startswith("stopped, the same command goes on; 40 files: ")
        wait_for(lambda: not group(job.pid))
        scheduler = local.scheduler
        wait_for(lambda: len(scheduler.clients) == 1 and not scheduler.tasks)  # its own client
    made = set(files(out, "*.*")) - {NAME}
    assert 3 <= len(made) < 40
    assert all(name.endswith(".png") for name in made)
    code, stdout, _ = run(*words, "--jobs", 2, "--json")
    assert (code, len(states(rows_of(stdout))["skipped"])) == (0, len(made))
    assert len(files(out, "*.png")) == 40


def test_without_its_extra_a_cluster_is_one_line(run, images: Path) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(sys.modules, "distributed", None)
        arguments = ("encode", images, "-o", "out", "--scheduler", "tcp://127.0.0.1:1")
        code, _, stderr = run(*arguments)
    needed = 'this needs distributed, which is not installed: pip install "inrcodec[cluster]"'
    assert (code, stderr) == (1, f"inrcodec: error: {needed}\n")


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stderr that says it is a terminal."""
    monkeypatch.setattr("inrcodec.cli.console.on_terminal", lambda: True)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("TERM", "xterm")


def test_on_a_terminal_a_table_shows_what_runs_and_results_stay_on_stdout(
    run, tmp_path: Path, terminal: None
) -> None:
    coded = tmp_path / "coded"
    coded.mkdir()
    for name in "abcdef":
        shutil.copy(VECTORS / "valid" / "coolchic.inr", coded / f"{name}.inr")
    (coded / "broken.inr").write_bytes(b"nonsense")
    code, stdout, stderr = run("decode", coded, "-o", tmp_path / "out", "--json")
    assert code == 3
    assert states(rows_of(stdout)) == {"done": [*"abcdef"], "failed": ["broken"]}
    assert any(f"{coded}/{name}.inr" in stderr for name in "abcdef")  # what ran at a look
    assert "of 7" in stderr
    assert "time left not known yet" in stderr
    assert f"{coded}/broken.inr: not an inrcodec file" in stderr.splitlines()[-1]
