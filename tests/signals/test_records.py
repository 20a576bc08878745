"""Sound and rates: what they are, and what is none."""

from fractions import Fraction

import numpy as np
import pytest

from inrcodec.errors import ImageError
from inrcodec.signals.records import MAX_RATE, Sound, nearest_rate, snr


@pytest.mark.parametrize(
    "samples",
    [np.zeros((0, 1), np.int16), np.zeros((5, 3), np.int16), np.zeros(5, np.int16),
     np.zeros((5, 1), np.uint8)],
)  # fmt: skip
def test_what_is_no_sound_is_refused(samples: np.ndarray) -> None:
    with pytest.raises(ImageError):
        Sound(samples, 8000)


def test_every_rate_has_a_nearest_one() -> None:
    assert nearest_rate(Fraction(30000, 1001)) == Fraction(30000, 1001)
    assert nearest_rate(Fraction(1, 1 << 44)) == Fraction(1, MAX_RATE)
    assert nearest_rate(Fraction(1 << 30)) == MAX_RATE
    assert nearest_rate(Fraction((1 << 25) + 1, 2)) == MAX_RATE
    for rate in (Fraction(2**40 + 1, 2**39), Fraction(3, 2**26)):
        found = nearest_rate(rate)
        assert 0 < found.numerator <= MAX_RATE
        assert found.denominator <= MAX_RATE


def test_signal_to_noise_ratio() -> None:
    wanted = np.array([[300], [-400]], np.int16)
    assert snr(wanted, wanted) == np.inf
    assert snr(wanted, wanted * np.int16(0)) == 0
    assert snr(wanted, np.array([[250], [-400]], np.int16)) == pytest.approx(20)
    assert snr(wanted * np.int16(0), wanted) == -np.inf
    with pytest.raises(ImageError, match="differ"):
        snr(wanted, wanted[:1])
