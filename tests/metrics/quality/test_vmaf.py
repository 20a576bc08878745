"""VMAF against libvmaf (`libvmaf.py` says how its values were made)."""

import json

import numpy as np
import pytest
import torch

from inrcodec.errors import ImageError, MissingExtraError
from inrcodec.metrics.judge import Judge, compare
from inrcodec.metrics.metric_table import METRICS
from inrcodec.metrics.quality.inputs import batch
from tests.metrics.noise import noisy
from tests.metrics.quality import libvmaf

PAIRS = libvmaf.pairs()
NAMES = ("vmaf", "vmaf-neg")


@pytest.fixture
def package():
    pytest.importorskip("vmaf_torch")


@pytest.mark.parametrize("pair", PAIRS)
def test_values_are_those_of_libvmaf(package, pair):
    expected = json.loads(libvmaf.VALUES.read_text())["values"][pair]
    scores = compare(*PAIRS[pair], NAMES)
    borders = 0.4 if min(PAIRS[pair][0].shape[:2]) < 64 else 0.2
    for name in NAMES:
        assert scores[name] == pytest.approx(expected[name], abs=borders)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("pair", ["noise", "gray", "16 bit", "flat", "32 x 40"])
def test_identical_images_of_every_kind_are_ideal(package, name, pair):
    reference = PAIRS[pair][0]
    assert compare(reference, reference.copy(), [name])[name] == METRICS[name].ideal


@pytest.mark.parametrize("name", NAMES)
def test_alpha_is_laid_over_gray(package, name, astronaut):
    image = astronaut[:64, :80]
    opaque, veiled = (np.dstack([image, np.full_like(image[..., 0], a)]) for a in (255, 128))
    assert compare(image, opaque, [name])[name] == METRICS[name].ideal
    assert compare(image, veiled, [name])[name] < 80


@pytest.mark.parametrize("name", NAMES)
def test_more_noise_is_worse_and_a_batch_scores_as_its_images_do(package, name, astronaut):
    image = astronaut[:101, :131]
    versions = [noisy(image, 4), image, noisy(image, 40)]
    judge = Judge(image, [name])
    alone = [judge.score(one)[name] for one in versions]
    assert alone[0] > alone[2] > 0
    assert [each[name] for each in judge.score_each(np.stack(versions))] == pytest.approx(
        alone, abs=0.002
    )


def test_enhancement_is_rewarded_by_vmaf_alone(package):
    scores = compare(*PAIRS["more contrast"], NAMES)
    assert scores["vmaf"] == 100 > METRICS["vmaf"].ideal > scores["vmaf-neg"]


def test_a_step_along_the_gradient_is_better(package, astronaut):
    reference = batch(astronaut[:96, :96])
    start = batch(noisy(astronaut[:96, :96], 20)).requires_grad_()
    scorer = METRICS["vmaf"].scorer(reference)
    (gradient,) = torch.autograd.grad(scorer(start).sum(), start)
    direction = gradient / gradient.abs().max()
    with torch.no_grad():
        ahead, behind = (
            float(scorer((start + s * direction).clamp(0, 1))) for s in (0.002, -0.002)
        )
    expected = float((gradient * direction).sum()) * 0.004
    assert ahead - behind == pytest.approx(expected, rel=0.1)


@pytest.mark.parametrize("name", NAMES)
def test_images_too_small_are_refused(package, name, astronaut):
    with pytest.raises(ImageError, match="at least 32"):
        compare(astronaut[:31, :64], astronaut[:31, :64], [name])


@pytest.mark.parametrize("name", NAMES)
def test_without_its_package_it_names_the_extra(name, monkeypatch):
    from inrcodec import extras

    find = extras.importlib.util.find_spec
    monkeypatch.setattr(
        extras.importlib.util, "find_spec", lambda n: None if n == "vmaf_torch" else find(n)
    )
    with pytest.raises(MissingExtraError, match=r"is not available.*inrcodec\[vmaf\]"):
        compare(*PAIRS["noise"], [name])
    assert METRICS[name].needs == "inrcodec[vmaf]"
    assert not METRICS[name].can_download()
