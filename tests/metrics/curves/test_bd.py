import numpy as np
import pytest

from inrcodec.errors import OptionError, RateError
from inrcodec.metrics.curves import bd
from inrcodec.metrics.curves.bd import bd_metric, bd_rate

RATES = np.array([0.11, 0.23, 0.52, 0.97, 1.8, 3.1])
PSNR = np.array([26.1, 29.0, 32.2, 35.1, 38.4, 41.9])
OTHER = (np.array([0.1, 0.2, 0.4, 0.8, 1.6]), np.array([26.9, 29.9, 32.7, 35.8, 39.1]))
METHODS = ("akima", "pchip")

Curve = tuple[list[float], list[float]]

PACKAGE: dict[str, tuple[Curve, Curve, list[float]]] = {
    "made up": (
        ([0.11, 0.23, 0.52, 0.97, 1.8, 3.1], [26.1, 29.0, 32.2, 35.1, 38.4, 41.9]),
        ([0.1, 0.2, 0.4, 0.8, 1.6], [26.9, 29.9, 32.7, 35.8, 39.1]),
        [-28.799687139949103, 1.5078805072593098, -28.829757660208454, 1.511720366918838],
    ),
    "jpeg and avif": (
        ([0.213, 0.452, 0.743, 1.156, 1.996], [27.614, 30.923, 33.151, 35.327, 38.576]),
        ([0.106, 0.24, 0.481, 0.91, 1.375], [29.305, 32.104, 34.999, 38.189, 40.421]),
        [-57.61628226970434, 3.942160581030703, -57.625426499636355, 3.945300777619594],
    ),
    "webp and jpeg2000": (
        ([0.111, 0.277, 0.518, 0.752, 1.685], [27.899, 30.827, 33.424, 35.209, 39.683]),
        ([0.149, 0.299, 0.599, 1.199, 2.398], [29.281, 31.613, 34.642, 38.513, 43.369]),
        [-12.13966766827862, 0.6065523282886408, -12.238945014649904, 0.6102873947135768],
    ),
    "kinked": (
        ([0.1, 0.2, 0.3, 1.0, 1.1, 4.0], [25, 25.2, 30, 30.1, 36, 41]),
        ([0.09, 0.15, 0.5, 0.9, 3.0], [24.8, 28, 28.3, 35, 40]),
        [-31.699708428883056, -0.9214919965205415, -13.625389849008652, 0.610393704711589],
    ),
}
"""Anchor, test, and what the package bjontegaard 1.3.0 (SciPy 1.17.1) says of them: BD-rate in
percent and BD-PSNR in dB by Akima, then both by PCHIP. The second and third pair are from
benchmarks/results/metrics/reference_codecs.jsonl."""


