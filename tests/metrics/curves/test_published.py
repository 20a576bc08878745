"""Our codecs and metrics against curves others published for the 24 Kodak photographs."""

import csv

import numpy as np
import pytest

from inrcodec.images.reading import read_image
from inrcodec.metrics.curves.bd import bd_rate
from inrcodec.metrics.judge import compare
from inrcodec.metrics.references.baselines import encode_at

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def photographs(shared):
    return [read_image(path).pixels for path in sorted((shared / "kodak").glob("kodim*.png"))]


def anchor(shared, name):
    with (shared.parent / "anchors" / name).open() as file:
        return [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]


def mean_point(photographs, codec, quality):
    """Mean bpp, PSNR and MS-SSIM over the photographs."""
    rows = []
    for pixels in photographs:
        coded = encode_at(codec, pixels, quality)
        scores = compare(pixels, coded.pixels, ["psnr", "ms-ssim"])
        rows.append([coded.bits_per_pixel, *scores.values()])
    return np.mean(rows, axis=0)


@pytest.mark.parametrize("quality", [20, 50])
def test_jpeg_of_the_same_quality_has_the_published_rate_and_scores(shared, photographs, quality):
    published = anchor(shared, "nif25repo_traditional_jpeg.csv")
    point = next(row for row in published if row["config"] == quality)
    rate, psnr, ms_ssim = mean_point(photographs, "jpeg", quality)
    assert rate == pytest.approx(point["bpp"], rel=0.05)
    assert psnr == pytest.approx(point["psnr"], abs=0.1)
    assert ms_ssim == pytest.approx(point["msssim"], abs=2e-3)


def test_webp_lies_on_the_published_curve(shared, photographs):
    published = anchor(shared, "webp.csv")
    ours = np.transpose([mean_point(photographs, "webp", q) for q in (5, 20, 40, 60, 75)])
    theirs = np.transpose([[row["bpp"], row["psnr"]] for row in published])
    assert abs(bd_rate(theirs, (ours[0], ours[1])).value) < 5
