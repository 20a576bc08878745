"""The clock of an encode: what a time limit leaves for the fit, and when there is time for more."""

import math

import pytest

from inrcodec.codec.fitting.coolchic.pace import Pace
from inrcodec.codec.fitting.coolchic.schedule import SCHEDULE
from inrcodec.codec.fitting.plan import WITHOUT_LIMIT
from tests.latent_files import coolchic

WIDTH, HEIGHT = 768, 512
COMPENSATION_S = SCHEDULE.compensation_s


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def a_pace(limit: float | None, width: int = WIDTH, height: int = HEIGHT) -> tuple[Pace, Clock]:
    clock = Clock()
    return Pace(coolchic(width, height), 1, limit, SCHEDULE, clock, 0.0), clock


def test_without_a_limit_an_effort_has_its_steps() -> None:
    pace, _ = a_pace(None)
    assert pace.steps(5, unlike=False) == SCHEDULE.effort_steps[5]
    assert pace.budget(700) == (None, 700)


def test_a_limit_too_short_for_a_fit_leaves_none() -> None:
    assert a_pace(1.0)[0].steps(5, unlike=False) == 0
    assert a_pace(10.0)[0].steps(5, unlike=False) == WITHOUT_LIMIT


def test_a_long_limit_keeps_time_for_compensation_and_a_short_one_does_not() -> None:
    def kept(limit: float) -> float:
        seconds, _ = a_pace(limit)[0].budget(WITHOUT_LIMIT)
        assert seconds is not None
        return limit - seconds

    assert kept(60) == pytest.approx(kept(5) + COMPENSATION_S)


def test_networks_are_compensated_after_fits_that_are_worth_it() -> None:
    pace, _ = a_pace(None)
    assert not pace.compensates(SCHEDULE.compensated_rounds - 1)
    assert pace.compensates(SCHEDULE.compensated_rounds)
    large, _ = a_pace(None, 4096, 4096)
    share = SCHEDULE.windows_a_round(coolchic(4096, 4096))
    assert not large.compensates(SCHEDULE.compensated_rounds)
    assert large.compensates(math.ceil(share * SCHEDULE.compensated_rounds))


def test_networks_are_not_compensated_without_time() -> None:
    pace, clock = a_pace(20.0)
    clock.now = 20.0 - COMPENSATION_S - 0.01
    assert pace.compensates(500)
    clock.now += 0.02
    assert not pace.compensates(500)
    waiting, _ = a_pace(None)
    waiting.hurry()
    assert not waiting.compensates(500)
