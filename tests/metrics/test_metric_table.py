"""The table of metrics promises what the metrics do."""

import os

import numpy as np
import pytest
import torch

from inrcodec.errors import OptionError, WeightsError
from inrcodec.metrics.judge import Judge, compare
from inrcodec.metrics.metric_table import METRICS, metric
from inrcodec.metrics.quality.iem import iem
from inrcodec.metrics.quality.inputs import batch
from tests.metrics.noise import noisy

FREE = [m.name for m in METRICS.values() if not m.needs and "inriq" not in m.name]

IN_FLOAT32 = ("iem", "ssimulacra2", "butteraugli", "butteraugli-3norm")
STEPS = {"fsim": 1e-8}


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


def test_every_image_of_a_batch_has_the_scores_it_has_alone(astronaut):
    image = astronaut[:161, :161]
    judge = Judge(image, ["psnr", "ssim"])
    versions = [noisy(image, 4), noisy(image, 40)]
    assert judge.score_each(np.stack(versions)) == [judge.score(one) for one in versions]


@pytest.mark.parametrize("name", [n for n in FREE if METRICS[n].differentiable])
def test_gradients_are_right_where_promised(astronaut, name):
    """The derivative along a random direction equals the difference quotient.

    With noise: FSIM has a kink where phase congruency, which sees no contrast, is the same; it has
    many others.
    """
    reference = batch(astronaut[:161, :161])
    generator = torch.Generator().manual_seed(0)
    start = (batch(noisy(astronaut[:161, :161], 4)) * 0.8 + 0.1).requires_grad_()
    direction = torch.randn(start.shape, generator=generator, dtype=start.dtype)
    scorer = METRICS[name].scorer(reference)
    (gradient,) = torch.autograd.grad(scorer(start).sum(), start)
    step = STEPS.get(name, 1e-3 if name in IN_FLOAT32 else 1e-5)
    with torch.no_grad():
        ahead, behind = (float(scorer(start + s * direction)) for s in (step, -step))
    expected = (ahead - behind) / (2 * step)
    assert float((gradient * direction).sum()) == pytest.approx(expected, rel=0.02)


class TestRegistry:
    def test_unknown_names_get_a_suggestion(self):
        with pytest.raises(OptionError, match="lpips-alex"):
            metric("lpips")

    def test_missing_weights_are_named_never_replaced(self, astronaut, monkeypatch, tmp_path):
        monkeypatch.setenv("TORCH_HOME", str(tmp_path))
        for name in [name for name in os.environ if name.startswith("INRCODEC_")]:
            monkeypatch.delenv(name)
        for name in ("lpips-alex", "lpips-squeeze", "lpips-vgg", "dists", "clip", "dreamsim"):
            assert METRICS[name].unavailable()
            with pytest.raises(WeightsError, match="INRCODEC_"):
                compare(astronaut, astronaut, [name])

    def test_names_and_modules_exist(self):
        from importlib import import_module

        for name, facts in METRICS.items():
            module, _, function = facts.function.partition(":")
            assert name == facts.name
            assert callable(getattr(import_module(f"inrcodec.metrics.quality.{module}"), function))


class TestJudge:
    """A device other than the default one takes the way by tensors; "cpu:0" is one."""

    NAMES = ("psnr", "ssim", "ssimulacra2", "iem-gaussian")

    @pytest.mark.parametrize("kind", ["rgb", "alpha", "gray", "deep"])
    def test_a_device_changes_no_value(self, astronaut, kind):
        image = astronaut[:48, :64]
        image = {
            "rgb": image,
            "alpha": np.dstack([image, image[..., 0]]),
            "gray": image[..., 1],
            "deep": image.astype(np.uint16) * 257,
        }[kind]
        other = np.roll(image, 1, 0)
        there, here = (Judge(image, self.NAMES, device=d) for d in ("cpu:0", "cpu"))
        assert there.score(other) == here.score(other)
        assert there.score([other, image]) == here.score([other, image])

    @pytest.mark.gpu
    def test_metrics_on_a_gpu_are_those_of_a_processor(self, astronaut):
        image = astronaut[:176, :176]
        there, here = (Judge(image, FREE, device=d) for d in ("cuda", "cpu"))
        for name, value in here.score(noisy(image, 8)).items():
            assert there.score(noisy(image, 8))[name] == pytest.approx(value, rel=1e-3)

    def test_a_device_that_is_not_there_is_refused(self, astronaut):
        with pytest.raises(OptionError, match="cannot be used"):
            Judge(astronaut, ["psnr"], device="cuda:99")

    def test_gamma_max_is_that_of_iem(self, astronaut):
        image, other = astronaut[:32, :32], noisy(astronaut[:32, :32], 8)
        judge = Judge(image, ["psnr", "iem-gaussian"], gamma_max=100)
        expected = float(iem(image, other, denoiser="gaussian", gamma_max=100.0))
        assert judge.score(other)["iem-gaussian"] == expected
        assert judge.score(other, ["psnr"]).keys() == {"psnr"}
        for value in (0, -1, float("nan"), "1"):
            with pytest.raises(OptionError, match="gamma_max"):
                Judge(image, ["iem"], gamma_max=value)
        with pytest.raises(OptionError, match="setting of iem and iem-gaussian"):
            Judge(image, ["psnr"], gamma_max=1)
