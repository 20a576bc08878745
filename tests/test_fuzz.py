import pytest

from tests import fuzz


def test_two_thousand_mutated_files() -> None:
    counts = fuzz.run(2000, seed=1)
    assert counts["refused"] > 500
    assert counts["decoded"] > 50
    assert counts["growth_bytes"] < fuzz.MAX_GROWTH_BYTES


@pytest.mark.slow
def test_twenty_thousand_mutated_files() -> None:
    counts = fuzz.run(20000, seed=2)
    assert counts["refused"] > 5000
    assert counts["decoded"] > 500
