"""SSIMULACRA2 and Butteraugli against libjxl's tools, whose answers are in `libjxl.json`."""

import json
import shutil

import numpy as np
import pytest
import torch

from inrcodec.errors import ImageError
from inrcodec.metrics.judge import Judge, compare
from inrcodec.metrics.quality.filtering import filtered
from tests.metrics.noise import noisy
from tests.metrics.quality import libjxl

NAMES = ("ssimulacra2", "butteraugli", "butteraugli-3norm")
PAIRS = libjxl.pairs()
VALUES = json.loads(libjxl.VALUES.read_text())["values"]
ROUNDING = 0.6
"""Of the tool's SSIMULACRA2: its recursive filter in float32 drifts from the filter it stands for,
the more the larger the image and the better the score."""


@pytest.mark.parametrize("name", PAIRS)
def test_values_are_those_of_libjxl(name):
    ours, tool = compare(*PAIRS[name], NAMES), VALUES[name]
    drift = 1e-3 if name in ("8 x 8", "9 x 30") else ROUNDING
    assert ours["ssimulacra2"] == pytest.approx(tool["ssimulacra2"], abs=drift)
    for each in NAMES[1:]:
        assert ours[each] == pytest.approx(tool[each], rel=2e-4), each


def test_the_taps_of_ssimulacra2_are_the_impulse_response_of_the_recursion():
    """Equations 33 and 35 of Charalampidis, in float64, one term of cosines after the other."""
    from inrcodec.metrics.quality.ssimulacra2_definition import RADIUS, taps

    taps = np.array(taps())
    omega = np.array([1, 3, 5]) * np.pi / (2 * RADIUS)
    places = np.arange(1 - RADIUS, RADIUS)
    beta, *_ = np.linalg.lstsq(np.cos(np.outer(places, omega)), taps, rcond=None)
    impulse = np.zeros(60)
    impulse[20] = 1
    result = np.zeros(60)
    for b, w in zip(beta, omega, strict=True):
        before = last = 0.0
        for n in range(RADIUS + 1, 60 - RADIUS):
            entering = impulse[n - RADIUS - 1] + impulse[n + RADIUS - 1]
            value = -b * np.cos(w * (RADIUS + 1)) * entering + 2 * np.cos(w) * last - before
            before, last = last, value
            result[n] += value
    assert result[20 + places] == pytest.approx(taps, abs=1e-12)
    assert np.abs(np.delete(result, 20 + places)).max() < 1e-12
    assert taps.sum() == pytest.approx(1)
    assert (taps * places**2).sum() == pytest.approx(1.5**2)  # the variance of the Gaussian


@pytest.mark.skipif(not all(map(shutil.which, libjxl.TOOLS)), reason="libjxl's tools are absent")
def test_the_stored_values_are_what_the_tools_say():
    assert libjxl.say(*PAIRS["noise"]) == pytest.approx(VALUES["noise"], rel=1e-3)


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_is_scored_as_its_images_are(astronaut, name):
    others = [noisy(astronaut, sigma) for sigma in (4, 12)]
    alone = [compare(astronaut, other, [name])[name] for other in others]
    assert compare(astronaut, np.stack(others), [name])[name] == pytest.approx(np.mean(alone))


@pytest.mark.parametrize("name", NAMES)
def test_identical_images_of_every_kind_are_ideal(name):
    judge = {"ssimulacra2": 100.0}.get(name, 0.0)
    for reference, _ in PAIRS.values():
        assert compare(reference, reference.copy(), [name])[name] == judge


@pytest.mark.parametrize("name", NAMES)
def test_seven_pixels_are_too_few(name):
    image = np.zeros((7, 20, 3), np.uint8)
    with pytest.raises(ImageError, match="20 x 7 pixels is too small: both sides must be at least"):
        compare(image, image, [name])


def test_a_hidden_colour_does_not_count_and_a_seen_alpha_does(astronaut):
    opaque = np.full(astronaut.shape[:2], 255, np.uint8)
    clear = np.zeros_like(opaque)
    judge = Judge(np.dstack([astronaut, clear]), NAMES)
    hidden = judge.score(np.dstack([255 - astronaut, clear]))
    assert hidden == {"ssimulacra2": 100.0, "butteraugli": 0.0, "butteraugli-3norm": 0.0}
    seen = judge.score(np.dstack([astronaut, opaque]))
    assert seen["ssimulacra2"] < 50
    assert seen["butteraugli"] > 5


@pytest.mark.parametrize("size", [5, 64, 65, 200])
@pytest.mark.parametrize("edge", ["zero", "mirror", "replicate", "renormalised"])
def test_filters_equal_scipy_with_the_same_edge(size, edge):
    from scipy.ndimage import correlate1d

    rng = np.random.default_rng(size)
    taps = rng.random(9)
    x = rng.random((2, size, 70))

    def along(values, axis):
        mode = {"mirror": "reflect", "replicate": "nearest"}.get(edge, "constant")
        result = correlate1d(values, taps, axis, mode=mode)
        if edge == "renormalised":
            result *= taps.sum() / correlate1d(np.ones_like(values), taps, axis, mode=mode)
        return result

    ours = filtered(torch.from_numpy(x), tuple(taps), edge).numpy()
    assert ours == pytest.approx(along(along(x, 2), 1), rel=1e-12)
