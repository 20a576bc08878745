"""Blurs and colour distortions do what their parameter says."""

import math

import numpy as np
import pytest
from skimage import color

from inrcodec.metrics.distortions import operations
from inrcodec.metrics.distortions.kadid import (
    DISTORTIONS,
    LEVELS,
    distort,
)
from inrcodec.metrics.distortions.tools import (
    disk_kernel,
    line_kernel,
    rgb_to_lab,
)
from tests.metrics.distortions.samples import NOISE, PHOTO, random


@pytest.mark.parametrize("name", ["gaussian_blur", "lens_blur", "motion_blur"])
def test_blurs_keep_the_mean_and_take_contrast(name: str) -> None:
    for level in LEVELS[1:]:
        result = distort(PHOTO, name, level)
        assert abs(result.mean() - PHOTO.mean()) < 1
        assert result.std() < PHOTO.std()


def test_a_gaussian_has_its_variance() -> None:
    image = np.zeros((65, 65, 3))
    image[32, 32] = 1
    spread = operations.gaussian_blur(image, 5, random())[..., 0]
    assert spread.sum(axis=0) @ (np.arange(65) - 32.0) ** 2 == pytest.approx(25, rel=0.01)


@pytest.mark.parametrize("radius", [1, 2, 4, 6, 8])
def test_a_disk_is_flat_and_round(radius: int) -> None:
    kernel = disk_kernel(radius)
    assert kernel.shape == (2 * radius + 1, 2 * radius + 1)
    assert kernel.sum() == pytest.approx(1)
    assert kernel[radius, radius] == pytest.approx(1 / (math.pi * radius**2), rel=0.01)
    assert np.allclose(kernel, kernel.T)
    # second moment of a disk, plus that of a pixel
    moment = kernel.sum(axis=0) @ (np.arange(2 * radius + 1) - radius) ** 2
    assert moment == pytest.approx(radius**2 / 4 + 1 / 12, abs=0.06)


def test_a_motion_line_has_its_length_and_angle() -> None:
    assert line_kernel(1, 0.7).tolist() == [[1]]
    assert np.allclose(line_kernel(2, 0)[1], [0.25, 0.5, 0.25])
    assert np.allclose(line_kernel(5, math.pi / 2), line_kernel(5, 0).T)
    for angle in (0, 0.4, 1, 2, 3):
        kernel = line_kernel(10, angle)
        y, x = np.mgrid[-5:6, -5:6]
        # rows point down, angles turn the other way
        along = (kernel * (x * math.cos(angle) - y * math.sin(angle)) ** 2).sum()
        across = (kernel * (x * math.sin(angle) + y * math.cos(angle)) ** 2).sum()
        assert along == pytest.approx(100 / 12, rel=0.1)
        assert across < 0.3


@pytest.mark.parametrize("name", ["color_diffusion", "color_saturation_1", "color_saturation_2"])
def test_colour_distortions_leave_gray_gray(name: str) -> None:
    gray = np.repeat(PHOTO[..., :1], 3, axis=2)
    for level in LEVELS:
        assert np.abs(distort(gray, name, level).astype(int) - gray).max() <= 1


@pytest.mark.parametrize("amount", [1, 3, 12])
def test_colour_diffusion_blurs_and_multiplies_chroma(amount: int) -> None:
    lab = np.zeros((8, 400, 3))
    lab[..., 0] = 50
    lab[:, 200:, 1:] = 1
    result = rgb_to_lab(operations.color_diffusion(color.lab2rgb(lab), amount, random()))[0]
    sigma = 1.5 * amount + 2
    step = [(1 + math.erf((x - 199.5) / sigma / math.sqrt(2))) / 2 for x in range(400)]
    assert np.abs(result[:, 0] - 50).max() < 0.01
    assert np.abs(result[:, 1:] - amount * np.array(step)[:, None]).max() < 0.02 * amount


