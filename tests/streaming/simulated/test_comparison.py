"""Trials with a quality that is a function of the bytes: nothing is decoded."""

import math

import pytest

from inrcodec.streaming import Comparison, Conditions, Jpeg, PacketLoss

LINK = Conditions(PacketLoss(), 0.06, 125_000)


def share_of_file(size):
    """A PSNR that grows with what is there, up to 40 dB."""
    return lambda runs: 40.0 * sum(map(len, runs)) / size if sum(map(len, runs)) > 100 else math.nan


@pytest.fixture
def comparison(stream):
    data = bytes(range(256)) * 90
    quality = share_of_file(len(stream.data))
    return Comparison(stream, quality, Jpeg(data, share_of_file(len(data))))


@pytest.mark.parametrize("mode", ["fec", "nack", "reliable", "jpeg"])
def test_times_are_in_order(comparison, mode):
    trial = comparison.run(mode, LINK)
    assert (trial.mode, trial.seed, trial.session.complete) == (mode, 0, True)
    assert 0.06 <= trial.first_s <= trial.near_s <= trial.last_s
    assert trial.last_psnr_db == 40.0
    near = next(value for frame, value in trial.frames if frame.elapsed_s >= trial.near_s)
    assert near >= 0.95 * 40
    assert [frame.elapsed_s for frame, _ in trial.frames][-1] == trial.last_s


def test_nothing_to_see_is_nan(stream):
    blind = Comparison(stream, lambda runs: math.nan)
    trial = blind.run("nack", LINK)
    assert trial.frames == ()
    assert all(map(math.isnan, (trial.first_s, trial.near_s, trial.last_s, trial.last_psnr_db)))
    with pytest.raises(ValueError, match="jpeg"):
        blind.run("jpeg", LINK)


def test_an_exact_image_counts_as_60_db(stream):
    def quality(runs):
        size = sum(map(len, runs))
        return math.inf if size == len(stream.data) else 57.5 * size / len(stream.data)

    trial = Comparison(stream, quality).run("nack", LINK)
    assert trial.last_psnr_db == math.inf
    assert trial.near_s == next(f.elapsed_s for f, value in trial.frames if value >= 57)
