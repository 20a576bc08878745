"""Times of a session, with times of our own."""

import pytest

from inrcodec.errors import StreamError
from inrcodec.streaming.client.failures import Unreachable
from inrcodec.streaming.client.pace import (
    FIRST_PATIENCE_S,
    HEARTBEAT_S,
    LEAST_PATIENCE_S,
    Pace,
)


@pytest.fixture
def pace():
    return Pace(100.0, connect_s=10.0, silence_s=6.0)


def test_channels_that_do_not_open(pace):
    pace.check(110.0)
    assert not pace.ping_due(110.0)
    assert not pace.ask_due(110.0)
    with pytest.raises(Unreachable):
        pace.check(110.1)


def test_nothing_new(pace):
    pace.opened(105.0)
    pace.check(111.0)
    pace.heard(110.0, news=False)
    with pytest.raises(StreamError, match="nothing new"):
        pace.check(111.1)
    pace.heard(111.0, news=True)
    pace.check(117.0)


def test_pings(pace):
    pace.opened(100.0)
    pace.pinged(100.0)
    assert not pace.ping_due(100.0 + HEARTBEAT_S)
    assert pace.ping_due(100.1 + HEARTBEAT_S)


def test_patience_follows_the_first_answer(pace):
    assert pace.patience == FIRST_PATIENCE_S
    pace.pinged(100.0)
    pace.answered(100.2)
    assert pace.patience == pytest.approx(0.3)
    pace.answered(105.0)
    assert pace.patience == pytest.approx(0.3)
    pace.pinged(106.0)
    pace.answered(106.001)
    assert pace.patience == LEAST_PATIENCE_S


def test_asking_after_a_silence(pace):
    pace.opened(100.0)
    assert not pace.ask_due(100.0 + FIRST_PATIENCE_S)
    assert pace.ask_due(100.1 + FIRST_PATIENCE_S)
    pace.asked(101.0)
    assert not pace.ask_due(101.1)
    pace.heard(102.0, news=False)
    assert not pace.ask_due(102.0 + FIRST_PATIENCE_S)
    assert pace.ask_due(102.6)