@pytest.mark.parametrize("level", LEVELS[1:])
def test_colour_shift_moves_green_by_its_distance(level: int) -> None:
    texture = np.repeat(NOISE[..., :1], 3, axis=2)
    result = distort(texture, "color_shift", level)
    assert (result[..., [0, 2]] == texture[..., [0, 2]]).all()
    green = texture[..., 1].astype(float)
    # what came is the texture from elsewhere, what went is the texture itself
    change = np.fft.fft2(result[..., 1] - green)
    match = np.fft.ifft2(change * np.fft.fft2(green).conj()).real
    peak = np.array(np.unravel_index(match.argmax(), match.shape))
    peak = np.minimum(peak, match.shape - peak)
    assert np.hypot(*peak) == pytest.approx(DISTORTIONS["color_shift"].parameter(level), abs=0.75)


def test_colour_shift_fades_from_the_edges_like_a_gaussian() -> None:
    image = np.zeros((60, 80, 3))
    image[:, 40:] = 1
    turned = (np.random.default_rng(seed) for seed in range(9))
    # the direction that is nearest to level shifts most columns
    widest = max(
        (operations.color_shift(image, 12, seed)[30, :, 1] for seed in turned),
        key=lambda row: np.count_nonzero(row != image[30, :, 1]),
    )
    changed = np.flatnonzero(widest != image[30, :, 1])
    assert 10 <= len(changed) <= 12
    weight = np.abs(widest - image[30, :, 1])[changed]
    distance = np.abs(changed - 39.5)
    expected = np.exp(-(distance**2) / 2 / 4**2)
    assert weight / weight.max() == pytest.approx(expected / expected.max(), abs=0.05)


@pytest.mark.parametrize("level", LEVELS)
def test_colour_quantization_keeps_its_number_of_colours(level: int) -> None:
    result = distort(PHOTO, "color_quantization", level)
    count = len(np.unique(result.reshape(-1, 3), axis=0))
    assert 0.8 * DISTORTIONS["color_quantization"].parameter(level) <= count
    assert count <= DISTORTIONS["color_quantization"].parameter(level)


def test_colour_quantization_dithers() -> None:
    ramp = np.broadcast_to(np.arange(256, dtype=np.uint8)[None, :, None], (64, 256, 3))
    result = distort(ramp, "color_quantization", 5)
    # between the palette's extremes every tone is there on average
    means = result[..., 0].mean(axis=0).reshape(32, 8).mean(axis=1)
    assert np.abs(means - (8 * np.arange(32) + 3.5))[4:-4].max() < 4


@pytest.mark.parametrize("level", [1, 2, 3, 4])
def test_saturation_agrees_with_a_trip_through_hsv(level: int) -> None:
    hsv = color.rgb2hsv(PHOTO)
    hsv[..., 1] *= DISTORTIONS["color_saturation_1"].parameter(level)
    expected = 255 * color.hsv2rgb(hsv)
    result = distort(PHOTO, "color_saturation_1", level)
    assert np.abs(result - expected).max() <= 0.5001


def test_saturation_0_is_gray_and_a_negative_one_turns_the_hue() -> None:
    gray = distort(PHOTO, "color_saturation_1", 4)
    assert (gray == PHOTO.max(axis=2, keepdims=True)).all()
    red = np.full((16, 16, 3), (200, 100, 100), np.uint8)
    assert distort(red, "color_saturation_1", 5)[0, 0].tolist() == [200, 240, 240]


def test_lab_saturation_multiplies_chroma() -> None:
    dull = np.full((16, 16, 3), (130, 126, 120), np.uint8)
    before, after = (
        rgb_to_lab(p / 255)[0, 0] for p in (dull, distort(dull, "color_saturation_2", 3))
    )
    assert after[0] == pytest.approx(before[0], abs=0.5)
    assert after[1:] == pytest.approx(3 * before[1:], abs=0.6)
