"""What every input policy says."""

import numpy as np
import pytest
import torch
from PIL import Image

from inrcodec import pixels
from inrcodec.errors import ImageError
from inrcodec.metrics.judge import Judge
from inrcodec.metrics.metric_table import METRICS
from inrcodec.metrics.quality.inputs import batch
from inrcodec.metrics.quality.psnr import psnr
from inrcodec.metrics.quality.ssim import ms_ssim, ssim
from tests.metrics.noise import noisy


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

    @pytest.mark.parametrize("channels", [1, 2, 3, 4])
    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
    def test_psnr_is_that_which_encode_says(self, channels, dtype):
        random = np.random.default_rng(1)
        first, second = (
            random.integers(0, np.iinfo(dtype).max + 1, (9, 7, channels)).astype(dtype)
            for _ in range(2)
        )
        assert float(psnr(first, second)) == pytest.approx(pixels.psnr(first, second), abs=1e-9)

    def test_psnr_of_alpha_against_opaque(self):
        opaque = np.full((4, 4, 3), 128, np.uint8)
        same = np.full((4, 4, 4), 128, np.uint8)
        same[..., 3] = 255
        assert float(psnr(opaque, same)) == float("inf")
        same[..., 3] = 0
        squares = [(128 / 255) ** 2, (127 / 255) ** 2]
        expected = -10 * np.log10(np.mean(squares))
        assert float(psnr(opaque, same)) == pytest.approx(expected)
        assert float(psnr(same, opaque)) == pytest.approx(expected)
        lists = psnr([opaque, opaque], [opaque, same])
        assert lists.tolist() == [float("inf"), pytest.approx(expected)]

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
