import pytest

from tests import fuzz, fuzz_targets, guided_fuzz


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


@pytest.mark.filterwarnings("ignore")
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


def test_the_fuzzer_knows_every_target() -> None:
    assert set(guided_fuzz.NAMES) == set(fuzz_targets.TARGETS)


@pytest.mark.parametrize(
    "kind", [SystemExit, GeneratorExit, type("PanicException", (BaseException,), {})]
)
def test_what_is_no_exception_is_a_failure_too(
    kind: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    def target(data: bytes) -> None:
        raise kind

    monkeypatch.setitem(fuzz_targets.TARGETS, "bad", (target, list, 10))
    with pytest.raises(AssertionError, match=kind.__name__):
        fuzz_targets.call("bad", b"")


def test_a_png_comes_back_with_its_checksums() -> None:
    for file in fuzz_targets.images():
        assert fuzz_targets.with_checksums(file) == file
