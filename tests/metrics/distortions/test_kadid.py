import itertools
import math
import sys
from collections.abc import Sequence
from dataclasses import FrozenInstanceError, replace
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image, JpegImagePlugin
from skimage import color, data, filters

from inrcodec.errors import ImageError, OptionError
from inrcodec.metrics.distortions import operations
from inrcodec.metrics.distortions.kadid import (
    DISTORTIONS,
    LEVELS,
    distort,
    sampling_mask,
    undersample,
)
from inrcodec.metrics.distortions.tools import (
    Pixels,
    disk_kernel,
    line_kernel,
    otsu_thresholds,
    rgb_to_lab,
)
from inrcodec.pixels import psnr

PHOTO = np.asarray(Image.fromarray(data.astronaut()).resize((144, 120), Image.Resampling.LANCZOS))
GRAY = np.full((128, 128, 3), 128, np.uint8)
NOISE = np.random.default_rng(5).integers(0, 256, (96, 112, 3), np.uint8)

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


def places(height: int, width: int) -> np.ndarray:
    """A picture that says in R and G where each of its pixels was."""
    rows, columns = np.mgrid[:height, :width]
    return np.stack([rows, columns, 0 * rows], axis=2).astype(np.uint8)


def random() -> np.random.Generator:
    return np.random.default_rng(11)


# --- what holds for every type


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


# --- blurs


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


# --- colours


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


# --- files


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


# --- noises


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


# --- brightness and contrast


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


# --- places


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


# --- quantization


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


# --- under-sampling


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


# --- what is refused


def test_unknown_names_and_levels_are_refused() -> None:
    with pytest.raises(OptionError, match="known are gaussian_blur, lens_blur"):
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
    with pytest.raises(OptionError, match=r"color_diffusion needs skimage.*inrcodec\[research\]"):
        distort(np.zeros((16, 16, 3), np.uint8), "color_diffusion", 2)
