"""PSNR, SSIM, MS-SSIM against independent implementations, and what every input policy says."""

import csv
import os

import numpy as np
import pytest
import pytorch_msssim
import torch
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from inrcodec.errors import ImageError, OptionError, WeightsError
from inrcodec.metrics.judge import Judge, compare
from inrcodec.metrics.metric_table import METRICS, metric
from inrcodec.metrics.quality.inputs import batch
from inrcodec.metrics.quality.psnr import psnr
from inrcodec.metrics.quality.ssim import ms_ssim, ms_ssim_db, ssim


def noisy(pixels, sigma=12, seed=0):
    noise = np.random.default_rng(seed).normal(0, sigma, pixels.shape)
    return np.clip(pixels + noise, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def astronaut():
    from skimage import data

    return data.astronaut()[40:251, 100:427]  # odd sides, above 161


PAIRS = {
    "photo and noise": lambda a: (a, noisy(a)),
    "photo and shift": lambda a: (a, np.roll(a, 2, 1)),
    "random": lambda a: (noisy(a * 0 + 128, 60, 1), noisy(a * 0 + 128, 60, 2)),
}


@pytest.mark.parametrize("name", PAIRS)
def test_psnr_and_ssim_equal_scikit_image(astronaut, name):
    a, b = PAIRS[name](astronaut)
    window = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    expected = structural_similarity(a, b, channel_axis=2, data_range=255, **window)
    assert float(psnr(a, b)) == pytest.approx(peak_signal_noise_ratio(a, b), abs=1e-6)
    assert float(ssim(a, b)) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("sides", [(211, 327), (176, 176), (161, 200)])
def test_ms_ssim_equals_an_independent_package(astronaut, name, sides):
    a, b = (image[: sides[0], : sides[1]] for image in PAIRS[name](astronaut))
    x, y = (torch.from_numpy(image.copy()).permute(2, 0, 1)[None].double() for image in (a, b))
    expected = float(pytorch_msssim.ms_ssim(x, y, data_range=255))
    assert float(ms_ssim(a, b)) == pytest.approx(expected, abs=1e-4)
    assert float(ms_ssim_db(a, b)) == pytest.approx(-10 * np.log10(1 - float(ms_ssim(a, b))))


def test_calibration_pairs_of_tid2013(shared):
    """Official PSNR is over RGB, official SSIM over rounded luma."""
    folder = shared / "iqa/tid2013/pyiqa_calibration"
    with (folder / "results_official.csv").open() as file:
        official = {row["Method"]: row for row in csv.DictReader(file)}
    for name in ("I03.bmp", "I04.bmp", "I06.bmp", "I08.bmp", "I19.bmp"):
        pair = [Image.open(folder / f / name).convert("RGB") for f in ("ref_dir", "dist_dir")]
        luma = [image.convert("L") for image in pair]
        assert float(psnr(*pair)) == pytest.approx(float(official["psnr"][name]), abs=0.005)
        assert float(ssim(*luma)) == pytest.approx(float(official["ssim"][name]), abs=1.5e-4)
        # The official MS-SSIM filters and decimates where the PyTorch family averages 2 x 2.
        assert float(ms_ssim(*luma)) == pytest.approx(float(official["ms_ssim"][name]), abs=5e-3)


def test_a_large_picture_equals_its_parts_windowed_whole(astronaut):
    """Blocks of the windowed means leave no seam: one row of blocks against many."""
    from inrcodec.codec import structure

    x = torch.rand(1, 1, 300, 290, dtype=torch.float64)
    whole = structure.windowed(x)
    part = structure.windowed(x[..., 117:150, 120:160])
    assert torch.allclose(whole[..., 117:140, 120:150], part, atol=1e-14)
    assert whole.shape == (1, 1, 290, 280)


FREE = [m.name for m in METRICS.values() if not m.weights and "inriq" not in m.name]


@pytest.mark.parametrize("name", FREE)
def test_identical_pictures_score_exactly_the_ideal(astronaut, name):
    image = astronaut[:161, :161]
    assert compare(image, image.copy(), [name])[name] == METRICS[name].ideal


@pytest.mark.parametrize("name", FREE)
def test_more_noise_is_worse_and_values_lie_in_range(astronaut, name):
    image = astronaut[:161, :161]
    judge = Judge(image, [name])
    little, much = (judge.score(noisy(image, s))[name] for s in (4, 40))
    facts = METRICS[name]
    assert (little > much) == facts.higher_is_better
    assert facts.low <= min(little, much) <= max(little, much) <= facts.high


@pytest.mark.parametrize("name", [n for n in FREE if METRICS[n].differentiable])
def test_gradients_are_right_where_promised(astronaut, name):
    """The derivative along a random direction equals the difference quotient."""
    reference = batch(astronaut[:161, :161])
    generator = torch.Generator().manual_seed(0)
    start = (reference * 0.8 + 0.1).requires_grad_()
    direction = torch.randn(start.shape, generator=generator, dtype=start.dtype)
    scorer = METRICS[name].scorer(reference)
    (gradient,) = torch.autograd.grad(scorer(start).sum(), start)
    step = 1e-3 if name == "iem" else 1e-5  # the learned denoiser computes in float32
    with torch.no_grad():
        ahead, behind = (float(scorer(start + s * direction)) for s in (step, -step))
    expected = (ahead - behind) / (2 * step)
    assert float((gradient * direction).sum()) == pytest.approx(expected, rel=0.02)


class TestInputs:
    def test_every_kind_of_input_scores_the_same(self, astronaut, tmp_path):
        other = noisy(astronaut)
        Image.fromarray(other).save(tmp_path / "other.png")
        tensor = torch.from_numpy(other.copy()).permute(2, 0, 1)
        kinds = [other, tmp_path / "other.png", str(tmp_path / "other.png"), Image.fromarray(other)]
        kinds += [tensor, tensor.double() / 255, tensor[None], other[None], other / 255.0, [other]]
        values = {float(ssim(astronaut, kind)) for kind in kinds}
        assert max(values) - min(values) < 1e-12

    def test_a_batch_scores_each_picture(self, astronaut):
        others = [noisy(astronaut, sigma) for sigma in (5, 20)]
        together = psnr([astronaut, astronaut], np.stack(others))
        assert together.tolist() == [float(psnr(astronaut, other)) for other in others]

    @pytest.mark.parametrize("name", ["psnr", "iem"])
    def test_one_reference_stands_for_a_batch(self, astronaut, name):
        others = np.stack([noisy(astronaut, sigma)[:64, :64] for sigma in (5, 20)])
        scorer = METRICS[name].scorer(astronaut[:64, :64])
        each = [float(scorer(other)) for other in others]
        assert scorer(others).tolist() == pytest.approx(each, rel=1e-5)

    def test_files_of_ours_are_decoded(self, small, small_file, tmp_path):
        import inrcodec

        path = tmp_path / "small.inr"
        path.write_bytes(small_file)
        decoded = inrcodec.decode(small_file)
        for source in (small_file, path, str(path)):
            assert float(psnr(small, source)) == float(psnr(small, decoded))

    @pytest.mark.parametrize("dtype", [">f4", "f2", np.longdouble])
    def test_unusual_floats_are_read(self, astronaut, dtype):
        odd = (noisy(astronaut) / 255).astype(dtype)
        assert float(psnr(astronaut, odd)) == pytest.approx(
            float(psnr(astronaut, noisy(astronaut))), abs=0.01
        )

    def test_a_judge_scores_what_requires_a_gradient(self, astronaut):
        tensor = batch(astronaut).requires_grad_()
        assert Judge(noisy(astronaut), ["psnr"]).score(tensor)["psnr"] < 40

    def test_sixteen_bit_compares_by_value(self, astronaut):
        wide = astronaut.astype(np.uint16) * 257
        assert float(psnr(astronaut, wide)) == float("inf")
        assert float(psnr(wide, wide + (wide < 65535))) == pytest.approx(96.3, abs=0.2)

    def test_alpha_lies_over_mid_gray(self):
        clear = np.zeros((4, 4, 4), np.uint8)
        assert float(batch(clear).max()) == 0.5
        half = np.full((4, 4, 2), 255, np.uint8)
        half[:, :, 1] = 51  # alpha 0.2 over white: 0.2 + 0.8 / 2
        assert batch(half).flatten().tolist() == pytest.approx([0.6] * 16)

    def test_gray_equals_the_same_gray_in_three_channels(self, astronaut):
        gray, other = astronaut[:, :, 0], noisy(astronaut)[:, :, 0]
        colour = np.repeat(other[:, :, None], 3, 2)
        assert float(ssim(gray, other)) == pytest.approx(float(ssim(gray, colour)), abs=1e-12)

    @pytest.mark.parametrize(
        ("reference", "decoded", "message"),
        [
            (np.zeros((20, 20, 3), np.uint8), np.zeros((20, 21, 3), np.uint8), "differ in size"),
            (np.zeros((8, 8, 3), np.uint8), np.zeros((8, 8, 3), np.uint8), "too small.*11"),
            (np.zeros((20, 20, 3)), np.full((20, 20, 3), np.nan), "NaN"),
            (np.zeros((20, 20, 3)), np.full((20, 20, 3), np.inf), "infinite"),
            (np.zeros((20, 20, 3)), np.full((20, 20, 3), 1.5), r"\[0, 1\]"),
            (np.zeros((20, 20, 5), np.uint8), np.zeros((20, 20, 5), np.uint8), "1..4 channels"),
            (np.zeros((20,), np.uint8), np.zeros((20,), np.uint8), "shape"),
            (np.zeros((0, 20, 3)), np.zeros((0, 20, 3)), "shape"),
            (np.zeros((20, 20), np.int64), np.zeros((20, 20), np.int64), "int64"),
            ([], [], "empty"),
            ("nowhere.png", "nowhere.png", "nowhere.png"),
        ],
    )
    def test_bad_pairs_are_refused_clearly(self, reference, decoded, message):
        with pytest.raises(ImageError, match=message):
            ssim(reference, decoded)

    def test_ms_ssim_names_its_smallest_side(self):
        small = np.zeros((200, 160, 3), np.uint8)
        with pytest.raises(ImageError, match="161"):
            ms_ssim(small, small)


class TestRegistry:
    def test_unknown_names_get_a_suggestion(self):
        with pytest.raises(OptionError, match="lpips-alex"):
            metric("lpips")

    def test_missing_weights_are_named_never_replaced(self, astronaut, monkeypatch, tmp_path):
        monkeypatch.setenv("TORCH_HOME", str(tmp_path))
        for name in [name for name in os.environ if name.startswith("INRCODEC_")]:
            monkeypatch.delenv(name)
        for name in ("lpips-alex", "lpips-squeeze", "lpips-vgg", "dists", "clip"):
            assert METRICS[name].unavailable()
            with pytest.raises(WeightsError, match="INRCODEC_"):
                compare(astronaut, astronaut, [name])

    def test_names_and_modules_exist(self):
        from importlib import import_module

        for name, facts in METRICS.items():
            module, _, function = facts.function.partition(":")
            assert name == facts.name
            assert callable(getattr(import_module(f"inrcodec.metrics.quality.{module}"), function))
