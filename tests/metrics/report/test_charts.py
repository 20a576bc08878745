"""Charts place points where their numbers say."""

import math
import re

import numpy as np
import pytest

from inrcodec.metrics.report import charts
from inrcodec.metrics.report.charts import Point, Series


def test_charts_place_points_in_order() -> None:
    series = [
        Series("a", 0, (Point(0.5, 30.0, "x"), Point(0.25, 28.0, "y"), Point(1.0, 31.0, "z"))),
        Series("b", 1, (Point(0.5, math.inf, "never"),)),
    ]
    drawing = charts.chart(series, "rate", "value", "summary")
    circles = re.findall(r'<circle cx="([\d.]+)" cy="([\d.]+)"', drawing)
    across, up = zip(*((float(x), float(y)) for x, y in circles), strict=True)
    assert sorted(across) == list(across)
    assert sorted(up, reverse=True) == list(up)
    assert across[1] - across[0] == pytest.approx((across[2] - across[1]) / 2, abs=0.2)
    assert "never" not in drawing
    assert "b" not in re.findall("<span>(.)</span>", charts.legend(series))


@pytest.mark.parametrize(
    ("low", "high"), [(0, 1), (28.31, 28.32), (0.9, 0.99), (-3, 900), (1e-5, 2e-5)]
)
def test_ticks_are_round_and_inside(low: float, high: float) -> None:
    ticks = charts._ticks(low, high, 6)
    assert 2 <= len(ticks) <= 8
    assert low - 1e-12 <= ticks[0] < ticks[-1] <= high + 1e-12
    steps = np.diff(ticks)
    assert np.allclose(steps, steps[0])
    assert max(len(f"{tick:.10g}") for tick in ticks) <= 7


def test_rates_far_apart_get_a_logarithmic_axis() -> None:
    axis = charts._rate_axis([0.1, 8.0])
    assert axis.logarithmic
    assert axis.at(0.2) - axis.at(0.1) == pytest.approx(axis.at(8.0) - axis.at(4.0))
    assert not charts._rate_axis([0.1, 0.5]).logarithmic
