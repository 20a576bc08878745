"""The time left, against batches whose times are known."""

import random

import pytest

from inrcodec.batch.estimate import FEWEST, Estimate, Left
from inrcodec.cli.batch_view import time_left


def told(times: list[tuple[int, float]]) -> Estimate:
    estimate = Estimate()
    for size, seconds in times:
        estimate.add(size, seconds)
    return estimate


def test_nothing_is_told_of_a_few() -> None:
    few = [(100, 1.0)] * (FEWEST - 1)
    assert told(few).left(10, 1000, [], 1) is None
    assert told([*few, (100, 1.0)]).left(10, 1000, [], 1) is not None


@pytest.mark.parametrize("jobs", [1, 4])
def test_items_that_take_alike_are_told_exactly(jobs: int) -> None:
    sizes = [100, 900, 300, 500, 700]
    left = told([(size, 2.0) for size in sizes]).left(40, 99_999, [(50, 0.5)], jobs)
    assert left is not None
    assert left.least_s == pytest.approx((80 + 1.5) / jobs)
    assert left.most_s == pytest.approx(left.least_s)


def test_a_time_that_grows_with_the_bytes_is_found() -> None:
    sizes = [100, 900, 300, 500, 700]
    left = told([(size, 1 + size / 100) for size in sizes]).left(3, 6000, [], 1)
    assert left is not None
    assert left.least_s == pytest.approx(63)
    assert left.most_s == pytest.approx(63)


def test_one_that_runs_bounds_what_many_jobs_can_do() -> None:
    left = told([(100, 10.0)] * 5).left(0, 0, [(100, 2.0), (100, 9.5)], 2)
    assert left == Left(8.0, 8.0)
    overdue = told([(100, 10.0)] * 5).left(0, 0, [(100, 30.0)], 1)
    assert overdue == Left(0.0, 0.0)


def test_times_never_shrink_with_the_bytes_nor_begin_below_zero() -> None:
    falling = told([(100, 9.0), (200, 8.0), (300, 7.0), (400, 6.0)]).left(1, 250, [], 1)
    assert falling is not None
    assert 0 < falling.least_s < 7.5 < falling.most_s
    steep = told([(100, 0.0), (200, 1.0), (300, 2.0), (400, 3.0)]).left(1, 0, [], 1)
    assert steep is not None
    assert steep.most_s >= steep.least_s >= 0


@pytest.mark.parametrize("done", [10, 50])
def test_the_truth_is_mostly_between_the_two(done: int) -> None:
    generator = random.Random(done)
    inside = 0
    for _ in range(300):
        sizes = [int(generator.lognormvariate(12, 0.7)) for _ in range(150)]
        times = [0.5 + size * 2e-6 * generator.lognormvariate(0, 0.3) for size in sizes]
        estimate = told(list(zip(sizes[:done], times[:done], strict=True)))
        left = estimate.left(150 - done, sum(sizes[done:]), [], 1)
        assert left is not None
        assert left.most_s < 3 * max(left.least_s, sum(times[done:]) / 3)
        inside += left.least_s <= sum(times[done:]) <= left.most_s
    assert inside >= 0.85 * 300


@pytest.mark.parametrize(
    ("left", "text"),
    [
        (None, "time left not known yet"),
        (Left(0.1, 0.2), "about 1 s left"),
        (Left(40, 99), "40 to 99 s left"),
        (Left(110, 190), "2 to 3 min left"),
        (Left(600, 605), "about 10 min left"),
        (Left(7000, 20000), "2 to 6 h left"),
    ],
)
def test_words(left: Left | None, text: str) -> None:
    assert time_left(left) == text
