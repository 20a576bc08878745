import pytest

from tests import fuzz, fuzz_targets


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


@pytest.mark.parametrize("name", sorted(fuzz_targets.TARGETS))
def test_the_targets_of_guided_fuzzing_take_their_seeds_and_cut_ones(name: str) -> None:
    _, seeds, longest = fuzz_targets.TARGETS[name]
    taken = [fuzz_targets.call(name, seed) for seed in seeds()]
    assert any(taken)
    for seed in seeds():
        fuzz_targets.call(name, seed[: len(seed) // 2][:longest])
    fuzz_targets.call(name, b"")


def test_a_file_comes_back_from_its_sections() -> None:
    for path in (fuzz_targets.VECTORS / "valid").glob("*.inr"):
        file = path.read_bytes()
        assert fuzz_targets.repaired(fuzz_targets.sections_of(file)) == file
