"""Reports of several images: means, BD-rates, and the page that leads to the others."""

import io
import json
import math
import re
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from inrcodec.metrics.curves.bd import bd_rate
from inrcodec.metrics.report.evaluation import evaluate
from inrcodec.metrics.report.files import File
from inrcodec.metrics.report.options import ReportOptions
from inrcodec.metrics.report.set_page import to_html
from inrcodec.metrics.report.sets import FILES, ImageSet, Measured, image_set, measured, to_dict
from tests.metrics.report.pages import Page, png

QUALITIES = {"low": 40, "middle": 70, "high": 90}
SETTINGS = tuple(QUALITIES)


def webp(pixels: np.ndarray, quality: int) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "WEBP", quality=quality)
    return out.getvalue()


@pytest.fixture(scope="module")
def whole(photo: np.ndarray) -> ImageSet:
    """Two photographs as WebP of three qualities, beside JPEG and WebP at the same sizes."""
    options = ReportOptions(
        metrics=("psnr", "butteraugli-3norm"), codecs=("jpeg", "webp"), every_size=True
    )
    reports = []
    for name, pixels in (("a.png", photo), ("b.png", photo[::-1, ::-1].copy())):
        files = [File(f"{s}/a.webp", webp(pixels, q)) for s, q in QUALITIES.items()]
        reports.append(evaluate(File(name, png(pixels)), files, options))
    return image_set(SETTINGS, [measured(r) for r in reports], "inrcodec report")


def test_means_are_over_images_at_each_setting(whole: ImageSet) -> None:
    points = whole.means(FILES, "psnr")
    values = [[image.files[FILES][n].metrics["psnr"] for image in whole.images] for n in range(3)]
    assert [value for _, value in points] == pytest.approx(np.mean(values, 1))
    rates = [
        np.mean([8 * image.sizes[n] / image.pixels for image in whole.images]) for n in (0, 1, 2)
    ]
    assert [rate for rate, _ in points] == pytest.approx(rates)
    assert rates == sorted(rates)


def test_a_codec_is_interpolated_between_its_files_and_not_beyond(whole: ImageSet) -> None:
    image = whole.images[0]
    jpeg = image.files["jpeg"]
    size = image.sizes[1]
    below = max((f for f in jpeg if f.size_bytes <= size), key=lambda f: f.size_bytes)
    above = min((f for f in jpeg if f.size_bytes >= size), key=lambda f: f.size_bytes)
    value = image.at("jpeg", 1, "psnr")
    assert below.metrics["psnr"] <= value <= above.metrics["psnr"]
    beyond = replace(image, sizes=(10 * jpeg[-1].size_bytes, *image.sizes[1:]))
    assert math.isnan(beyond.at("jpeg", 0, "psnr"))
    assert math.isnan(image.at("avif", 0, "psnr"))
    without = replace(whole, images=(beyond, whole.images[1]))
    assert len(without.means("jpeg", "psnr")) < len(whole.means("jpeg", "psnr"))


@pytest.mark.parametrize("number", [0, 1])
def test_bd_rates_are_the_means_over_images(whole: ImageSet, number: int) -> None:
    metric = whole.metrics[number]
    found = whole.bd_rate("jpeg", FILES, metric)
    expected = []
    for image in whole.images:
        curves = [
            (
                [f.bits_per_pixel for f in image.files[c]],
                [f.metrics[metric.name] for f in image.files[c]],
            )
            for c in ("jpeg", FILES)
        ]
        method = "akima" if min(len(rates) for rates, _ in curves) > 3 else "pchip"
        delta = bd_rate(*curves, method=method, higher_is_better=metric.higher_is_better)
        expected.append(delta.value)
    assert found.images == 2
    assert found.value == pytest.approx(np.mean(expected))
    assert found.value < 0  # WebP needs fewer bits than JPEG


