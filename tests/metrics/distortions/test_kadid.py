"""What holds for every distortion of KADID-10k, and under-sampling."""

import itertools
import sys
from dataclasses import FrozenInstanceError, replace
from typing import Any

import numpy as np
import pytest

from inrcodec.errors import ImageError, MissingExtraError, OptionError
from inrcodec.metrics.distortions.kadid import (
    DISTORTIONS,
    LEVELS,
    distort,
    sampling_mask,
    undersample,
)
from inrcodec.metrics.distortions.tools import (
    Pixels,
)
from inrcodec.pixels import psnr
from tests.metrics.distortions.samples import PHOTO

IDENTITIES = {
    ("gaussian_blur", 1),
    ("motion_blur", 1),
    ("color_saturation_2", 1),
    ("mean_shift", 3),
}


SEEDED = {
    "motion_blur",
    "color_shift",
    "white_noise",
    "white_noise_color",
    "impulse_noise",
    "multiplicative_noise",
    "denoise",
    "jitter",
    "non_eccentricity_patch",
    "color_block",
}


# the sign of the parameter changes over the levels, so the middle ones are the mildest
TWO_SIDED = {"mean_shift", "contrast_change"}


# each level draws its own direction or places: the decline holds on average
SCATTERED = {"color_shift", "non_eccentricity_patch", "color_block"}


EVERY = [(name, level) for name in DISTORTIONS for level in LEVELS]


def test_the_table_is_kadids() -> None:
    assert [distortion.number for distortion in DISTORTIONS.values()] == list(range(1, 26))
    assert all(name == distortion.name for name, distortion in DISTORTIONS.items())
    assert DISTORTIONS["jpeg2000"].parameter(4) == 120
    assert DISTORTIONS["contrast_change"].levels == (0.3, 0.15, 0, -0.4, -0.6)
    with pytest.raises(FrozenInstanceError):
        DISTORTIONS["jpeg"].number = 3  # type: ignore[misc]


@pytest.mark.parametrize(("name", "level"), EVERY)
def test_only_the_identities_leave_the_picture_alone(name: str, level: int) -> None:
    before = PHOTO.copy()
    result = distort(PHOTO, name, level)
    assert result.shape == PHOTO.shape
    assert result.dtype == np.uint8
    assert (before == PHOTO).all()
    assert (result == PHOTO).all() == ((name, level) in IDENTITIES)


@pytest.mark.parametrize("name", DISTORTIONS)
def test_the_outcome_depends_on_seed_type_and_level_only(name: str) -> None:
    first = distort(PHOTO, name, 4, seed=3)
    distort(PHOTO, "white_noise", 1)
    np.random.default_rng(3).random(10)
    assert (distort(PHOTO, name, 4, seed=3) == first).all()
    assert (distort(PHOTO, name, 4, seed=4) != first).any() == (name in SEEDED)


def test_every_seed_type_and_level_draws_its_own() -> None:
    drawn = []

    def probe(image: Pixels, parameter: float, random: np.random.Generator) -> Pixels:
        drawn.append(random.random())
        return image

    for name, level in EVERY:
        for seed in (0, 1):
            replace(DISTORTIONS[name], apply=probe).distorted(PHOTO, level, seed=seed)
    assert len(set(drawn)) == len(drawn) == 250


@pytest.mark.parametrize("name", sorted(set(DISTORTIONS) - TWO_SIDED))
def test_psnr_declines_with_the_level(name: str) -> None:
    seeds = range(24 if name in SCATTERED else 1)
    scores = [
        np.mean([psnr(PHOTO, distort(PHOTO, name, level, seed=seed)) for seed in seeds])
        for level in LEVELS
    ]
    assert all(mild > strong for mild, strong in itertools.pairwise(scores))


@pytest.mark.parametrize("name", sorted(TWO_SIDED))
def test_two_sided_types_are_mildest_in_the_middle(name: str) -> None:
    scores = [psnr(PHOTO, distort(PHOTO, name, level)) for level in LEVELS]
    assert scores[0] < scores[1] < scores[2]
    assert scores[2] >= scores[3] > scores[4]


