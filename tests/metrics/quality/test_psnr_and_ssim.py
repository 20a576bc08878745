"""PSNR, SSIM and MS-SSIM against independent implementations."""

import csv

import numpy as np
import pytest
import pytorch_msssim
import torch
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from inrcodec.metrics.quality.psnr import psnr
from inrcodec.metrics.quality.ssim import ms_ssim, ms_ssim_db, ssim
from tests.metrics.noise import noisy

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
    from inrcodec.codec.fitting import similarity

    x = torch.rand(1, 1, 300, 290, dtype=torch.float64)
    whole = similarity.windowed(x)
    part = similarity.windowed(x[..., 117:150, 120:160])
    assert torch.allclose(whole[..., 117:140, 120:150], part, atol=1e-14)
    assert whole.shape == (1, 1, 290, 280)