def test_a_curve_of_two_files_has_no_bd_rate_and_says_why(whole: ImageSet) -> None:
    image = whole.images[0]
    short = replace(image, files={**image.files, FILES: image.files[FILES][:2]})
    found = replace(whole, images=(short,)).bd_rate("jpeg", FILES, whole.metrics[0])
    assert (found.images, math.isnan(found.value)) == (0, True)
    assert "keeps 2 of 2 points" in str(found.reason)


def test_the_page_leads_to_the_images_and_hides_nothing(whole: ImageSet) -> None:
    page = to_html(whole, {"a.png": "a.html", "b.png": "b.html"})
    parsed = Page(page)
    assert {link["href"] for link in parsed.all("a")} == {"a.html", "b.html"}
    charts = [a["data-chart"] for t, a in parsed.elements if t == "div" and "data-chart" in a]
    assert charts == ["psnr", "butteraugli-3norm"]
    rate = whole.bd_rate("jpeg", FILES, whole.metrics[0]).value
    assert f"{rate:+.1f} %" in parsed.text("td")
    assert "BD-rate against JPEG 4:2:0" in parsed.text("h2")
    [policy] = [m["content"] for m in parsed.all("meta") if m.get("http-equiv")]
    assert "default-src 'none'" in str(policy)
    assert "://" not in page
    hostile = "<script>alert(1)</script>"
    named = replace(whole, titles={**whole.titles, FILES: hostile}, failures={"avif": hostile})
    assert len(Page(to_html(named, {"a.png": "a.html", "b.png": "b.html"})).all("script")) == 1


def test_numbers_of_an_image_outlive_json(whole: ImageSet) -> None:
    image = whole.images[0]
    first = replace(image.files[FILES][0], metrics={"psnr": math.inf, "ssim": 1.0})
    alike = replace(image, files={**image.files, FILES: (first,)})
    for each in (image, alike):
        text = json.dumps(each.to_json(), allow_nan=False)
        assert Measured.from_json(json.loads(text)) == each
    assert image.thumbnail.startswith("data:image/webp;base64,")
    assert len(image.thumbnail) < 8000


def many(whole: ImageSet, values: list[float]) -> ImageSet:
    """Images of one setting whose PSNR is given."""
    image = whole.images[0]
    images = []
    for number, value in enumerate(values):
        numbers = replace(image.files[FILES][0], metrics={"psnr": value})
        name = f"{number}.png"
        files = {FILES: (numbers,)}
        images.append(replace(image, name=name, files=files, sizes=(numbers.size_bytes,)))
    return image_set(["low"], images, "")


def test_what_is_worst_beside_the_others_comes_first(whole: ImageSet) -> None:
    values = [30.0, 31.0, 32.0, 12.0, 33.0, 60.0, math.inf]
    crowd = many(whole, values)
    distances = crowd.outlyingness()
    known = np.array(values[:-1])
    deviation = 1.4826 * np.median(np.abs(known - np.median(known)))
    assert distances["3.png"] == pytest.approx((np.median(known) - 12) / deviation)
    assert distances["5.png"] == distances["6.png"] == 0
    page = to_html(crowd, {}, verb="compare")
    order = re.findall(r"<span>(\d)\.png</span>", page)
    assert order[:2] == ["3", "0"]
    assert page.count("<strong>") == 1
    assert page.count('class="thumbnail"') == len(values)
    assert "7 images, 1 setting<" in page
    assert page.count('class="dot"') == len(values)  # the infinite one has none, the legend has
    assert set(many(whole, [30.0] * 3).outlyingness().values()) == {0.0}


def test_numbers_for_programs_are_those_of_the_page(whole: ImageSet) -> None:
    facts = to_dict(whole)
    assert facts["settings"] == list(SETTINGS)
    assert facts["anchor"] == "jpeg"
    assert set(facts["bd_rates"]) == {FILES, "webp"}
    assert facts["bd_rates"][FILES]["psnr"]["images"] == 2
    first = facts["images"][0]["files"][FILES][0]
    assert first["size_bytes"] == whole.images[0].sizes[0]
    assert re.fullmatch(r"[\d.]+", str(first["metrics"]["psnr"]))
