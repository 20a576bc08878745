"""Moved pixels, blocks, and quantisation by Otsu thresholds."""

import itertools
import math
from collections.abc import Sequence

import numpy as np
import pytest
from skimage import filters

from inrcodec.metrics.distortions import operations
from inrcodec.metrics.distortions.kadid import (
    DISTORTIONS,
    LEVELS,
    distort,
)
from inrcodec.metrics.distortions.tools import (
    otsu_thresholds,
)
from tests.metrics.distortions.samples import PHOTO, places, random


def test_jitter_displaces_by_its_deviation() -> None:
    ramp = np.repeat(np.linspace(0, 1, 201)[None, :, None], 3, axis=2).repeat(60, axis=0)
    moved = (operations.jitter(ramp, 0.05, random()) - ramp)[:, 20:-20, 0] * 200
    assert moved.std() == pytest.approx(0.05 * math.sqrt(5), rel=0.1)
    assert abs(moved.mean()) < 0.01


@pytest.mark.parametrize("level", LEVELS)
def test_patches_come_from_nearby(level: int) -> None:
    original = places(250, 250)
    count = int(DISTORTIONS["non_eccentricity_patch"].parameter(level))
    offset = distort(original, "non_eccentricity_patch", level).astype(int) - original
    assert 7 <= np.abs(offset[..., :2]).max() <= 8
    assert 100 * count < offset.any(axis=2).sum() <= 256 * count


def test_one_patch_is_one_square() -> None:
    original = places(250, 250) / 255
    changed = (operations.non_eccentricity_patch(original, 1, random()) - original) * 255
    rows, columns = np.nonzero(changed.any(axis=2))
    assert (np.ptp(rows), np.ptp(columns)) == (15, 15)
    assert len(np.unique(changed[rows, columns].round(), axis=0)) == 1


@pytest.mark.parametrize("level", LEVELS)
def test_pixels_are_repeated_in_blocks(level: int) -> None:
    original = places(250, 200)
    result = distort(original, "pixelate", level).astype(int)
    scale = 0.95 - DISTORTIONS["pixelate"].parameter(level) ** 0.6
    assert len(np.unique(result[..., 0])) == math.ceil(scale * 250)
    assert len(np.unique(result[..., 1])) == math.ceil(scale * 200)
    assert np.abs(result - original).max() <= 1 / scale
    assert (result[..., 0] == result[:, :1, 0]).all()


@pytest.mark.parametrize("level", LEVELS)
def test_colour_blocks_are_few_flat_and_square(level: int) -> None:
    count = DISTORTIONS["color_block"].parameter(level)
    changed = (distort(PHOTO, "color_block", level) != PHOTO).any(axis=2)
    assert 512 * count < changed.sum() <= 1024 * count
    one = operations.color_block(np.zeros((99, 77, 3)), 1, random())
    rows, columns = np.nonzero(one.any(axis=2))
    assert (np.ptp(rows), np.ptp(columns), len(rows)) == (31, 31, 1024)
    assert len(np.unique(one[rows, columns], axis=0)) == 1
    assert len(set(one[rows[0], columns[0]])) == 3


@pytest.mark.parametrize("level", LEVELS)
def test_quantization_keeps_its_number_of_classes_and_the_mean(level: int) -> None:
    result = distort(PHOTO, "quantization", level)
    for channel in range(3):
        values = len(np.unique(result[..., channel]))
        assert values == DISTORTIONS["quantization"].parameter(level) + 1
    assert np.abs(result.mean(axis=(0, 1)) - PHOTO.mean(axis=(0, 1))).max() < 0.5


def between_variance(histogram: np.ndarray, thresholds: Sequence[int]) -> float:
    levels = np.arange(len(histogram))
    bounds = itertools.pairwise((0, *thresholds, len(histogram)))
    parts = [(histogram[a:b], levels[a:b]) for a, b in bounds]
    return sum(float(part @ at) ** 2 / max(1, part.sum()) for part, at in parts)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_thresholds_agree_with_scikit_image(count: int) -> None:
    for channel in range(3):
        samples = PHOTO[..., channel]
        histogram = np.bincount(samples.ravel(), minlength=256)
        thresholds = otsu_thresholds(histogram, count)
        # there, a threshold is the last value of the class below; and in float32, near enough
        expected = [int(value) + 1 for value in filters.threshold_multiotsu(samples, count + 1)]
        assert thresholds == pytest.approx(expected, abs=1)
        ours, theirs = (between_variance(histogram, t) for t in (thresholds, expected))
        assert theirs <= ours < theirs * 1.0001


@pytest.mark.parametrize("count", [1, 2, 4, 6])
def test_thresholds_are_the_best_of_all(count: int) -> None:
    histogram = np.random.default_rng(1).integers(0, 50, 14)
    every = itertools.combinations(range(1, 14), count)
    best = max(between_variance(histogram, thresholds) for thresholds in every)
    found = between_variance(histogram, otsu_thresholds(histogram, count))
    assert found == pytest.approx(best, rel=1e-12)
