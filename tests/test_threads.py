"""Threads, forks and pickles: what a program around this one does must not be felt by either."""

import multiprocessing
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import inrcodec
from inrcodec.errors import FormatError
from tests.together import run_in_threads

MODELS = ("coolchic", "pe-siren")


@pytest.fixture
def two_threads() -> object:
    """Two torch threads, which is not what an encode sets."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.usefixtures("few_steps")
def test_a_caller_keeps_its_threads_between_steps(
    small: np.ndarray, model: str, two_threads: object
) -> None:
    job = inrcodec.encoding(small, model=model, effort=1, threads=1)
    for _ in job:
        assert torch.get_num_threads() == 2
    job.finish()
    assert torch.get_num_threads() == 2


@pytest.mark.usefixtures("few_steps")
def test_two_encodes_in_turn_leave_the_threads_alone(
    small: np.ndarray, two_threads: object
) -> None:
    jobs = [inrcodec.encoding(small, model=m, effort=1, threads=1, seed=3) for m in MODELS]
    for _ in zip(*jobs, strict=False):
        assert torch.get_num_threads() == 2
    for job in jobs:
        for _ in job:
            pass
    assert torch.get_num_threads() == 2
    alone = [inrcodec.encode(small, model=m, effort=1, threads=1, seed=3) for m in MODELS]
    assert [job.finish() for job in jobs] == alone


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.usefixtures("few_steps")
def test_an_encode_advanced_from_another_thread_is_the_same(small: np.ndarray, model: str) -> None:
    options = {"model": model, "effort": 1, "threads": 2, "seed": 1}
    job = inrcodec.encoding(small, **options)
    steps = iter(job)
    next(steps)

    def go_on() -> None:
        for _ in steps:
            pass

    run_in_threads(go_on, threads=1)
    assert job.finish() == inrcodec.encode(small, **options)


@pytest.mark.usefixtures("few_steps")
def test_a_loop_that_was_left_goes_on(small: np.ndarray) -> None:
    for model in MODELS:
        job = inrcodec.encoding(small, model=model, effort=1, seed=2, threads=1)
        first = next(iter(job))
        assert all(progress.step > first.step for progress in job)
        assert list(job) == []
        assert job.finish() == inrcodec.encode(small, model=model, effort=1, seed=2, threads=1)


def test_six_threads_encode_and_decode(small: np.ndarray) -> None:
    wanted = inrcodec.encode(small, effort=0, threads=1)
    pixels = inrcodec.decode(wanted)
    found: list[tuple[bytes, np.ndarray]] = []

    def work() -> None:
        data = inrcodec.encode(small, effort=0, threads=1)
        found.append((data, inrcodec.decode(data)))

    run_in_threads(work)
    assert len(found) == 6
    assert all(data == wanted and np.array_equal(made, pixels) for data, made in found)


LATE = """
import sys, threading
import inrcodec

def work():
    threading.main_thread().join()
    encoded = inrcodec.encode(sys.argv[1], model=sys.argv[3], effort=int(sys.argv[4]), threads=2)
    inrcodec.decode(encoded, threads=2)
    with open(sys.argv[2], "wb") as file:
        file.write(encoded)

threading.Thread(target=work).start()
"""


@pytest.mark.parametrize(("model", "effort"), [("coolchic", 0), ("pe-siren", 1)])
def test_a_thread_encodes_when_the_main_script_has_ended(
    tmp_path: Path, model: str, effort: int
) -> None:
    """Large enough that other threads would help; nothing but the package is imported before."""
    source, target = tmp_path / "a.png", tmp_path / "a.inr"
    pixels = np.random.default_rng(0).integers(0, 255, (144, 144, 3), np.uint8)
    Image.fromarray(pixels).save(source)
    command = [sys.executable, "-c", LATE, str(source), str(target), model, str(effort)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200)
    assert done.stderr == ""
    wanted = inrcodec.encode(source, model=model, effort=effort, threads=2)
    assert target.read_bytes() == wanted


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_decodes(small: np.ndarray, model: str) -> None:
    data = inrcodec.encode(small, model=model, effort=1)
    wanted = inrcodec.decode(data)  # the parent's pool of threads exists
    context = multiprocessing.get_context("fork")
    answers = context.Queue()
    child = context.Process(target=lambda: answers.put(inrcodec.decode(data)))
    child.start()
    made = answers.get(timeout=60)
    child.join(60)
    assert child.exitcode == 0
    assert np.array_equal(made, wanted)


def test_options_and_results_can_be_pickled(small: np.ndarray) -> None:
    options = inrcodec.EncodeOptions(bpp=0.5, model="pe-siren", init="meta")
    data = inrcodec.encode(small, effort=1)
    job = inrcodec.encoding(small, effort=1)
    progress = next(iter(job))
    for value in (options, inrcodec.info(data), progress):
        assert pickle.loads(pickle.dumps(value)) == value
    picture = pickle.loads(pickle.dumps(inrcodec.decode_picture(data)))
    assert np.array_equal(picture.pixels, inrcodec.decode(data))
    error = pickle.loads(pickle.dumps(FormatError("cut", at=7)))
    assert (str(error), error.at) == ("cut (at byte 7)", 7)
