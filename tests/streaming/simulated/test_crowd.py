"""Crowds without sockets: all are served or ended, memory is that of those who are there."""

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

from inrcodec.errors import OptionError
from inrcodec.streaming.protocol.stream import Stream
from inrcodec.streaming.simulated.crowd import (
    OVERDUE,
    REFUSED,
    VANISHED,
    WHOLE,
    Rules,
    Visitors,
    simulate_crowd,
)

PROGRAM = Path(__file__).parents[2] / "programs" / "crowd_memory.py"


@pytest.fixture(scope="module")
def short() -> Stream:
    """Three layers of 2 kB."""
    return Stream(random.Random(0).randbytes(6000), [0, 2000, 4000], [])


def test_all_who_stay_have_the_whole_file_whatever_is_lost(short: Stream) -> None:
    staying = Visitors(count=300, per_s=100, packet_loss=0.2, silent=0.3, vanishing=0.0)
    report = simulate_crowd(short, staying)
    assert report.ends == {WHOLE: 300}
    assert report.sent_bytes > 300 * 6000
    assert report == simulate_crowd(short, staying)


def test_those_who_vanish_are_ended_and_leave_room(short: Stream) -> None:
    leaving = Visitors(count=300, per_s=20, packet_loss=0.0, silent=0.0, vanishing=1.0)
    report = simulate_crowd(short, leaving, Rules(silence_s=2.0, window=1))
    assert report.ends == {VANISHED: 300}
    assert report.most_at_once < 80  # 20 a second for 2 seconds each, and what chance adds


def test_a_server_takes_as_many_as_it_may(short: Stream) -> None:
    leaving = Visitors(count=200, per_s=1000, silent=0.0, vanishing=1.0)
    report = simulate_crowd(short, leaving, Rules(sessions=50, window=1))
    assert report.most_at_once == 50
    assert report.ends == {VANISHED: 50, REFUSED: 150}


def test_a_session_ends_in_time(short: Stream) -> None:
    stuck = Visitors(count=3, per_s=1, packet_loss=1.0, silent=0.0, vanishing=0.0)
    assert simulate_crowd(short, stuck, Rules(session_s=5.0)).ends == {OVERDUE: 3}


@pytest.mark.parametrize(
    "wrong", [{"packet_loss": 1.5}, {"silent": 0.6, "vanishing": 0.6}, {"per_s": 0}, {"rtt_s": -1}]
)
def test_shares_that_are_none_are_refused(wrong: dict) -> None:
    with pytest.raises(OptionError, match="shares are 0 to 1"):
        Visitors(**{"count": 1, "per_s": 1, **wrong})


@pytest.mark.parametrize("sessions", [4000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_memory_is_flat(sessions: int) -> None:
    if not Path("/proc/self/status").exists():
        pytest.skip("needs /proc")
    done = subprocess.run([sys.executable, str(PROGRAM), str(sessions)], capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    report = json.loads(done.stdout)
    assert sum(report["ends"].values()) == sessions
    assert report["ends"][WHOLE] > 0.9 * sessions
    assert report["growth_bytes"] < 4 << 20  # keeping what a session has would take 40 kB each
