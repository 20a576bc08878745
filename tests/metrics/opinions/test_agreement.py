"""Correlations with opinions against SciPy, laws, and published scores."""

import csv
import math
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from inrcodec.errors import OptionError
from inrcodec.metrics.correlation import interval, krcc, linearised, plcc, srcc
from inrcodec.metrics.opinions.agreement import choice_agreement, rated_agreement
from inrcodec.metrics.opinions.records import Choice, Rating

PUBLISHED = Path(__file__).parents[4] / "shared/data/iqa"


FEW = {"resamples": 99}


def ratings(opinions: np.ndarray, references: int = 8) -> list[Rating]:
    """A rating for each opinion, of as many references and two types in turn."""
    return [
        Rating(Path(f"{i}.png"), Path(f"ref{i % references}.png"), f"type{i % 2}", float(value))
        for i, value in enumerate(opinions)
    ]


@pytest.fixture
def pairs() -> tuple[np.ndarray, np.ndarray]:
    """Values with ties, and opinions that a curve and noise make of them."""
    random = np.random.default_rng(0)
    values = np.round(random.uniform(20, 45, 120), 1)
    return values, 4 / (1 + np.exp(-(values - 32) / 3)) + random.normal(0, 0.3, 120)


def test_statistics_are_scipys(pairs: tuple[np.ndarray, np.ndarray]) -> None:
    values, opinions = pairs
    assert srcc(values, opinions) == pytest.approx(stats.spearmanr(values, opinions).statistic)
    assert krcc(values, opinions) == pytest.approx(stats.kendalltau(values, opinions).statistic)
    linear = stats.pearsonr(values, opinions).statistic
    assert linear + 0.005 < plcc(values, opinions) < 1  # the curve is one that the logistic knows
    best = stats.pearsonr(4 / (1 + np.exp(-(values - 32) / 3)), opinions).statistic
    assert plcc(values, opinions) >= best - 1e-4


def test_the_logistic_does_not_depend_on_direction_or_scale(
    pairs: tuple[np.ndarray, np.ndarray],
) -> None:
    values, opinions = pairs
    expected = plcc(values, opinions)
    assert plcc(-7 * values + 3, opinions) == pytest.approx(expected, abs=1e-5)
    assert plcc(values, 100 - 9 * opinions) == pytest.approx(expected, abs=1e-5)


def test_infinite_and_constant_values() -> None:
    values = np.array([30.0, 31.0, 35.0, math.inf, 40.0])
    opinions = np.array([1.0, 2.0, 3.0, 5.0, 4.0])
    assert srcc(values, opinions) == pytest.approx(1)
    assert krcc(values, opinions) == pytest.approx(1)
    assert plcc(values, opinions) > 0.9
    constant = np.ones(5)
    assert math.isnan(srcc(constant, opinions))
    assert math.isnan(plcc(constant, opinions))
    assert not linearised(constant, opinions).any()


def test_agreement_is_positive_however_both_point(pairs: tuple[np.ndarray, np.ndarray]) -> None:
    values, opinions = pairs
    up = rated_agreement(
        "psnr", list(values), ratings(opinions), higher_is_better=True, resamples=99
    )
    down = rated_agreement(
        "gmsd", list(-values), ratings(-opinions), higher_is_better=False, resamples=99
    )
    assert up.overall.srcc == down.overall.srcc
    assert up.overall.srcc.low < up.overall.srcc.value < up.overall.srcc.high
    assert up.overall.plcc.low < up.overall.plcc.value < up.overall.plcc.high
    assert set(up.types) == {"type0", "type1"}
    assert up.types["type0"].images == 60
    first = [r for r in ratings(opinions) if r.type == "type0"]
    alone = rated_agreement("psnr", list(values[::2]), first, higher_is_better=True, **FEW)
    assert alone.overall == up.types["type0"]


def test_intervals_are_over_references(pairs: tuple[np.ndarray, np.ndarray]) -> None:
    """One reference gives no interval but the value itself; the same images twice are no news."""
    values, opinions = pairs
    (one,) = [
        rated_agreement(
            "psnr", values, ratings(opinions, 1), higher_is_better=True, resamples=99
        ).overall
    ]
    assert one.srcc.low == one.srcc.high == pytest.approx(one.srcc.value)
    groups = [np.array([i]) for i in range(120)]
    low, high = interval(lambda i: float(opinions[i].mean()), groups)
    wide = 2 * 1.96 * opinions.std() / math.sqrt(120)
    assert high - low == pytest.approx(wide, rel=0.1)


def choices(shares: list[float]) -> list[Choice]:
    return [
        Choice(Path(f"{i}a"), Path(f"{i}b"), Path(f"{i}r"), "x" if i else "y", share)
        for i, share in enumerate(shares)
    ]


def test_choices_by_hand() -> None:
    """PSNR prefers the second, the first, neither, the second: 0.9, 1 - 0.2, 1/2, 0.3."""
    said = choices([0.9, 0.2, 1, 0.3])
    found = choice_agreement("psnr", [30, 40, 35, 20], [35, 30, 35, 21], said)
    assert found.overall.value == pytest.approx((0.9 + 0.8 + 0.5 + 0.3) / 4)
    assert found.types["y"].value == pytest.approx(0.9)
    assert found.ceiling == pytest.approx((0.9 + 0.8 + 1 + 0.7) / 4)
    other = choice_agreement("lpips-alex", [3, 4, 3, 2], [4, 3, 3, 3], said)
    assert other.overall.value == pytest.approx((0.1 + 0.2 + 0.5 + 0.7) / 4)


def test_what_has_no_agreement_is_refused() -> None:
    with pytest.raises(OptionError, match="2 opinions; need 3"):
        rated_agreement(
            "psnr", [1, 2], ratings(np.array([1, 2])), higher_is_better=True, resamples=99
        )
    with pytest.raises(OptionError, match="NaN"):
        rated_agreement(
            "psnr", [1, 2, math.nan], ratings(np.array([1, 2, 3])), higher_is_better=True
        )
    with pytest.raises(OptionError, match="2 values of psnr for 3"):
        rated_agreement(
            "psnr", [1, 2], ratings(np.array([1, 2, 3])), higher_is_better=True, resamples=99
        )


@pytest.mark.skipif(not PUBLISHED.is_dir(), reason="the published scores are not here")
@pytest.mark.parametrize(
    ("name", "opinion", "images"), [("kadid10k", "dmos", 10125), ("tid2013", "mos", 3000)]
)
def test_published_scores(name: str, opinion: str, images: int) -> None:
    """Butteraugli of the authors' tool on whole data sets; SciPy agrees to the last digits."""
    folder = PUBLISHED / name
    (table,) = folder.glob("*VQMT.csv")
    with table.open() as file:
        rows = list(csv.DictReader(file))
    found = [
        Rating(Path(r["dist_img"]), Path(r["ref_img"].lower()), r["dst_type"], float(r[opinion]))
        for r in rows
    ]
    values = [float(row["Butteraugli_XL_3m"]) for row in rows]
    agreed = rated_agreement(
        "butteraugli-3norm", values, found, higher_is_better=True, resamples=20
    )
    opinions = [r.opinion for r in found]
    assert agreed.overall.images == images
    expected = -stats.spearmanr(values, opinions).statistic
    assert agreed.overall.srcc.value == pytest.approx(expected)
    assert agreed.overall.srcc.low < expected < agreed.overall.srcc.high
    assert 0.35 < agreed.overall.krcc.value < expected < 0.8
    assert len(agreed.types) == (25 if name == "kadid10k" else 24)
