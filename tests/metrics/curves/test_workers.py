"""Processes measure the same, and end with the run."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import AvifImagePlugin

from inrcodec import workers as rd_workers
from inrcodec.errors import InrCodecError
from inrcodec.metrics.curves import rd
from inrcodec.metrics.curves import row as rd_row
from inrcodec.metrics.curves.rd import Point, read_rows, run
from tests.metrics.curves.runs import POINTS, rows_of


def test_processes_measure_the_same(images: dict[str, object], tmp_path: Path) -> None:
    points = [*POINTS, Point("jpegxl", {"bpp": 4}), Point("webp", {"quality": 50})]
    here = rows_of(images, points, tmp_path / "here.jsonl", metrics=())
    there = rows_of(images, points, tmp_path / "there.jsonl", metrics=(), processes=2)
    key = ("sha256", "codec", "settings", "asked", "size_bytes", "quality", "metrics")
    same = [sorted(json.dumps([row[k] for k in key]) for row in rows) for rows in (here, there)]
    assert same[0] == same[1]
    assert len(here) == 10


def measure_with_threads(work: rd_row.Task) -> dict:
    """A row that also says how many threads torch has."""
    row = rd_row.measure(work)
    return row | {"torch_threads": sys.modules["torch"].get_num_threads()}


def test_processes_score_the_same_on_threads_of_their_own(
    images: dict[str, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = rows_of(images, POINTS[:1], tmp_path / "here.jsonl")
    monkeypatch.setattr(rd, "measure", measure_with_threads)
    there = rows_of(images, POINTS[:1], tmp_path / "there.jsonl", processes=1, threads=2)
    scores = [{row["image"]: row["metrics"]["psnr"] for row in rows} for rows in (here, there)]
    assert scores[0].keys() == {"cup", "waves"}
    assert scores[0] == pytest.approx(scores[1])
    assert [row["torch_threads"] for row in there] == [2, 2]


def test_a_worker_takes_its_threads_and_leaves_ctrl_c_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    set_threads: list[int] = []
    signals: list[tuple[int, object]] = []
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(set_num_threads=set_threads.append))
    monkeypatch.setattr(rd_workers.signal, "signal", lambda *pair: signals.append(pair))
    monkeypatch.setattr(rd_workers, "_exit_with", lambda alive: None)
    monkeypatch.setattr(AvifImagePlugin, "DEFAULT_MAX_THREADS", 0)
    for name in rd_workers.VARIABLES:
        monkeypatch.setenv(name, "1")
    rd_workers._start_worker(None, 3)  # type: ignore[arg-type]
    assert set_threads == [3]
    assert signals == [(signal.SIGINT, signal.SIG_IGN)]
    assert AvifImagePlugin.DEFAULT_MAX_THREADS == 3
    assert {os.environ[name] for name in rd_workers.VARIABLES} == {"3"}


SCRIPT = """
import signal
import sys
import numpy as np
from inrcodec.metrics.curves.rd import Point, run

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's & has it ignored
    pixels = np.random.default_rng(0).integers(0, 256, (256, 256, 3), dtype=np.uint8)
    points = [Point("jpeg", {"quality": 50})]
    points += [Point("avif", {"quality": q}) for q in (100, 99, 98, 97, 96)]
    try:
        for row in run({"noise": pixels}, points, sys.argv[1], metrics=(), processes=2):
            print(row["codec"], flush=True)
    except KeyboardInterrupt:
        print("stopped", flush=True)
"""


def children(pid: int) -> list[int]:
    """Processes that descend from this one (Linux)."""
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True)
    return [int(word) for word in listed.stdout.split()]


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGKILL])
def test_stopping_keeps_the_rows_and_leaves_no_process(
    stop: signal.Signals, tmp_path: Path
) -> None:
    if not Path("/proc/self/status").exists():
        pytest.skip("needs /proc")
    (tmp_path / "script.py").write_text(SCRIPT)
    path = tmp_path / "rows.jsonl"
    environment = os.environ | {"PYTHONPATH": str(Path(rd.__file__).parents[3])}
    job = subprocess.Popen(
        [sys.executable, tmp_path / "script.py", path],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        start_new_session=True,
    )
    assert job.stdout is not None
    assert job.stdout.readline() == "jpeg\n"
    workers = children(job.pid)
    assert len(workers) >= 2
    if stop == signal.SIGINT:
        os.killpg(job.pid, stop)  # as a terminal does
    else:
        job.send_signal(stop)
    output, errors = job.communicate()
    if stop == signal.SIGINT:
        assert output.splitlines()[-1] == "stopped"
        assert errors == ""
    while any(Path(f"/proc/{pid}/cmdline").exists() for pid in workers):
        time.sleep(0.02)  # for ever, where a process is left behind: pytest's timeout ends that
    assert read_rows(path)[0]["codec"] == "jpeg"


def test_a_consumer_that_leaves_early_stops_the_run(small: np.ndarray, tmp_path: Path) -> None:
    rows = run({"waves": small}, POINTS, tmp_path / "rows.jsonl", metrics=(), processes=1)
    next(rows)
    rows.close()  # type: ignore[attr-defined]
    assert len(read_rows(tmp_path / "rows.jsonl")) == 1


def die(work: rd_row.Task) -> None:
    """Take the process with it, as running out of memory does."""
    os._exit(9)


def test_a_process_that_dies_is_an_error(
    small: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rd, "measure", die)
    with pytest.raises(InrCodecError, match="waves, jpeg at quality 20: the process died"):
        list(run({"waves": small}, POINTS[:1], tmp_path / "rows.jsonl", metrics=(), processes=1))
