"""Effort 0 on images that the analysis network was not trained for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

import inrcodec
from inrcodec.codec.fitting.coolchic.encoder import GridEncoding
from inrcodec.codec.fitting.coolchic.schedule import SCHEDULE
from inrcodec.codec.fitting.plan import plan_of
from inrcodec.codec.options import EncodeOptions
from inrcodec.pixels import Picture, mean_squared_error


def screen() -> np.ndarray:
    """A dark window of marks of one pixel on a light ground, (96, 128, 3) uint8."""
    random = np.random.default_rng(3)
    pixels = np.full((96, 128, 3), (225, 228, 235), np.uint8)
    pixels[6:90, 8:120] = (28, 30, 38)
    for row in range(14, 82, 11):
        marks = random.random((6, int(random.integers(40, 100)))) < 0.4
        pixels[row : row + 6, 14 : 14 + marks.shape[1]][marks] = (240, 200, 120)
    return pixels


def marks_on_a_gradient() -> np.ndarray:
    """Marks of one pixel where no two neighbours are equal, (96, 128, 3) uint8."""
    random, (y, x) = np.random.default_rng(4), np.mgrid[0:96, 0:128]
    ground = np.stack([60 + y // 2 + x % 2, 90 + x // 3 + y % 2, 150 - y // 2], 2).astype(np.uint8)
    ground[8:88, 8:120][random.random((80, 112)) < 0.25] = 250
    return ground


def cost(pixels: np.ndarray, data: bytes, lmbda: float) -> float:
    """The rate-distortion cost of a file, by its bytes and its pixels."""
    error = mean_squared_error(pixels, inrcodec.decode(data))
    return error + lmbda * inrcodec.info(data).bits_per_pixel


@pytest.mark.parametrize("image", [screen, marks_on_a_gradient])
@pytest.mark.parametrize("lmbda", [4e-3, 4e-4])
def test_a_screen_is_fitted_at_effort_0(image: Callable[[], np.ndarray], lmbda: float) -> None:
    pixels = image()
    plan = plan_of(EncodeOptions(effort=0, lmbda=lmbda, threads=1), Picture(pixels))
    bare = GridEncoding(Picture(pixels), plan, schedule=replace(SCHEDULE, unlike_steps=0))
    costs = [cost(pixels, bare.finish(), lmbda)]
    for effort in (0, 1):
        data = inrcodec.encode(pixels, effort=effort, lmbda=lmbda, threads=1)
        costs.append(cost(pixels, data, lmbda))
    assert costs[1] < 0.7 * costs[0], costs
    assert costs[2] < 1.02 * costs[1] < 1.5 * costs[2], costs


@pytest.mark.parametrize("value", [0, 128, 255])
@pytest.mark.parametrize("quality", [20, 75])
def test_a_flat_image_costs_no_more_than_its_initialisation(value: int, quality: int) -> None:
    pixels = np.full((80, 112, 3), value, np.uint8)
    picture = Picture(pixels)
    plan = plan_of(EncodeOptions(effort=0, quality=quality, threads=1), picture)
    bare = GridEncoding(picture, plan, schedule=replace(SCHEDULE, unlike_steps=0))
    data = inrcodec.encode(pixels, effort=0, quality=quality, threads=1)
    assert cost(pixels, data, bare.lmbda) <= cost(pixels, bare.finish(), bare.lmbda)


@pytest.mark.filterwarnings("ignore::inrcodec.errors.RateWarning")
def test_a_size_is_kept_on_a_screen_at_effort_0() -> None:
    pixels = screen()
    data = inrcodec.encode(pixels, effort=0, bpp=1.5, threads=1)
    assert 0.8 * 1.5 * 96 * 128 / 8 < len(data) <= 1.5 * 96 * 128 / 8


def test_a_photograph_is_not_fitted_at_effort_0(photo: np.ndarray) -> None:
    job = inrcodec.encoding(photo, effort=0, threads=1)
    assert [progress.step for progress in job] == []
    assert job.finish() == inrcodec.encode(photo, effort=0, threads=1)
