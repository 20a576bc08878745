"""Relative sensitivity and agreement with opinions, on numbers worked out by hand."""

import math

import numpy as np
import pytest
from scipy.stats import spearmanr

from inrcodec.errors import OptionError
from inrcodec.metrics.distortions.kadid import DISTORTIONS
from inrcodec.metrics.distortions.relative_sensitivity import (
    Score,
    agreement,
    relative_sensitivity,
    scores,
    sensitivity,
)
from inrcodec.metrics.judge import Judge


def test_equation_1_by_hand():
    """INRIQ paper, figure 5: 0.34 to 9.68 from level 1 to 3 is printed as 13.67."""
    steps, excluded = relative_sensitivity([0.34, 9.68], [1, 3])
    assert steps == [pytest.approx(13.7, abs=0.1)]
    assert not any(excluded.values())
    steps, _ = relative_sensitivity([40, 30, 15], [1, 2, 4])
    assert steps == pytest.approx([0.25, 0.5])


def test_the_cases_the_paper_excludes_are_counted():
    steps, excluded = relative_sensitivity([0.0, 2.0, math.inf, 3.0, 6.0], [1, 2, 0, 4, 0])
    assert steps == pytest.approx([1.0])
    assert excluded == {"zero_values": 1, "not_finite": 2, "zero_severities": 0}
    _, excluded = relative_sensitivity([1.0, 2.0, 3.0], [0.5, 0, -0.5])
    assert excluded["zero_severities"] == 1
    with pytest.raises(OptionError):
        relative_sensitivity([1.0], [1])


def rows(values, distortion="jpeg2000"):
    """One `Score` for each level of each picture; `values` (pictures, 5) of PSNR."""
    return [
        Score(f"image-{i}", distortion, level, {"psnr": float(value)})
        for i, line in enumerate(values)
        for level, value in enumerate(line, 1)
    ]


def test_sensitivity_averages_steps_then_pictures():
    d = DISTORTIONS["jpeg2000"].levels
    values = [[40, 36, 35, 30, 20], [42, 41, 39, 33, 34]]
    expected = [np.mean(relative_sensitivity(line, d)[0]) for line in values]
    result = sensitivity(rows(values), "psnr", "jpeg2000")
    assert result.mean == pytest.approx(np.mean(expected))
    assert min(expected) <= result.low <= result.mean <= result.high <= max(expected)
    assert result.steps == 8
    assert result.monotone == pytest.approx(7 / 8)


def test_types_through_the_identity_have_no_order_and_infinite_steps_are_out():
    values = [[30, 35, math.inf, 35, 30]]
    result = sensitivity(rows(values, "mean_shift"), "psnr", "mean_shift")
    assert result.monotone is None
    assert result.not_finite == 2
    assert result.steps == 2
    with pytest.raises(OptionError, match="five levels"):
        sensitivity(rows(values, "mean_shift"), "psnr", "jpeg")


def test_agreement_is_spearmans_with_infinities_best():
    random = np.random.default_rng(0)
    opinions = {(t, level): random.random() for t in ("jpeg", "jitter") for level in range(1, 6)}
    values = {key: 30 + 5 * random.random() for key in opinions}
    best = max(opinions, key=opinions.__getitem__)
    values[best] = math.inf
    data = [Score("a", *key, {"psnr": value}) for key, value in values.items()]
    finite = [min(value, 1e9) for value in values.values()]
    result = agreement(data, "psnr", opinions)
    assert result.srcc == pytest.approx(spearmanr(finite, list(opinions.values())).statistic)
    assert result.conditions == 10
    assert result.low == pytest.approx(result.srcc)  # one picture: every resample is the same


def test_agreement_is_positive_where_a_distance_agrees():
    opinions = {("jpeg", level): 6.0 - level for level in range(1, 6)}
    data = [Score("a", "jpeg", level, {"iem": level * 2.0}) for level in range(1, 6)]
    assert agreement(data, "iem", opinions).srcc == pytest.approx(1)
    incomplete = [*data, Score("b", "jpeg", 1, {"iem": 1.0})]
    with pytest.raises(OptionError, match="lacks"):
        agreement(incomplete, "iem", opinions)


def test_scores_cover_every_level_of_a_real_picture(photo):
    judge = Judge(photo, ["psnr", "ssim"])
    result = list(scores("coffee", photo, judge, ["white_noise", "gaussian_blur"]))
    assert [(s.distortion, s.level) for s in result] == [
        (name, level) for name in ("white_noise", "gaussian_blur") for level in range(1, 6)
    ]
    noise = [s.values["psnr"] for s in result[:5]]
    assert noise == sorted(noise, reverse=True)
