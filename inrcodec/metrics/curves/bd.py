"""Bjøntegaard deltas: how much rate, or how much quality, one codec saves over another.

    bd_rate((anchor_bpp, anchor_psnr), (test_bpp, test_psnr)).value      # -30.0: 30 % fewer bits
    bd_metric((anchor_bpp, anchor_psnr), (test_bpp, test_psnr)).value    # +1.4: 1.4 dB more

A delta is the mean difference between two interpolated curves over the range that they share: of
the logarithm of the rate over the metric (`bd_rate`), or of the metric over the logarithm of the
rate (`bd_metric`). Sources: Bjøntegaard, VCEG-M33, 2001; with Akima or PCHIP interpolation in place
of its cubic polynomial, Herglotz et al., "Beyond Bjøntegaard: Limits of Video Compression
Performance Comparisons", ICIP 2022. Values equal those of Herglotz's package `bjontegaard` 1.3.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from inrcodec.errors import OptionError, RateError

FEWEST_POINTS = {"akima": 4, "pchip": 3}
"""Points that each curve must keep, by interpolation method."""

Curve = tuple[ArrayLike, ArrayLike]
"""Rates (any unit, above 0) and the metric at each, in any order."""

_Points = tuple[NDArray[np.float64], NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class Delta:
    """A Bjøntegaard delta, and how much of the curves it rests on.

    `value` is in percent for `bd_rate` (negative: the test codec needs fewer bits) and in units of
    the metric for `bd_metric` (test minus anchor). `overlap` is the share of the shorter range, of
    the metric or of the logarithm of the rate, that the curves have in common. `points` and
    `dropped` count (anchor, test).
    """

    value: float
    overlap: float
    points: tuple[int, int]
    dropped: tuple[int, int]


def bd_rate(
    anchor: Curve,
    test: Curve,
    *,
    method: str = "akima",
    higher_is_better: bool = True,
    least_overlap: float = 0.5,
) -> Delta:
    """Mean rate difference of `test` over `anchor` at equal metric, in percent.

    Dominated points are dropped. `higher_is_better` is False for a metric such as LPIPS. Raises
    `RateError` if the curves cannot be compared and `OptionError` if an argument makes no sense.
    """
    first, second, dropped = _prepare(anchor, test, method, higher_is_better)
    axis = "metric" if higher_is_better else "negated metric"
    overlap = _overlap(first[1], second[1], least_overlap, axis)
    by_metric = [(metric, np.log10(rates)) for rates, metric in (first, second)]
    value = 100 * (10 ** _mean_difference(by_metric[0], by_metric[1], method) - 1)
    return Delta(value, overlap, (first[0].size, second[0].size), dropped)


def bd_metric(
    anchor: Curve,
    test: Curve,
    *,
    method: str = "akima",
    higher_is_better: bool = True,
    least_overlap: float = 0.5,
) -> Delta:
    """Mean metric difference of `test` over `anchor` at equal rate, in units of the metric.

    The mean is over the logarithm of the rate. Everything else is as for `bd_rate`; where lower is
    better, a negative value is an improvement.
    """
    first, second, dropped = _prepare(anchor, test, method, higher_is_better)
    by_log_rate = [(np.log10(rates), metric) for rates, metric in (first, second)]
    overlap = _overlap(by_log_rate[0][0], by_log_rate[1][0], least_overlap, "log-rate")
    value = _mean_difference(by_log_rate[0], by_log_rate[1], method)
    sign = 1 if higher_is_better else -1
    return Delta(sign * value, overlap, (first[0].size, second[0].size), dropped)


def pareto_front(rates: NDArray[np.float64], metric: NDArray[np.float64]) -> NDArray[np.int64]:
    """Find the points that no other beats in rate and metric (higher is better), by rate.

    Along them both rate and metric strictly increase.
    """
    order = np.lexsort((-metric, rates))
    earlier = np.maximum.accumulate(np.concatenate([[-np.inf], metric[order][:-1]]))
    return order[metric[order] > earlier]


def _prepare(
    anchor: Curve, test: Curve, method: str, higher_is_better: bool
) -> tuple[_Points, _Points, tuple[int, int]]:
    """Check both curves and reduce them to their fronts; also count the points each lost."""
    if method not in FEWEST_POINTS:
        raise OptionError(f"unknown method {method!r}; known: {', '.join(FEWEST_POINTS)}")
    fronts, dropped = [], []
    for name, curve in (("anchor", anchor), ("test", test)):
        rates, metric = _checked(name, curve)
        metric = metric if higher_is_better else -metric
        kept = pareto_front(rates, metric)
        if kept.size < FEWEST_POINTS[method]:
            lowest, highest = rates.argmin(), rates.argmax()
            wrong_way = metric[highest] < metric[lowest]
            hint = "; it gets worse with rate: is higher_is_better right?" if wrong_way else ""
            raise RateError(
                f"the {name} curve keeps {kept.size} of {rates.size} points, and {method} needs "
                f"{FEWEST_POINTS[method]} that rise in both rate and metric{hint}"
            )
        fronts.append((rates[kept], metric[kept]))
        dropped.append(rates.size - kept.size)
    return fronts[0], fronts[1], (dropped[0], dropped[1])


def _checked(name: str, curve: Curve) -> _Points:
    """Convert a curve to float64 vectors of one length; raises `OptionError`."""
    try:
        rates, metric = (np.asarray(values, np.float64) for values in curve)
    except (TypeError, ValueError):
        raise OptionError(f"the {name} curve must be two vectors of numbers") from None
    if rates.ndim != 1 or rates.shape != metric.shape or not rates.size:
        raise OptionError(
            f"the {name} curve needs as many rates as metric values, "
            f"got shapes {rates.shape} and {metric.shape}"
        )
    if not (np.isfinite(rates).all() and (rates > 0).all()):
        raise OptionError(f"the rates of the {name} curve must be finite and above 0")
    if not np.isfinite(metric).all():
        raise OptionError(f"the metric of the {name} curve must be finite")
    return rates, metric


def _overlap(
    first: NDArray[np.float64], second: NDArray[np.float64], least: float, axis: str
) -> float:
    """Divide the length in common by the shorter length; `RateError` below `least`."""
    if not 0 < least <= 1:
        raise OptionError(f"least_overlap must be above 0 and at most 1, got {least}")
    common = min(first[-1], second[-1]) - max(first[0], second[0])
    share = float(max(0.0, common) / min(first[-1] - first[0], second[-1] - second[0]))
    if share < least or share == 0:
        raise RateError(
            f"the {axis} ranges overlap by {share:.0%} of the shorter one, less than {least:.0%}: "
            f"[{first[0]:.4g}, {first[-1]:.4g}] and [{second[0]:.4g}, {second[-1]:.4g}]"
        )
    return share


def _mean_difference(anchor: _Points, test: _Points, method: str) -> float:
    """Average the y of `test` minus that of `anchor` over the x they share; x rises in each."""
    from scipy.interpolate import Akima1DInterpolator, PchipInterpolator

    curve_of = {"akima": Akima1DInterpolator, "pchip": PchipInterpolator}[method]
    low, high = max(anchor[0][0], test[0][0]), min(anchor[0][-1], test[0][-1])
    areas = [float(curve_of(x, y).integrate(low, high)) for x, y in (anchor, test)]
    return (areas[1] - areas[0]) / float(high - low)