@pytest.mark.parametrize("name", DISTORTIONS)
def test_small_flat_and_strided_pictures_work(name: str) -> None:
    for level in (1, 5):
        for height, width in ((16, 16), (16, 45), (61, 16)):
            for value in (0, 255):
                flat = np.full((height, width, 3), value, np.uint8)
                assert distort(flat, name, level).shape == flat.shape
        turned = PHOTO[:64, :48].transpose(1, 0, 2)[::-1]
        straight = np.ascontiguousarray(turned)
        assert (distort(turned, name, level) == distort(straight, name, level)).all()


@pytest.mark.parametrize("lines", [64, 101, 768])
@pytest.mark.parametrize("factor", [1, 2, 3, 4, 8])
def test_one_line_in_the_factor_is_kept(lines: int, factor: int) -> None:
    mask = sampling_mask(lines, factor, seed=2)
    assert mask.sum() == round(lines / factor)
    reach = (round(0.32 * lines / factor) - 1) // 2
    assert mask[lines // 2 - reach : lines // 2 + reach + 1].all()
    assert (mask == sampling_mask(lines, factor, seed=2)).all()
    assert (mask == sampling_mask(lines, factor, seed=3)).all() == (factor == 1)


def test_undersampling_loses_detail_with_the_factor() -> None:
    assert (undersample(PHOTO, 1) == PHOTO).all()
    scores = [psnr(PHOTO, undersample(PHOTO, factor)) for factor in (1, 2, 4, 8)]
    assert all(mild > strong for mild, strong in itertools.pairwise(scores))
    assert (undersample(PHOTO, 8, seed=1) != undersample(PHOTO, 8, seed=2)).any()


def test_undersampling_keeps_what_lies_in_the_centre() -> None:
    columns = np.arange(128)
    slow = 128 + 60 * np.cos(2 * np.pi * columns / 128)
    picture = np.broadcast_to(slow.round().astype(np.uint8)[None, :, None], (32, 128, 3))
    assert np.abs(undersample(picture, 8).astype(int) - picture).max() <= 1
    fast = np.broadcast_to(
        (128 + 60 * (-1.0) ** columns).astype(np.uint8)[None, :, None], (32, 128, 3)
    )
    missing = next(seed for seed in range(99) if not sampling_mask(128, 8, seed=seed)[0])
    assert np.ptp(undersample(fast, 8, seed=missing)) == 0


def test_unknown_names_and_levels_are_refused() -> None:
    with pytest.raises(OptionError, match="did you mean lens_blur"):
        distort(PHOTO, "blur", 1)
    for level in (0, 6, -1, 2.5, 2.0, "3"):
        with pytest.raises(OptionError, match="the levels are 1, 2, 3, 4, 5"):
            distort(PHOTO, "jpeg", level)  # type: ignore[arg-type]
    for factor in (0, -2, 1.5):
        with pytest.raises(OptionError, match="integer of at least 1"):
            undersample(PHOTO, factor)  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="non-negative"):
        distort(PHOTO, "jpeg", 1, seed=-1)


@pytest.mark.parametrize(
    ("pixels", "message"),
    [
        (PHOTO / 255, "uint8 pixels, got float64"),
        (PHOTO.astype(np.uint16), "uint8 pixels, got uint16"),
        (PHOTO.tolist(), "uint8 pixels, got list"),
        (PHOTO[..., 0], "RGB pixels"),
        (PHOTO[..., :1], "RGB pixels"),
        (PHOTO[:15], "at least 16 x 16 pixels, got 144 x 15"),
        (PHOTO[:, :0], "at least 16 x 16 pixels, got 0 x 120"),
    ],
)
def test_other_pictures_are_refused(pixels: Any, message: str) -> None:
    with pytest.raises(ImageError, match=message):
        distort(pixels, "jpeg", 1)
    with pytest.raises(ImageError, match=message):
        undersample(pixels, 2)


def test_a_missing_library_is_one_clear_error(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "skimage.color", None)
    monkeypatch.setitem(sys.modules, "skimage", None)
    with pytest.raises(MissingExtraError, match=r"needs skimage.*inrcodec\[distortions\]"):
        distort(np.zeros((16, 16, 3), np.uint8), "color_diffusion", 2)
