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
from PIL import AvifImagePlugin, Image

import inrcodec
from inrcodec.errors import InputError, InrCodecError, OptionError, RateError
from inrcodec.metrics.curves import rd
from inrcodec.metrics.curves import row as rd_row
from inrcodec.metrics.curves import workers as rd_workers
from inrcodec.metrics.curves.rd import Point, bd_table, curve, read_rows, run
from inrcodec.metrics.curves.row import stored_key
from inrcodec.metrics.references.baselines import encode_at
from inrcodec.pixels import psnr

POINTS = [Point("jpeg", {"quality": quality}) for quality in (20, 50, 90)]


@pytest.fixture
def images(photo: np.ndarray, small: np.ndarray, tmp_path: Path) -> dict[str, object]:
    """One picture as a file, one as an array."""
    Image.fromarray(photo).save(tmp_path / "cup.png")
    return {"cup": tmp_path / "cup.png", "waves": small}


def rows_of(*arguments: object, **options: object) -> list[dict]:
    return list(run(*arguments, **({"processes": 0} | options)))  # type: ignore[arg-type]


def test_rows_hold_what_was_measured(
    images: dict[str, object], photo: np.ndarray, tmp_path: Path
) -> None:
    path = tmp_path / "deep" / "rows.jsonl"
    rows = rows_of(images, POINTS, path, seed=3)
    assert [(row["image"], row["asked"]["quality"]) for row in rows] == [
        (name, quality) for name in ("cup", "waves") for quality in (20, 50, 90)
    ]
    row, coded = rows[1], encode_at("jpeg", photo, 50)
    assert row["metrics"]["psnr"] == pytest.approx(psnr(photo, coded.pixels))
    assert (row["size_bytes"], row["quality"]) == (coded.size_bytes, 50)
    assert row["bits_per_pixel"] == coded.size_bytes * 8 / 15000
    assert (row["width"], row["height"], row["channels"]) == (150, 100, 3)
    assert row["settings"] == coded.settings
    assert (row["seed"], row["threads"]) == (3, 1)
    assert {"inrcodec", "python", "pillow", "libjpeg_turbo", "torch"} <= row["versions"].keys()
    assert row["encode_s"] > 0 < row["decode_s"]
    assert len({row["sha256"] for row in rows}) == 2
    assert read_rows(path) == rows


