"""How well values of a metric agree with opinions: correlations, and intervals by resampling.

SRCC and KRCC compare orders; PLCC compares values after a logistic was fitted, since neither
opinions nor metrics have a linear scale (VQEG, "Final report from the Video Quality Experts Group
on the validation of objective models of video quality assessment", 2000; the five-parameter
function is that of Sheikh, Sabir and Bovik, IEEE Transactions on Image Processing 15(11), 2006,
equation 10).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
Statistic = Callable[[Values, Values], float]

RESAMPLES = 1000
EVALUATIONS = 4000
"""Most evaluations of the logistic while it is fitted."""

FEWEST = 3
"""Fewest pairs that have a correlation."""


def srcc(one: Values, two: Values) -> float:
    """Spearman's rank correlation; ties share a mean rank, infinities rank as the extremes.

    NaN where either is constant.
    """
    from scipy.stats import rankdata

    return _pearson(rankdata(one), rankdata(two))


def krcc(one: Values, two: Values) -> float:
    """Kendall's rank correlation tau-b; NaN where either is constant."""
    from scipy.stats import kendalltau

    return float(kendalltau(one, two).statistic)


def plcc(values: Values, opinions: Values) -> float:
    """Pearson's correlation of opinions with the logistic fitted to them.

    An infinite value, such as the PSNR of identical images, counts as the nearest finite one. NaN
    for fewer than `FEWEST` pairs, and where either is constant.
    """
    if len(values) < FEWEST:
        return math.nan
    finite = values[np.isfinite(values)]
    if not len(finite) or np.ptp(finite) == 0 or np.ptp(opinions) == 0:
        return math.nan
    return _pearson(fitted(np.clip(values, finite.min(), finite.max()), opinions), opinions)


def fitted(values: Values, opinions: Values) -> Values:
    """What the logistic of five parameters, fitted by least squares, makes of values.

    b1 (1/2 - 1 / (1 + exp(b2 (v - b3)))) + b4 v + b5, with v scaled to unit deviation. Where the
    fit does not converge within `EVALUATIONS`, the straight line of least squares.
    """
    from scipy.optimize import curve_fit

    scaled = (values - values.mean()) / values.std()
    slope = math.copysign(1.0, _pearson(scaled, opinions) or 1.0)
    span = float(np.ptp(opinions))
    start = [slope * span, 1.0, 0.0, 0.0, float(opinions.mean())]
    try:
        found, _ = curve_fit(_logistic, scaled, opinions, start, maxfev=EVALUATIONS)
    except (RuntimeError, TypeError):  # too many evaluations; fewer pairs than parameters
        line = np.polyfit(scaled, opinions, 1)
        return np.asarray(np.polyval(line, scaled), np.float64)
    return _logistic(scaled, *found)


def _logistic(v: Values, b1: float, b2: float, b3: float, b4: float, b5: float) -> Values:
    """Evaluate the five-parameter logistic; the exponent is bounded so that none overflows."""
    steep = 1 / (1 + np.exp(np.clip(b2 * (v - b3), -500, 500)))
    return np.asarray(b1 * (0.5 - steep) + b4 * v + b5, np.float64)


def _pearson(one: Values, two: Values) -> float:
    """Pearson's correlation; NaN where either is constant."""
    a, b = one - one.mean(), two - two.mean()
    scale = math.sqrt(float((a * a).sum() * (b * b).sum()))
    return float((a * b).sum()) / scale if scale else math.nan


def interval(
    statistic: Callable[[NDArray[np.int64]], float],
    groups: Sequence[NDArray[np.int64]],
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> tuple[float, float]:
    """95 % bootstrap interval of a statistic of pairs, resampled by whole groups.

    `groups` are the indices of the pairs that belong together, such as all versions of one image,
    which are not independent; `statistic` maps indices to a value. NaN is left out, and is the
    interval where nothing else is left.
    """
    random = np.random.default_rng(seed)
    draws = (random.integers(len(groups), size=len(groups)) for _ in range(resamples))
    found = [statistic(np.concatenate([groups[i] for i in draw])) for draw in draws]
    kept = [value for value in found if not math.isnan(value)]
    if not kept:
        return math.nan, math.nan
    low, high = np.quantile(kept, [0.025, 0.975])
    return float(low), float(high)


def as_values(values: Any) -> Values:
    """Numbers as an array of floats."""
    return np.asarray(values, np.float64)
