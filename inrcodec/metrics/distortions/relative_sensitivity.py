"""Measure how metrics respond to growing distortion, and whether people agree with them.

Relative sensitivity (INRIQ paper, equations 1 and 2): with M_i the value of a metric at level i of
a distortion and d_i the parameter of that level,

    S(M, i) = |((M_(i+1) - M_i) / M_i) / ((d_(i+1) - d_i) / d_i)|,    S(M) = mean of S(M, i).

Steps that start at M_i = 0, touch an infinite value or NaN, start at d_i = 0 or leave d as it is
have no S; the paper leaves such cases out, and here they are counted. Responding strongly is no
merit by itself, so beside it stands the agreement with mean opinion scores, as a rank correlation
(SRCC).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from inrcodec.errors import OptionError
from inrcodec.metrics.correlation import FEWEST, RESAMPLES, srcc
from inrcodec.metrics.distortions.kadid import DISTORTIONS, LEVELS, distort
from inrcodec.metrics.judge import Judge
from inrcodec.metrics.metric_table import metric

UNORDERED = ("mean_shift", "contrast_change")
"""Types that are mildest at a middle level: they have no order to be monotone in."""


@dataclass(frozen=True, slots=True)
class Score:
    """The value of every metric for one image under one distortion at one level."""

    image: str
    distortion: str
    level: int
    values: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """S of equation 2 for one metric and one distortion, averaged over images.

    `low`, `high`: 95 % bootstrap interval over images. `steps` of `steps` + the three counts of
    excluded ones went in. `monotone`: share of steps at which the metric gets worse as the level
    rises; None for types without an order. All are None if every step was excluded.
    """

    mean: float | None
    low: float | None
    high: float | None
    steps: int
    zero_values: int
    not_finite: int
    zero_severities: int
    monotone: float | None


@dataclass(frozen=True, slots=True)
class Agreement:
    """Spearman's rank correlation of a metric with opinion scores over types and levels.

    Positive where the metric and people agree, whichever way the metric points. `low`, `high`: 95 %
    bootstrap interval over images. `within_types`: mean over types of the correlation over their
    levels.
    """

    srcc: float
    low: float
    high: float
    within_types: float
    conditions: int


def scores(
    image: str,
    pixels: NDArray[np.uint8],
    judge: Judge,
    distortions: Iterable[str] = tuple(DISTORTIONS),
    *,
    seed: int = 0,
) -> Iterator[Score]:
    """Score every level of these distortions of one image; `judge` holds it as the reference.

    `pixels` (H, W, 3) uint8. Raises `OptionError` for an unknown distortion.
    """
    for name in distortions:
        for level in LEVELS:
            yield Score(image, name, level, judge.score(distort(pixels, name, level, seed=seed)))


def relative_sensitivity(
    values: Sequence[float], severities: Sequence[float]
) -> tuple[list[float], dict[str, int]]:
    """Compute S(M, i) of every step that has one (equation 1); count the excluded steps.

    `values` M_1..M_L, `severities` d_1..d_L. Reasons: "zero_values", "not_finite",
    "zero_severities".
    """
    if len(values) != len(severities) or len(values) < 2:
        raise OptionError(f"{len(values)} values for {len(severities)} levels; need 2 or more")
    steps: list[float] = []
    excluded = dict.fromkeys(("zero_values", "not_finite", "zero_severities"), 0)
    for m, after, d, d_after in zip(values, values[1:], severities, severities[1:], strict=False):
        if not (math.isfinite(m) and math.isfinite(after)):
            excluded["not_finite"] += 1
        elif m == 0:
            excluded["zero_values"] += 1
        elif d == 0 or d_after == d:
            excluded["zero_severities"] += 1
        else:
            steps.append(abs(((after - m) / m) / ((d_after - d) / d)))
    return steps, excluded


def sensitivity(rows: Iterable[Score], name: str, distortion: str, seed: int = 0) -> Sensitivity:
    """Average the sensitivity of one metric to one distortion over the images in `rows`."""
    if distortion not in DISTORTIONS:
        raise OptionError(f"unknown distortion {distortion!r}; known: {', '.join(DISTORTIONS)}")
    severities = DISTORTIONS[distortion].levels
    means, counts, used, ordered = [], dict[str, int](), 0, []
    direction = -1 if metric(name).higher_is_better else 1
    for values in _by_image(rows, name, distortion).values():
        steps, excluded = relative_sensitivity(values, severities)
        counts = {reason: counts.get(reason, 0) + excluded[reason] for reason in excluded}
        used += len(steps)
        if steps:
            means.append(sum(steps) / len(steps))
        ordered += [direction * after > direction * before for before, after in pairwise(values)]
    if not ordered:
        raise OptionError(f"no image has all five levels of {distortion} scored by {name}")
    low, high = _interval(np.array(means), seed) if means else (None, None)
    return Sensitivity(
        mean=float(np.mean(means)) if means else None,
        low=low,
        high=high,
        steps=used,
        **counts,
        monotone=None if distortion in UNORDERED else sum(ordered) / len(ordered),
    )


def agreement(
    rows: Iterable[Score], name: str, opinions: Mapping[tuple[str, int], float], seed: int = 0
) -> Agreement:
    """Correlate a metric, averaged over images, with opinion scores (higher is better): SRCC.

    `opinions` maps (distortion, level) to a mean opinion score; only conditions in both count.
    """
    kept = [row for row in rows if (row.distortion, row.level) in opinions and name in row.values]
    conditions = sorted({(row.distortion, row.level) for row in kept})
    images = sorted({row.image for row in kept})
    if len(conditions) < FEWEST:
        raise OptionError(
            f"{len(conditions)} conditions with opinion scores; need {FEWEST} or more"
        )
    table = np.zeros((len(images), len(conditions)))
    scored = np.zeros(table.shape, bool)
    for row in kept:
        place = images.index(row.image), conditions.index((row.distortion, row.level))
        table[place], scored[place] = row.values[name], True
    if not scored.all():
        raise OptionError("some image lacks some condition: score all of them first")
    if np.isnan(table).any():
        raise OptionError(f"{name} is NaN for some image")
    sign = 1 if metric(name).higher_is_better else -1
    opinion = np.array([opinions[condition] for condition in conditions])
    random = np.random.default_rng(seed)
    resampled = [
        sign * srcc(table[random.integers(len(images), size=len(images))].mean(0), opinion)
        for _ in range(RESAMPLES)
    ]
    low, high = np.quantile(resampled, [0.025, 0.975])
    means = table.mean(0)
    types = np.array([distortion for distortion, _ in conditions])
    within = [sign * srcc(means[types == t], opinion[types == t]) for t in sorted(set(types))]
    within = [value for value in within if not math.isnan(value)]
    return Agreement(
        srcc=sign * srcc(means, opinion),
        low=float(low),
        high=float(high),
        within_types=sum(within) / len(within) if within else math.nan,
        conditions=len(conditions),
    )


def _by_image(rows: Iterable[Score], name: str, distortion: str) -> dict[str, list[float]]:
    """Collect the values at levels 1 to 5 of every image that has them all."""
    found: dict[str, dict[int, float]] = {}
    for row in rows:
        if row.distortion == distortion and name in row.values:
            found.setdefault(row.image, {})[row.level] = row.values[name]
    return {
        image: [values[level] for level in LEVELS]
        for image, values in found.items()
        if len(values) == len(LEVELS)
    }


def _interval(means: NDArray[np.float64], seed: int) -> tuple[float, float]:
    """95 % bootstrap interval of a mean over images."""
    random = np.random.default_rng(seed)
    draws = means[random.integers(len(means), size=(RESAMPLES, len(means)))].mean(1)
    low, high = np.quantile(draws, [0.025, 0.975])
    return float(low), float(high)
