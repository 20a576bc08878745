"""A run measures what is missing, and names what fails."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

import inrcodec
from inrcodec.errors import InputError, InrCodecError, OptionError, RateError
from inrcodec.metrics.curves import rd
from inrcodec.metrics.curves import row as rd_row
from inrcodec.metrics.curves.rd import Point, read_rows, run
from inrcodec.metrics.curves.row import stored_key
from inrcodec.metrics.references.baselines import encode_at
from inrcodec.pixels import psnr
from tests.metrics.curves.runs import POINTS, rows_of


def test_rows_hold_what_was_measured(
    images: dict[str, object], photo: np.ndarray, tmp_path: Path
) -> None:
    path = tmp_path / "deep" / "rows.jsonl"
    rows = rows_of(images, POINTS, path, seeds=[3])
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
    assert key(loss="l1ssim", alpha=0.3) == key(loss="l1ssim", loss_weight=0.3)
    assert key(effort=3) == key(effort=3, loss_weight=None)


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
    (row,) = rows_of({"a": small}, [point], tmp_path / "rows.jsonl", seeds=[5])
    assert row["size_bytes"] == len(files[0]) <= 700
    assert row["metrics"]["psnr"] == pytest.approx(psnr(small, inrcodec.decode(files[0])))
    assert row["asked"] == {"target_size": 700}
    assert row["settings"]["time_limit"] == 0.3
    assert row["settings"]["seed"] == 5
    assert row["quality"] is None
    assert row["search_s"] == row["encode_s"] > 0
    assert rows_of({"a": small}, [point], tmp_path / "rows.jsonl", seeds=[5]) == []
    other = [Point("inrcodec", options | {"time_limit": 0.2})]
    assert len(rows_of({"a": small}, other, tmp_path / "rows.jsonl", seeds=[5])) == 1


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
    rows = run({"waves": small}, POINTS[:1], tmp_path / "r.jsonl", metrics=(), processes=processes)
    with pytest.raises(ZeroDivisionError) as caught:
        list(rows)
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


def test_tasks_say_what_they_are(small: np.ndarray) -> None:
    work = rd_row.task(rd_row.subject("waves", small), POINTS[0], ("psnr",), 0, 1)
    assert str(work) == "waves, jpeg at quality 20"
    assert json.loads(work.key())[0] == "waves"
