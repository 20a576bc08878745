"""How well metrics agree with the opinions of a data set."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inrcodec.errors import OptionError
from inrcodec.metrics.correlation import (
    FEWEST,
    RESAMPLES,
    Values,
    as_values,
    interval,
    krcc,
    linearised,
    pearson,
    srcc,
)
from inrcodec.metrics.metric_table import metric
from inrcodec.metrics.opinions.records import Choice, Rating

Indices = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A statistic and its 95 % bootstrap interval over references; NaN where it has none."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Correlations:
    """Correlations of a metric with opinions: positive where they agree, however both point.

    PLCC is that after a logistic fitted to all pairs; its interval keeps the logistic.
    """

    srcc: Estimate
    krcc: Estimate
    plcc: Estimate
    images: int


@dataclass(frozen=True, slots=True)
class RatedAgreement:
    """One metric on a rated set: over all images, and over those of each type."""

    overall: Correlations
    types: Mapping[str, Correlations]


@dataclass(frozen=True, slots=True)
class ChoiceAgreement:
    """One metric on a set of choices: the mean share of people who agree with it (2AFC score).

    `ceiling` is what always choosing with the majority would reach.
    """

    overall: Estimate
    types: Mapping[str, Estimate]
    ceiling: float
    choices: int


def rated_agreement(
    name: str,
    values: Sequence[float],
    ratings: Sequence[Rating],
    *,
    higher_is_better: bool,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> RatedAgreement:
    """Correlate the values of a metric, one for each rating, with the opinions.

    Raises `OptionError` for fewer than `FEWEST` ratings, and for NaN among the values.
    """
    found = _checked(name, values, len(ratings))
    sign = 1 if metric(name).higher_is_better else -1
    opinions = as_values([r.opinion for r in ratings]) * (1 if higher_is_better else -1)
    references = np.array([str(r.reference) for r in ratings])
    types = np.array([r.type for r in ratings])

    def of(kept: Indices) -> Correlations:
        return _correlations(sign * found[kept], opinions[kept], references[kept], seed, resamples)

    every = np.arange(len(ratings))
    by_type = {str(t): of(every[types == t]) for t in sorted(set(types))}
    return RatedAgreement(of(every), by_type)


def choice_agreement(
    name: str,
    first: Sequence[float],
    second: Sequence[float],
    choices: Sequence[Choice],
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> ChoiceAgreement:
    """Compare which of two versions a metric finds nearer with what people said.

    `first` and `second` have the metric of both versions of each choice. A tie agrees with half of
    the people. Raises `OptionError` as `rated_agreement` does.
    """
    sign = 1 if metric(name).higher_is_better else -1
    one, two = (_checked(name, values, len(choices)) for values in (first, second))
    nearer = np.where(one == two, 0.5, np.where(sign * two > sign * one, 1.0, 0.0))
    shares = as_values([choice.share for choice in choices])
    agreed = nearer * shares + (1 - nearer) * (1 - shares)
    types = np.array([choice.type for choice in choices])

    def of(kept: Values) -> Estimate:
        groups = [np.array([i]) for i in range(len(kept))]
        return _estimate(lambda i: float(kept[i].mean()), groups, seed, resamples)

    return ChoiceAgreement(
        of(agreed),
        {str(t): of(agreed[types == t]) for t in sorted(set(types))},
        float(np.maximum(shares, 1 - shares).mean()),
        len(choices),
    )


def _checked(name: str, values: Sequence[float], wanted: int) -> Values:
    """The values as an array; raises `OptionError` for what has no agreement."""
    found = as_values(values)
    if len(found) != wanted:
        raise OptionError(f"{len(found)} values of {name} for {wanted} opinions")
    if len(found) < FEWEST:
        raise OptionError(f"{len(found)} opinions; need {FEWEST} or more")
    if np.isnan(found).any():
        raise OptionError(f"{name} is NaN for some image")
    return found


def _correlations(
    values: Values, opinions: Values, references: NDArray[np.str_], seed: int, resamples: int
) -> Correlations:
    """All three of some pairs, resampled by reference."""
    groups = [np.flatnonzero(references == r) for r in sorted(set(references))]
    linear = linearised(values, opinions)
    return Correlations(
        _estimate(lambda i: srcc(values[i], opinions[i]), groups, seed, resamples),
        _estimate(lambda i: krcc(values[i], opinions[i]), groups, seed, resamples),
        _estimate(lambda i: pearson(linear[i], opinions[i]), groups, seed, resamples),
        len(values),
    )


def _estimate(
    statistic: Callable[[Indices], float], groups: Sequence[Indices], seed: int, resamples: int
) -> Estimate:
    """A statistic of all pairs, and its interval."""
    whole = statistic(np.concatenate(groups))
    return Estimate(whole, *interval(statistic, groups, seed, resamples))
