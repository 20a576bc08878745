"""File formats, noises, brightness and contrast do what their parameter says."""

import math
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image, JpegImagePlugin
from skimage import color, data, filters

from inrcodec.metrics.distortions import operations
from inrcodec.metrics.distortions.kadid import (
    DISTORTIONS,
    LEVELS,
    distort,
)
from inrcodec.metrics.distortions.tools import (
    rgb_to_lab,
)
from tests.metrics.distortions.samples import GRAY, PHOTO, random


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Every file that an operation writes on the way."""
    written: list[bytes] = []

    class Recorder(BytesIO):
        def __exit__(self, *error: Any) -> None:
            written.append(self.getvalue())

    monkeypatch.setattr(operations, "BytesIO", Recorder)
    return written


@pytest.mark.parametrize("level", LEVELS)
def test_jpeg2000_meets_its_ratio(files: list[bytes], level: int) -> None:
    picture = data.astronaut()[:384]
    distort(picture, "jpeg2000", level)
    ratio = picture.size / len(files[0])
    assert ratio == pytest.approx(DISTORTIONS["jpeg2000"].parameter(level), rel=0.1)


@pytest.mark.parametrize("level", LEVELS)
def test_jpeg_has_its_quality_and_chroma_halved(files: list[bytes], level: int) -> None:
    distort(PHOTO, "jpeg", level)
    picture = Image.open(BytesIO(files[0]))
    quality = DISTORTIONS["jpeg"].parameter(level)
    # Annex K's first entry is 16; libjpeg scales by 5000 / quality % below 50
    assert picture.quantization[0][0] == min(255, int(16 * int(5000 / quality) / 100 + 0.5))
    assert JpegImagePlugin.get_sampling(picture) == 2


@pytest.mark.parametrize("level", LEVELS)
def test_noise_has_its_variance(level: int) -> None:
    white = distort(GRAY, "white_noise", level) / 255
    assert white.var() == pytest.approx(DISTORTIONS["white_noise"].parameter(level), rel=0.04)
    colored = color.rgb2ycbcr(distort(GRAY, "white_noise_color", level)) / 255
    expected = DISTORTIONS["white_noise_color"].parameter(level)
    assert colored.var(axis=(0, 1)) == pytest.approx(expected, rel=0.06)


@pytest.mark.parametrize("level", LEVELS)
def test_impulses_have_their_density(level: int) -> None:
    result = distort(np.full((400, 400, 3), 128, np.uint8), "impulse_noise", level)
    density = DISTORTIONS["impulse_noise"].parameter(level)
    assert set(np.unique(result)) == {0, 128, 255}
    assert (result == 0).mean() == pytest.approx(density / 2, rel=0.2)
    assert (result == 255).mean() == pytest.approx(density / 2, rel=0.2)


@pytest.mark.parametrize("level", LEVELS)
def test_speckle_grows_with_the_signal(level: int) -> None:
    variance = DISTORTIONS["multiplicative_noise"].parameter(level)
    for value in (0, 60, 120, 180):
        result = distort(np.full_like(GRAY, value), "multiplicative_noise", level)
        # the rounding adds at most a twelfth of a squared level
        assert abs(result.var() - variance * value**2) < 0.03 * variance * value**2 + 0.1


@pytest.mark.parametrize("level", LEVELS)
def test_denoising_smooths_more_than_noise(level: int) -> None:
    noise = math.sqrt(DISTORTIONS["denoise"].parameter(level))
    assert (distort(GRAY, "denoise", level) / 255).std() < 0.2 * noise
    steps = [
        np.abs(np.diff(p.astype(int), axis=0)).mean()
        for p in (PHOTO, distort(PHOTO, "denoise", level))
    ]
    assert steps[1] < 0.95 * steps[0]


@pytest.mark.parametrize("level", LEVELS)
def test_brightness_bends_a_parabola(level: int) -> None:
    def parabola(x: np.ndarray, amount: float) -> np.ndarray:
        """Through (0, 0), (1, 1) and, halfway, amount / 2 off the diagonal."""
        return np.clip(x + 2 * amount * x * (1 - x), 0, 1)

    ramp = np.linspace(0, 1, 101)
    gray = np.repeat(ramp[None, :, None], 3, axis=2)
    darker = DISTORTIONS["darken"].parameter(level)
    assert np.allclose(operations.darken(gray, darker, random())[0, :, 0], parabola(ramp, -darker))
    brighter = DISTORTIONS["brighten"].parameter(level)
    lightness = np.zeros((1, 101, 3))
    lightness[0, :, 0] = 100 * parabola(rgb_to_lab(gray)[0, :, 0] / 100, brighter)
    expected = (2 * parabola(ramp, brighter) + color.lab2rgb(lightness)[0, :, 0]) / 3
    result = operations.brighten(gray, brighter, random())[0, :, 0]
    assert np.allclose(result, expected, atol=1e-3)
    assert (np.diff(result) > -1e-6).all()


@pytest.mark.parametrize("level", LEVELS)
def test_contrast_bends_a_cubic_through_its_points(level: int) -> None:
    amount = DISTORTIONS["contrast_change"].parameter(level)
    x = np.linspace(0, 1, 101)
    # five points symmetric about (0.5, 0.5) lie on one odd cubic, which a spline whose ends are
    # no knots must find
    slope = (0.218 + amount / 4) / 0.168
    cubic = 0.5 + slope * (x - 0.5) + (4 - 4 * slope) * (x - 0.5) ** 3
    assert cubic[[30, 50, 70]] == pytest.approx([0.25 - amount / 4, 0.5, 0.75 + amount / 4])
    image = np.repeat(x[None, :, None], 3, axis=2)
    result = operations.contrast_change(image, amount, random())[0, :, 0]
    assert np.allclose(result, np.clip(cubic, 0, 1))


def test_contrast_is_the_identity_at_minus_a_fifth() -> None:
    image = np.random.default_rng(0).random((20, 20, 3))
    assert np.allclose(operations.contrast_change(image, -0.2, random()), image)


@pytest.mark.parametrize("level", LEVELS)
def test_the_mean_shifts_by_the_parameter(level: int) -> None:
    middling = (60 + PHOTO // 2).astype(np.uint8)
    shift = distort(middling, "mean_shift", level).astype(int) - middling
    assert np.abs(shift - 255 * DISTORTIONS["mean_shift"].parameter(level)).max() <= 0.5001
    assert distort(np.full_like(GRAY, 250), "mean_shift", 1).max() == 255


@pytest.mark.parametrize("amount", [1, 3, 12])
def test_sharpening_is_an_unsharp_mask_of_lightness(amount: int) -> None:
    image = 0.5 + (PHOTO / 255 - 0.5) / 40
    lightness = rgb_to_lab(image)[..., 0]
    expected = filters.unsharp_mask(lightness / 100, radius=3, amount=amount) * 100
    result = rgb_to_lab(operations.high_sharpen(image, amount, random()))[..., 0]
    # off the border, where scikit-image mirrors
    assert np.abs(result - expected)[16:-16, 16:-16].max() < 0.02