def test_only_what_is_missing_is_made(images: dict[str, object], tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    assert len(rows_of(images, POINTS[:2], path)) == 4
    before = path.read_bytes()
    assert rows_of(images, POINTS[:2], path) == []
    assert rows_of({"waves": images["waves"]}, [Point("jpeg", {"quality": 20.0})], path) == []
    assert path.read_bytes() == before
    renamed = rows_of({"renamed": images["waves"]}, POINTS[:1], path)
    assert [row["image"] for row in renamed] == ["renamed"]
    made = rows_of(images, POINTS, path)
    assert [row["asked"] for row in made] == [{"quality": 90}] * 2
    more = rows_of(images, POINTS[:1], path, metrics=["psnr", "ssim"])
    assert [row["metrics"].keys() for row in more] == [{"psnr", "ssim"}] * 2
    assert rows_of(images, POINTS, path) == []
    assert len(rows_of(images, POINTS[1:2], path, metrics=["ssim"])) == 2
    assert rows_of(images, POINTS[:2], path, metrics=["psnr", "ssim"]) == []
    assert path.read_bytes().startswith(before)


def test_rows_made_before_an_option_was_there_are_kept() -> None:
    def key(**settings: object) -> str:
        return stored_key(
            {"image": "a", "sha256": "b", "codec": "inrcodec", "settings": settings, "asked": {}}
        )

    assert key(effort=3) == key(effort=3, loss="mse", alpha=None)
    assert key(effort=3) != key(effort=3, loss="l1")
    assert key(effort=3) != key(effort=4)


def test_a_changed_picture_is_another_picture(small: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    assert len(rows_of({"a": small}, POINTS[:1], path)) == 1
    assert len(rows_of({"a": small[:, ::-1]}, POINTS[:1], path)) == 1
    turned = np.ascontiguousarray(small.reshape(32, 24, 3))  # the same bytes
    assert len(rows_of({"a": turned}, POINTS[:1], path)) == 1
    assert len({row["sha256"] for row in read_rows(path)}) == 3


def test_a_torn_last_line_is_made_again(images: dict[str, object], tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    rows_of(images, POINTS, path)
    whole = path.read_bytes()
    path.write_bytes(whole[:-40])
    assert len(read_rows(path)) == 5
    assert len(rows_of(images, POINTS, path)) == 1
    assert len(read_rows(path)) == 6
    assert path.read_bytes().startswith(whole[: whole[:-1].rindex(b"\n") + 1])


def test_a_file_of_something_else_is_left_alone(small: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    for text in ("not json\n", "[1]\n", '{"metrics": {}}\n', '{"metrics": 3}\n'):
        path.write_text(text)
        with pytest.raises(InputError, match=r"rows.jsonl: line 1 is not a row"):
            run({"a": small}, POINTS, path)
        assert path.read_text() == text
    with pytest.raises(InputError, match="no such file"):
        read_rows(tmp_path / "absent.jsonl")
    with pytest.raises(InputError, match="cannot be read"):
        read_rows(tmp_path)


def test_infinity_survives_strict_json(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    flat = {"flat": np.full((16, 16, 3), 128, np.uint8)}
    assert rows_of(flat, [Point("jpeg", {"quality": 90})], path)[0]["metrics"]["psnr"] == np.inf

    def refuse(text: str) -> None:
        raise AssertionError(text)

    json.loads(path.read_text(), parse_constant=refuse)
    assert read_rows(path)[0]["metrics"]["psnr"] == np.inf


def test_the_package_itself_is_measured(
    small: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encode, files = inrcodec.encode, []

    def watched(image: object, **options: object) -> bytes:
        assert (options["seed"], options["threads"], options["target_size"]) == (5, 1, 700)
        files.append(encode(image, **options))
        return files[-1]

    monkeypatch.setattr(inrcodec, "encode", watched)
    options = {"target_size": 700, "time_limit": 0.3, "model": "pe-siren"}
    point = Point("inrcodec", options)
    (row,) = rows_of({"a": small}, [point], tmp_path / "rows.jsonl", seed=5)
    assert row["size_bytes"] == len(files[0]) <= 700
    assert row["metrics"]["psnr"] == pytest.approx(psnr(small, inrcodec.decode(files[0])))
    assert row["asked"] == {"target_size": 700}
    assert row["settings"]["time_limit"] == 0.3
    assert row["settings"]["seed"] == 5
    assert row["quality"] is None
    assert row["search_s"] == row["encode_s"] > 0
    assert rows_of({"a": small}, [point], tmp_path / "rows.jsonl", seed=5) == []
    other = [Point("inrcodec", options | {"time_limit": 0.2})]
    assert len(rows_of({"a": small}, other, tmp_path / "rows.jsonl", seed=5)) == 1


@pytest.mark.parametrize(
    ("point", "message"),
    [
        (Point("bpg", {"quality": 3}), "unknown codec 'bpg'"),
        (Point("jpeg", {}), "jpeg: give one of quality, bpp, target_size"),
        (Point("jpeg", {"quality": 3, "bpp": 1}), "give one of"),
        (Point("jpeg", {"quality": "high"}), "a rate must be a number"),
        (Point("jpeg", {"bpp": 1, "effort": 3}), "jpeg takes no option effort"),
        (Point("jpeg", {"psnr": 30}), "jpeg: give one of quality, bpp, target_size, got"),
        (Point("webp", {"slope": 0.01}), "webp: give one of quality, bpp, target_size, got"),
        (Point("jpeg", {"bpp": 1, "psnr": 30}), "jpeg takes no option psnr"),
        (Point("inrcodec", {"bpp": 1, "speed": 3}), "unknown option 'speed'"),
    ],
)
def test_bad_points_are_refused_before_any_work(
    point: Point, message: str, small: np.ndarray, tmp_path: Path
) -> None:
    with pytest.raises(OptionError, match=message):
        run({"a": small}, [*POINTS, point], tmp_path / "rows.jsonl")
    assert not (tmp_path / "rows.jsonl").exists()


def test_other_bad_arguments_are_refused(small: np.ndarray, tmp_path: Path) -> None:
    with pytest.raises(InrCodecError, match="unknown metric 'psn'"):
        run({"a": small}, POINTS, tmp_path / "rows.jsonl", metrics=["psn"])
    with pytest.raises(OptionError, match="processes"):
        run({"a": small}, POINTS, tmp_path / "rows.jsonl", processes=-1)
    with pytest.raises(InrCodecError, match="absent"):
        run({"a": tmp_path / "absent.png"}, POINTS, tmp_path / "rows.jsonl")


@pytest.mark.parametrize("processes", [0, 2])
def test_a_failing_row_names_itself_and_keeps_the_others(
    processes: int, small: np.ndarray, tmp_path: Path
) -> None:
    path = tmp_path / "rows.jsonl"
    points = [*POINTS, Point("jpeg", {"quality": 1000})]
    with pytest.raises(InrCodecError, match=r"^waves, jpeg at quality 1000: the quality of jpeg"):
        list(run({"waves": small}, points, path, metrics=(), processes=processes))
    assert {row["asked"]["quality"] for row in read_rows(path)} <= {20, 50, 90}
    assert rows_of({"waves": small}, POINTS, path, metrics=()) == [] or processes
    assert len(read_rows(path)) == 3


@pytest.mark.parametrize("processes", [0, 1])
def test_a_bug_is_no_error_of_the_caller(
    processes: int, small: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rd, "measure", measure_with_a_bug)
    with pytest.raises(ZeroDivisionError) as caught:
        path = tmp_path / "rows.jsonl"
        list(run({"waves": small}, POINTS[:1], path, metrics=(), processes=processes))
    if sys.version_info >= (3, 11):
        assert "while measuring waves, jpeg at quality 20" in caught.value.__notes__


def measure_with_a_bug(work: rd_row.Task) -> dict:
    """`measure`, where the reference codec divides by zero."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rd_row.baselines, "encode_at", lambda *arguments: 1 // 0)
        return rd_row.measure(work)


def test_unmet_rates_are_raised_or_left_out(small: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    points = [Point("jpeg", {"bpp": 0.01}), Point("jpeg", {"bpp": 12})]
    with pytest.raises(RateError, match=r"^waves, jpeg at bpp 0.01: jpeg needs \d+ bytes"):
        rows_of({"waves": small}, points, path)
    (row,) = rows_of({"waves": small}, points, path, skip_unmet=True)
    assert row["asked"] == {"bpp": 12}
    assert row["bits_per_pixel"] <= 12


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
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    rd_workers._start_worker(None, 3)  # type: ignore[arg-type]
    assert set_threads == [3]
    assert signals == [(signal.SIGINT, signal.SIG_IGN)]
    assert AvifImagePlugin.DEFAULT_MAX_THREADS == 3
    assert os.environ["OMP_NUM_THREADS"] == "3"


SCRIPT = """
import sys
import numpy as np
from inrcodec.metrics.curves.rd import Point, run

if __name__ == "__main__":
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


def made_up(
    image: str, codec: str, asked: float, bpp: float, psnr_db: float, **more: object
) -> dict:
    row = {"image": image, "sha256": image, "codec": codec, "asked": {"quality": asked}}
    row |= {"bits_per_pixel": bpp, "metrics": {"psnr": psnr_db}, "settings": {}}
    return row | more


def test_a_curve_is_the_mean_over_pictures_of_every_common_setting() -> None:
    rows = [
        made_up("a", "x", 9, 0.9, 39),
        made_up("a", "x", 5, 0.5, 35),
        made_up("b", "x", 5, 0.7, 31),
        made_up("b", "x", 9, 1.1, 35),
        made_up("a", "x", 7, 0.1, 10),
        made_up("b", "x", 9, 1.3, 37),
        made_up("a", "y", 5, 9.9, 99),
        made_up("b", "x", 5, 0.1, 0.3, metrics={"ssim": 0.3}),
    ]
    bpp, values = curve(rows, "x", "psnr")
    assert bpp.tolist() == pytest.approx([0.6, 1.1])
    assert values.tolist() == pytest.approx([33, 38])
    with pytest.raises(OptionError, match="no rate of y has psnr for all 2 pictures"):
        curve(rows, "y", "psnr")
    rows.append(made_up("a", "x", 3, 0.2, 20, settings={"effort": 2}))
    with pytest.raises(OptionError, match="x was run with several settings"):
        curve(rows, "x", "psnr")


def test_the_table_compares_every_codec_with_the_anchor() -> None:
    rates = [0.2, 0.4, 0.8, 1.6, 3.2]
    rows = []
    for image in ("a", "b"):
        for rate in rates:
            psnr_db = 32 + 7 * np.log10(rate)
            rows.append(made_up(image, "base", rate, rate, psnr_db))
            rows.append(made_up(image, "half", rate, rate / 2, psnr_db))
            rows.append(made_up(image, "far", rate, rate, psnr_db + 30))
    rows.append(made_up("a", "poor", 1, 1.0, 30))
    half, far, poor = (
        {entry.codec: entry for entry in bd_table(rows, "base", "psnr")}[name]
        for name in ("half", "far", "poor")
    )
    assert half.rate is not None
    assert half.gain is not None
    assert half.rate.value == pytest.approx(-50)
    assert half.gain.value == pytest.approx(7 * np.log10(2))
    assert half.reason is None
    assert far.rate is None
    assert far.gain is not None
    assert far.gain.value == pytest.approx(30)
    assert "metric ranges overlap by 0%" in str(far.reason)
    assert poor.rate is poor.gain is None
    assert "no rate of poor" in str(poor.reason)
    with pytest.raises(OptionError, match="no rate of absent"):
        bd_table(rows, "absent", "psnr")


def test_the_table_knows_the_direction_of_a_metric() -> None:
    rows = []
    for rate in (0.2, 0.4, 0.8, 1.6, 3.2):
        lpips = 0.3 - 0.2 * np.log10(rate)
        for codec, factor in (("base", 1.0), ("half", 0.5)):
            scores = {"lpips-alex": lpips}
            rows.append(made_up("a", codec, rate, rate * factor, 0, metrics=scores))
    (entry,) = bd_table(rows, "base", "lpips-alex")
    assert entry.rate is not None
    assert entry.gain is not None
    assert entry.rate.value == pytest.approx(-50)
    assert entry.gain.value == pytest.approx(-0.2 * np.log10(2))


def test_tasks_say_what_they_are(small: np.ndarray) -> None:
    work = rd_row.task(rd_row.subject("waves", small), POINTS[0], ("psnr",), 0, 1)
    assert str(work) == "waves, jpeg at quality 20"
    assert json.loads(work.key())[0] == "waves"
