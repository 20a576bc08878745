"""FSIM, GMSD, HaarPSI, VIF, FLIP and ColorVideoVDP against the packages that others use."""

import numpy as np
import pytest
import torch
from flip_evaluator import evaluate

from inrcodec.errors import ImageError, MissingExtraError
from inrcodec.metrics.judge import Judge, compare
from inrcodec.metrics.metric_table import METRICS
from tests.metrics.quality import libjxl
from tests.metrics.quality.torchvision import imported

PAIRS = {
    name: (a, b)
    for name, (a, b) in libjxl.pairs().items()
    if a.dtype == np.uint8 and a.shape[2:] != (4,) and min(a.shape[:2]) > 100
}
PIQ = {
    "fsim": lambda piq, x, y: piq.fsim(y, x, chromatic=x.shape[1] == 3),
    "gmsd": lambda piq, x, y: piq.gmsd(y, x),
    "haarpsi": lambda piq, x, y: piq.haarpsi(y, x),
    "vif": lambda piq, x, y: piq.vif_p(y, x),
}
NAMES = (*PIQ, "flip")


def tensor(image):
    """Values in [0, 1], (1, C, H, W)."""
    channels = image.reshape(*image.shape[:2], -1)
    return torch.from_numpy(channels.copy()).permute(2, 0, 1)[None].double() / 255


@pytest.fixture(scope="module")
def cvvdp():
    return imported("pycvvdp")


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("name", PIQ)
def test_values_are_those_of_piq(name, pair):
    reference, distorted = PAIRS[pair]
    expected = float(PIQ[name](imported("piq"), tensor(reference), tensor(distorted)))
    assert compare(reference, distorted, [name])[name] == pytest.approx(expected, abs=1e-8)


@pytest.mark.parametrize("pair", PAIRS)
def test_flip_is_that_of_its_authors(pair):
    images = (
        np.broadcast_to(image.reshape(*image.shape[:2], -1), (*image.shape[:2], 3))
        for image in PAIRS[pair]
    )
    reference, distorted = (np.ascontiguousarray(image, np.float32) / 255 for image in images)
    _, expected, _ = evaluate(reference, distorted, "LDR", applyMagma=False)
    assert compare(reference, distorted, ["flip"])["flip"] == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("image", libjxl.pairs())
def test_identical_images_of_every_kind_are_ideal_or_too_small(name, image):
    reference, _ = libjxl.pairs()[image]
    if min(reference.shape[:2]) < METRICS[name].smallest_side:
        with pytest.raises(ImageError, match="is too small"):
            compare(reference, reference, [name])
        return
    assert compare(reference, reference.copy(), [name])[name] == METRICS[name].ideal


@pytest.mark.parametrize("name", NAMES)
def test_flat_images_have_values(name):
    gray = np.full((48, 48, 3), 100, np.uint8)
    assert compare(gray, gray.copy(), [name])[name] == METRICS[name].ideal
    value = compare(gray, gray + 40, [name])[name]
    assert METRICS[name].low <= value <= METRICS[name].high


@pytest.mark.parametrize("name", NAMES)
def test_sixteen_bit_is_the_same_image(name):
    reference, distorted = PAIRS["noise"]
    deep = [image.astype(np.uint16) * 257 for image in (reference, distorted)]
    scores = compare(reference, distorted, [name])[name], compare(*deep, [name])[name]
    assert scores[0] == pytest.approx(scores[1], abs=1e-12)


def test_vif_of_more_contrast_is_above_one():
    reference = PAIRS["noise"][0]
    low = (reference // 2 + 64).astype(np.uint8)
    assert compare(low, reference, ["vif"])["vif"] > 1 > compare(reference, low, ["vif"])["vif"]


@pytest.mark.parametrize("pair", ["noise", "posterised", "gray"])
def test_cvvdp_is_its_package_on_the_named_display(cvvdp, pair):
    reference, distorted = (
        image if image.ndim == 3 else np.dstack([image] * 3) for image in PAIRS[pair]
    )
    metric = cvvdp.cvvdp(display_name="standard_4k", device=torch.device("cpu"))
    expected = float(metric.predict(distorted, reference, dim_order="HWC")[0])
    score = compare(*PAIRS[pair], ["cvvdp"])["cvvdp"]
    assert score == pytest.approx(expected, abs=2e-3)
    assert 0 < score < 10


def test_cvvdp_of_identical_images_and_batches(cvvdp):
    reference, distorted = PAIRS["noise"]
    judge = Judge(reference, ["cvvdp"])
    assert judge.score(reference.copy())["cvvdp"] == METRICS["cvvdp"].ideal
    both = judge.score(np.stack([reference, distorted]))["cvvdp"]
    assert both == pytest.approx((10 + judge.score(distorted)["cvvdp"]) / 2, abs=1e-5)
    with pytest.raises(ImageError, match="at least 16"):
        compare(reference[:15], distorted[:15], ["cvvdp"])


def test_a_missing_package_is_named_with_its_extra(monkeypatch):
    from inrcodec import extras
    from inrcodec.metrics.curves import rd

    find = extras.importlib.util.find_spec
    monkeypatch.setattr(
        extras.importlib.util, "find_spec", lambda n: None if n == "pycvvdp" else find(n)
    )
    with pytest.raises(MissingExtraError, match=r"cvvdp is not available.*inrcodec\[cvvdp\]"):
        compare(*PAIRS["noise"], ["cvvdp"])
    with pytest.raises(MissingExtraError, match="cvvdp"):
        rd.run({}, [], "rows.jsonl", metrics=["cvvdp"])
    assert "inrcodec[cvvdp]" in str(METRICS["cvvdp"].trial())
    assert not METRICS["cvvdp"].can_download()


def test_a_package_that_does_not_import_is_one_clear_error(monkeypatch):
    from inrcodec import extras
    from inrcodec.metrics.quality import cvvdp as module

    def failing(name, *, extra):
        raise RuntimeError("operator torchvision::nms does not exist\nand more")

    module._model.cache_clear()
    monkeypatch.setattr(extras, "require", failing)
    assert METRICS["cvvdp"].trial() == (
        "cvvdp is installed but cannot be imported: operator torchvision::nms does not exist "
        "(torchvision must fit torch)"
    )
