"""Threads, forks and pickles: what a program around this one does must not be felt by either."""

import multiprocessing
import pickle

import numpy as np
import pytest
import torch

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
def test_a_caller_keeps_its_threads_between_steps(
    small: np.ndarray, model: str, two_threads: object
) -> None:
    job = inrcodec.encoding(small, model=model, effort=1, threads=1)
    for _ in job:
        assert torch.get_num_threads() == 2
    job.finish()
    assert torch.get_num_threads() == 2


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