def pchip(x: np.ndarray, y: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Fritsch and Butland's monotone cubic, written out from the paper."""
    h, slope = np.diff(x), np.diff(y) / np.diff(x)
    tangent = np.zeros_like(x)
    for k in range(1, len(x) - 1):
        if slope[k - 1] * slope[k] > 0:
            w1, w2 = 2 * h[k] + h[k - 1], h[k] + 2 * h[k - 1]
            tangent[k] = (w1 + w2) / (w1 / slope[k - 1] + w2 / slope[k])
    for end, a, b in ((0, 0, 1), (-1, -1, -2)):
        d = ((2 * h[a] + h[b]) * slope[a] - h[a] * slope[b]) / (h[a] + h[b])
        if np.sign(d) != np.sign(slope[a]):
            d = 0.0
        elif np.sign(slope[a]) != np.sign(slope[b]) and abs(d) > abs(3 * slope[a]):
            d = 3 * slope[a]
        tangent[end] = d
    k = np.clip(np.searchsorted(x, at, side="right") - 1, 0, len(h) - 1)
    t = (at - x[k]) / h[k]
    hermite = (1 + 2 * t) * (1 - t) ** 2 * y[k] + t**2 * (3 - 2 * t) * y[k + 1]
    return hermite + h[k] * (t * (1 - t) ** 2 * tangent[k] - t**2 * (1 - t) * tangent[k + 1])


def mean_difference(x1: np.ndarray, y1: np.ndarray, x2: np.ndarray, y2: np.ndarray) -> float:
    """Mean of (second minus first) where both are defined, by the midpoint rule."""
    low, high = max(x1[0], x2[0]), min(x1[-1], x2[-1])
    at = low + (np.arange(20_000) + 0.5) / 20_000 * (high - low)
    return float((pchip(x2, y2, at) - pchip(x1, y1, at)).mean())


def test_both_deltas_agree_with_an_integration_written_here() -> None:
    log = np.log10
    expected = 100 * (10 ** mean_difference(PSNR, log(RATES), OTHER[1], log(OTHER[0])) - 1)
    assert bd_rate((RATES, PSNR), OTHER, method="pchip").value == pytest.approx(expected, abs=1e-5)
    expected = mean_difference(log(RATES), PSNR, log(OTHER[0]), OTHER[1])
    result = bd_metric((RATES, PSNR), OTHER, method="pchip")
    assert result.value == pytest.approx(expected, abs=1e-5)
    assert expected > 0.5


@pytest.mark.parametrize("name", PACKAGE)
def test_both_deltas_equal_those_of_the_package_of_the_paper(name: str) -> None:
    anchor, test, expected = PACKAGE[name]
    values = [f(anchor, test, method=m).value for m in METHODS for f in (bd_rate, bd_metric)]
    assert values == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("method", METHODS)
def test_parallel_lines_have_the_delta_that_separates_them(method: str) -> None:
    """On lines in log-rate every interpolation is exact: 6 dB a decade, 1.5 dB apart."""
    anchor = RATES, 30 + 6 * np.log10(RATES)
    test = OTHER[0], 31.5 + 6 * np.log10(OTHER[0])
    assert bd_metric(anchor, test, method=method).value == pytest.approx(1.5)
    rate = bd_rate(anchor, test, method=method).value
    assert rate == pytest.approx(100 * (10 ** (-1.5 / 6) - 1))


@pytest.mark.parametrize("method", METHODS)
def test_laws(method: str) -> None:
    curve = RATES, PSNR
    assert bd_rate(curve, curve, method=method).value == pytest.approx(0, abs=1e-9)
    assert bd_metric(curve, curve, method=method).value == pytest.approx(0, abs=1e-9)
    assert bd_rate(curve, (RATES / 2, PSNR), method=method).value == pytest.approx(-50)
    assert bd_metric(curve, (RATES, PSNR + 1), method=method).value == pytest.approx(1)
    there = bd_rate(curve, OTHER, method=method).value / 100
    back = bd_rate(OTHER, curve, method=method).value / 100
    assert (1 + there) * (1 + back) == pytest.approx(1)
    assert there < -0.05
    gain = bd_metric(curve, OTHER, method=method).value
    assert gain == pytest.approx(-bd_metric(OTHER, curve, method=method).value)


def test_order_and_unit_of_the_points_do_not_matter() -> None:
    expected = bd_rate((RATES, PSNR), OTHER)
    shuffled = bd_rate((RATES[::-1] * 1000, PSNR[::-1]), (OTHER[0] * 1000, OTHER[1]))
    assert shuffled.value == pytest.approx(expected.value)
    assert expected.points == (6, 5)
    assert expected.dropped == (0, 0)
    assert expected.overlap == pytest.approx(1)


def test_dominated_points_are_dropped_and_counted() -> None:
    worse = np.append(RATES, [0.6, 0.97]), np.append(PSNR, [31.0, 34.0])
    result = bd_rate(worse, OTHER)
    assert result.value == pytest.approx(bd_rate((RATES, PSNR), OTHER).value)
    assert result.points == (6, 5)
    assert result.dropped == (2, 0)
    doubled = np.append(RATES, RATES), np.append(PSNR, PSNR)
    assert bd_rate(doubled, OTHER).dropped == (6, 0)


def test_the_front_strictly_rises_and_beats_everything_else() -> None:
    rng = np.random.default_rng(5)
    for _ in range(20):
        rates, metric = rng.integers(1, 9, 12) / 4, rng.integers(0, 9, 12) / 2
        kept = bd.pareto_front(rates, metric)
        assert (np.diff(rates[kept]) > 0).all()
        assert (np.diff(metric[kept]) > 0).all()
        for rate, value in zip(rates, metric, strict=True):
            assert ((rates[kept] <= rate) & (metric[kept] >= value)).any()


def test_lower_is_better_mirrors_the_metric() -> None:
    lpips = 0.9 - PSNR / 60
    other = OTHER[0], 0.9 - OTHER[1] / 60
    rate = bd_rate((RATES, lpips), other, higher_is_better=False)
    assert rate.value == pytest.approx(bd_rate((RATES, PSNR), OTHER).value)
    gain = bd_metric((RATES, lpips), other, higher_is_better=False)
    assert gain.value == pytest.approx(-bd_metric((RATES, PSNR), OTHER).value / 60)
    with pytest.raises(RateError, match="is higher_is_better right"):
        bd_rate((RATES, lpips), other)


def test_poor_overlap_is_refused() -> None:
    above = RATES, PSNR + 12
    with pytest.raises(RateError, match=r"metric ranges overlap by 24%.*less than 50%"):
        bd_rate((RATES, PSNR), above)
    assert bd_rate((RATES, PSNR), above, least_overlap=0.2).overlap == pytest.approx(3.8 / 15.8)
    assert bd_metric((RATES, PSNR), above).value == pytest.approx(12)
    with pytest.raises(RateError, match="log-rate ranges overlap by 0%"):
        bd_metric((RATES, PSNR), (RATES * 100, PSNR), least_overlap=0.01)
    shared = np.log(3.1 / 0.66) / np.log(3.1 / 0.11)
    shifted = bd_metric((RATES, PSNR), (RATES * 6, PSNR), least_overlap=0.4)
    assert shifted.overlap == pytest.approx(shared)
    inside = slice(1, 5)
    assert bd_rate((RATES, PSNR), (RATES[inside], PSNR[inside])).overlap == pytest.approx(1)


def test_too_few_points_are_refused() -> None:
    three = RATES[:3], PSNR[:3]
    assert bd_rate(three, three, method="pchip").value == pytest.approx(0, abs=1e-9)
    with pytest.raises(RateError, match="anchor curve keeps 3 of 3 points, and akima needs 4"):
        bd_rate(three, OTHER)
    with pytest.raises(RateError, match="test curve keeps 1 of 6 points"):
        bd_rate((RATES, PSNR), (RATES, np.full(6, 30.0)))


@pytest.mark.parametrize(
    ("rates", "metric"),
    [
        ([0.0, 0.2, 0.5, 1], PSNR[:4]),
        ([-0.1, 0.2, 0.5, 1], PSNR[:4]),
        ([np.nan, 0.2, 0.5, 1], PSNR[:4]),
        ([0.1, 0.2, 0.5, np.inf], PSNR[:4]),
        (RATES[:4], [30, 31, 32, np.inf]),
        (RATES[:4], PSNR[:3]),
        ([], []),
        ([[0.1, 0.2, 0.5, 1]], [[30, 31, 32, 33]]),
    ],
)
def test_nonsense_is_refused(rates: object, metric: object) -> None:
    with pytest.raises(OptionError, match="test curve"):
        bd_rate((RATES, PSNR), (rates, metric))


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(OptionError, match="akima, pchip"):
        bd_rate(OTHER, OTHER, method="cubic")
    with pytest.raises(OptionError, match="least_overlap"):
        bd_metric(OTHER, OTHER, least_overlap=0)
