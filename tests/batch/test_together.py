"""Tasks that are done in groups: what is a group, what fails, and images that are encoded so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from skimage import data

import inrcodec
from inrcodec.batch import Outcome, find, plan_of, run
from inrcodec.batch.encoding import EncodedTogether
from inrcodec.batch.grouping import MOST_IMAGES, groups_of
from inrcodec.batch.inputs import Item
from inrcodec.batch.making import Stages
from inrcodec.batch.planning import Task
from inrcodec.codec.options import EncodeOptions
from inrcodec.errors import DeviceError
from inrcodec.pixels import psnr
from tests.batch.stubs import OPTIONS, Joined, journal_in, reversed_text


def ran(folder: Path, stages: Stages, options: Mapping[str, Any] = OPTIONS) -> dict[str, Outcome]:
    """What came of each file of `in`, by its stem."""
    kinds = {".txt", ".png", ".jpg"}
    found = find([str(folder / "in")], kinds, ".out", recursive=False)
    with journal_in(folder / "out") as journal:
        plan = plan_of(found.items, journal)
        steps = run(plan.tasks, reversed_text, options, journal, jobs=2, stages=stages)
        done = [outcome for step in steps for outcome in step.outcomes]
    assert len(done) == len(plan.tasks)
    return {Path(outcome.item.input).stem: outcome for outcome in done}


def fill(folder: Path, **texts: str) -> None:
    (folder / "in").mkdir(exist_ok=True)
    for name, text in texts.items():
        (folder / "in" / f"{name}.txt").write_text(text)


def written(folder: Path) -> dict[str, str]:
    return {path.stem: path.read_text() for path in (folder / "out").glob("[!.]*")}


def test_what_fails_before_or_after_costs_no_other(tmp_path: Path) -> None:
    fill(tmp_path, a="one", b="bad", c="late", d="two")
    done = ran(tmp_path, Joined())
    told = {stem: str(outcome.error) for stem, outcome in done.items() if outcome.error}
    assert told == {
        "b": f"{tmp_path}/in/b.txt: not an image",
        "c": f"{tmp_path}/in/c.txt: not a file",
    }
    assert written(tmp_path) == {"a": "one+late+one+two+0.5", "d": "two+late+one+two+0.5"}


def test_a_middle_that_fails_is_done_without_and_told(tmp_path: Path) -> None:
    fill(tmp_path, a="one", b="bug")
    done = ran(tmp_path, Joined())
    reason = "had to be done by itself: KeyError: 'lost'"
    assert {stem: outcome.warnings for stem, outcome in done.items()} == {
        stem: (f"{tmp_path}/in/{stem}.txt: {reason}",) for stem in ("a", "b")
    }
    assert written(tmp_path) == {"a": "one", "b": "bug"}


def test_of_a_group_whose_process_dies_each_is_done_by_itself(tmp_path: Path) -> None:
    fill(tmp_path, a="one", b="die", c="two")
    done = ran(tmp_path, Joined())
    told = {stem: str(outcome.error) for stem, outcome in done.items() if outcome.error}
    assert told == {"b": f"{tmp_path}/in/b.txt: the process died (out of memory?)"}
    assert written(tmp_path) == {"a": "one+one+0.5", "c": "two+two+0.5"}


def test_a_device_that_is_not_there_ends_the_batch(tmp_path: Path) -> None:
    fill(tmp_path, a="one", b="device")
    with pytest.raises(DeviceError, match=r"^device 'cuda' cannot be used$"):
        ran(tmp_path, Joined())


def test_groups_have_one_size(tmp_path: Path) -> None:
    sizes = {"a.png": (30, 20), "b.jpg": (20, 30), "c.png": (30, 20), "e.png": (9000, 9000)}
    for name, size in sizes.items():
        Image.new("1" if name == "e.png" else "RGB", size).save(tmp_path / name)
    (tmp_path / "d.png").write_bytes(b"none")
    names = ["a.png", "b.jpg", "c.png", "d.png", "gone.png", "e.png"]
    tasks = [Task(Item(str(tmp_path / name), name), "", 1, False) for name in names]
    urls = [Task(Item(f"s3://bucket/{k}.png", str(k)), "", 1, False) for k in range(MOST_IMAGES)]
    found = [[task.item.result for task in group] for group in groups_of(tasks + urls)]
    assert found[:2] == [["a.png", "c.png"], ["b.jpg"]]
    assert found[3] == ["e.png"]
    assert found[2] == ["d.png", "gone.png", *map(str, range(MOST_IMAGES - 2))]
    assert found[4] == [str(MOST_IMAGES - 2), str(MOST_IMAGES - 1)]


def test_images_encoded_together_are_those_encoded_alone(tmp_path: Path) -> None:
    """On the CPU, where each alone is fitted by the compiled kernels, if there are any."""
    (tmp_path / "in").mkdir()
    images = {
        "a": data.astronaut()[:48, :64],
        "b": data.coffee()[90:138, 90:154],
        "c": data.chelsea()[50:90, 50:114],
        "d": np.dstack([data.chelsea()[50:98, 50:114], np.full((48, 64), 200, np.uint8)]),
    }
    for name, image in images.items():
        Image.fromarray(image).save(tmp_path / "in" / f"{name}.png")
    (tmp_path / "in" / "e.png").write_bytes(b"broken")
    options = {**asdict(EncodeOptions()), "effort": 1, "threads": 1}
    done = ran(tmp_path, EncodedTogether("cpu"), options)
    assert str(done.pop("e").error).startswith(f"{tmp_path}/in/e.png: ")
    for name, image in images.items():
        report, coded = done[name].report, (tmp_path / "out" / f"{name}.out").read_bytes()
        alone = inrcodec.encode(image, effort=1, threads=1)
        assert report is not None
        assert report["steps"] == 100
        assert report["size_bytes"] == len(coded) == pytest.approx(len(alone), rel=0.1)
        found, wanted = (psnr(image, inrcodec.decode(each)) for each in (coded, alone))
        assert found == pytest.approx(wanted, abs=0.5)
        assert (coded == alone) == (name == "d")  # which has alpha, and so is encoded by itself
