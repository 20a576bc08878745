"""The search for a size: what is written, and what only foreseen."""

from collections.abc import Iterator

from inrcodec.codec.entropy.quantized import Quantized
from inrcodec.codec.fitting.goal_search import Candidate, Foreseen, GoalSearch
from inrcodec.codec.fitting.rate_control import Goal


class Large:
    """A fit of 10,300 bytes at any lambda, of which an offset takes twice its share, and more than
    was foreseen."""

    lmbda, late, is_fitted = 1e-3, False, False

    def __init__(self, surprise: float = 1.0) -> None:
        self.surprise, self.offsets, self.refits = surprise, [], 0

    def refit(self, lmbda: float) -> Iterator[float]:
        self.refits += 1
        yield 1.0

    def written(self, networks: list[Quantized] | None = None, offset: float = 0.0) -> Candidate:
        self.offsets.append(offset)
        size = 10_300 * (1 - 2 * offset) * (self.surprise if offset else 1.0)
        return Candidate(bytes(round(size)), 35 - 20 * abs(offset), [])

    def tried(self, latest: Candidate, offset: float) -> Candidate | Foreseen:
        size = len(latest.data) * (1 - 2 * offset)
        return Foreseen((round(size), latest.psnr_db - 20 * abs(offset)), offset)


def test_of_what_is_foreseen_only_the_best_is_written() -> None:
    fit = Large()
    search = GoalSearch(fit, Goal(1e-3, size_bytes=10_000))
    for _ in search:
        pass
    assert 9_700 <= len(search.result()) <= 10_000
    assert len(fit.offsets) == 2
    assert fit.offsets[1] > 0
    assert fit.refits == 0


def test_a_file_is_judged_by_what_was_written_of_it() -> None:
    fit = Large(surprise=1.05)
    search = GoalSearch(fit, Goal(1e-3, size_bytes=10_000))
    next(iter(search))  # the file foreseen to fit does not, so the search goes on
    assert fit.refits == 1
    assert search.best is not None
    assert len(search.best.data) == 10_300


def test_nothing_is_written_where_rounding_does_not_help() -> None:
    fit = Large()
    search = GoalSearch(fit, Goal(1e-3, size_bytes=10_800))
    next(iter(search))  # more bytes that buy nothing are foreseen, and not written
    assert fit.offsets == [0.0]
