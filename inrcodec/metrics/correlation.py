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
EVALUATIONS = 200
"""Most evaluations of the logistic while it is fitted."""

FEWEST = 3
"""Fewest pairs that have a correlation."""


def srcc(one: Values, two: Values) -> float:
    """Spearman's rank correlation; ties share a mean rank, infinities rank as the extremes.

    NaN where either is constant, and for fewer than `FEWEST` pairs.
    """
    from scipy.stats import rankdata

    return pearson(rankdata(one), rankdata(two)) if len(one) >= FEWEST else math.nan


def krcc(one: Values, two: Values) -> float:
    """Kendall's rank correlation tau-b; NaN where `srcc` is."""
    from scipy.stats import kendalltau

    if len(one) < FEWEST:
        return math.nan
    return float(kendalltau(one, two, method="asymptotic").statistic)


def pearson(one: Values, two: Values) -> float:
    """Pearson's correlation; NaN where either is constant."""
    a, b = one - one.mean(), two - two.mean()
    scale = math.sqrt(float((a * a).sum() * (b * b).sum()))
    return float((a * b).sum()) / scale if scale else math.nan


def plcc(values: Values, opinions: Values) -> float:
    """Pearson's correlation of opinions with the logistic fitted to them; NaN without variation."""
    return pearson(linearised(values, opinions), opinions)


def linearised(values: Values, opinions: Values) -> Values:
    """The opinions that a logistic, fitted by least squares, tells from values.

    An infinite value, such as the PSNR of identical images, counts as the nearest finite one.
    Where there is nothing to fit, all are 0.
    """
    finite = values[np.isfinite(values)]
    if len(values) < FEWEST or not len(finite) or not np.ptp(finite) or not np.ptp(opinions):
        return np.zeros(len(values))
    return _fitted(np.clip(values, finite.min(), finite.max()), opinions)


def _fitted(values: Values, opinions: Values) -> Values:
    """What the logistic of five parameters, fitted by least squares, makes of values.

    b1 (1/2 - 1 / (1 + exp(b2 (v - b3)))) + b4 v + b5, with v scaled to unit deviation. The fit
    starts at a slope of the right sign and ends after `EVALUATIONS` at the latest.
    """
    from scipy.optimize import least_squares

    scaled = (values - values.mean()) / values.std()
    slope = math.copysign(1.0, pearson(scaled, opinions))
    start = [slope * float(np.ptp(opinions)), 1.0, 0.0, 0.0, float(opinions.mean())]
    found = least_squares(
        lambda b: _logistic(scaled, *b) - opinions, start, max_nfev=EVALUATIONS, x_scale="jac"
    )
    return _logistic(scaled, *found.x)


def _logistic(v: Values, b1: float, b2: float, b3: float, b4: float, b5: float) -> Values:
    """Evaluate the five-parameter logistic; the exponent is bounded so that none overflows."""
    steep = 1 / (1 + np.exp(np.clip(b2 * (v - b3), -500, 500)))
    return np.asarray(b1 * (0.5 - steep) + b4 * v + b5, np.float64)


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
