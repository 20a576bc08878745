"""The page of a report: safe, whole, exact."""

import base64
import hashlib
import io
import math
import re
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from inrcodec.metrics.judge import compare
from inrcodec.metrics.metric_table import METRICS
from inrcodec.metrics.report import prefixes
from inrcodec.metrics.report.document import part
from inrcodec.metrics.report.evaluation import evaluate
from inrcodec.metrics.report.files import File
from inrcodec.metrics.report.matching import at_size, best
from inrcodec.metrics.report.page import to_html
from inrcodec.metrics.report.pictures import Limits, gallery
from inrcodec.metrics.report.records import Report, Version
from inrcodec.metrics.report.sections import folded
from inrcodec.metrics.report.text import shown, to_dict, to_markdown
from inrcodec.pixels import Picture
from tests.metrics.report.pages import FAST, HOSTILE, Page, jpeg, opened, png


def test_page_is_whole_and_needs_no_network(report: Report) -> None:
    page = to_html(report)
    parsed = Page(page)
    for tag, attributes in parsed.elements:
        for name, value in attributes.items():
            assert not name.startswith("on")
            assert name != "style"
            if name in ("src", "href", "action", "data", "poster", "srcset", "xlink:href"):
                assert str(value).startswith("data:"), (tag, name)
    assert "://" not in re.sub(r"base64,[A-Za-z0-9+/=]+", "", page)
    assert "url(" not in parsed.text("style")
    assert "@import" not in parsed.text("style")
    identifiers = [a["id"] for _, a in parsed.elements if "id" in a]
    assert len(set(identifiers)) == len(identifiers)
    for wanted in re.findall(r'byId\("([\w-]+)"\)', parsed.text("script")):
        assert wanted in identifiers or wanted == "chart-metric"


def test_only_the_pages_own_style_and_script_may_act(report: Report) -> None:
    page = to_html(report)
    parsed = Page(page)
    [policy] = [m["content"] for m in parsed.all("meta") if m.get("http-equiv")]
    for tag in ("style", "script"):
        bodies = re.findall(f"<{tag}>(.*?)</{tag}>", page, re.DOTALL)  # those that may act
        digests = [hashlib.sha256(body.encode()).digest() for body in bodies]
        hashes = [f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests]
        assert f"{tag}-src {' '.join(hashes)}" in str(policy)
    assert "default-src 'none'; img-src data:;" in str(policy)
    assert "unsafe" not in str(policy).replace("'wasm-unsafe-eval'", "")


def test_no_script_but_those_of_the_package(report: Report) -> None:
    page = to_html(report)
    acting = re.findall("<script>(.*?)</script>", page, re.DOTALL)
    decoding = prefixes.decoding(report)
    assert acting == [part("page.js")] + ([] if decoding is None else [decoding[1]])
    data = {a["type"] for a in Page(page).all("script") if "type" in a}
    assert data <= {"application/octet-stream"}


def test_hostile_names_are_only_text(report: Report) -> None:
    parsed = Page(to_html(report))
    assert "alert" not in parsed.text("script")
    for tag in ("h3", "b", "option", "code"):  # beside the slider, under the crop, in the list
        assert HOSTILE in parsed.text(tag)
    hostile = replace(
        report,
        reference=replace(report.reference, name=HOSTILE),
        versions=(replace(report.versions[0], name=HOSTILE, title=HOSTILE), *report.versions[1:]),
        failures={"webp": HOSTILE},
    )
    parsed = Page(to_html(hostile))
    assert HOSTILE in parsed.text("h1")
    assert HOSTILE in parsed.text("title")
    assert HOSTILE in parsed.text("li")
    assert len(parsed.all("script")) == len(Page(to_html(report)).all("script"))
    assert all(not name.startswith("on") for _, a in parsed.elements for name in a)


def test_judged_pictures_are_embedded_exactly(report: Report, photo: np.ndarray) -> None:
    pictures = Page(to_html(report)).pictures()
    assert sorted(pictures) == [0, 1, 2, 3, 4, 5]
    assert (opened(pictures[0]) == photo).all()
    assert (opened(pictures[1]) == report.versions[0].picture.pixels).all()
    assert (opened(pictures[3]) == photo).all()
    # What browsers show themselves is the file itself.
    assert pictures[2] == report.versions[1].data
    assert [pictures[4], pictures[5]] == [version.data for version in report.codecs]


def test_metadata_of_files_does_not_leak_into_the_page(photo: np.ndarray) -> None:
    exif = Image.Exif()
    exif[0x010E] = "where I live"
    secret = jpeg(photo, exif=exif.tobytes())
    report = evaluate(File("a.png", png(photo)), [File("b.jpg", secret)], FAST)
    picture = Page(to_html(report)).pictures()[1]
    assert b"where I live" in secret
    assert b"where I live" not in picture
    assert (opened(picture) == opened(secret)).all()


def cells(parsed: Page, page: str, title: str) -> list[str]:
    """The class of every cell of one metric's row."""
    row = re.search(rf"<tr><th scope=\"row\"><b>{re.escape(title)}.*?</tr>", page)
    assert row
    return re.findall(r"<td( class=\"best\")?>", row[0])


def test_the_best_of_each_row_is_marked_among_files_of_one_size(report: Report) -> None:
    page = to_html(report)
    same = [report.versions[0], *report.codecs]
    most = max(version.compared.metrics["psnr"] for version in same)
    winners = [
        v in same and v.compared.metrics["psnr"] == most for v in (*report.versions, *report.codecs)
    ]
    assert [bool(c) for c in cells(Page(page), page, "PSNR")][:5] == winners
    assert page.count('aria-label="best"') == 2
    assert "among those within 1 % of the size of a.inr" in page
    alone = to_html(replace(report, codecs=()))
    assert 'aria-label="best"' not in alone
    assert "★ marks" not in alone


def test_two_sizes_are_never_compared(report: Report) -> None:
    def version(size: int, value: float) -> Version:
        return replace(report.versions[0], data=bytes(size), metrics={"iem": value})

    ours = version(1000, 2.0)
    # Lower may be better, and equals share the mark, unless all are equal.
    assert best(METRICS["iem"], [ours, version(1010, 1.0), version(990, 1.0)]) == {1, 2}
    assert best(METRICS["iem"], [ours, version(1000, 2.0)]) == set()
    assert best(METRICS["iem"], [ours, version(1011, 1.0)]) == set()
    assert best(METRICS["iem"], [ours, version(989, 3.0)]) == set()
    assert best(METRICS["iem"], [ours, version(940, 3.0), version(1001, 1.0)]) == {2}


def test_a_codec_without_a_file_of_the_size_is_interpolated(report: Report) -> None:
    small, large = (
        replace(report.codecs[0], title="Coarse", data=bytes(size), metrics={"psnr": value})
        for size, value in ((900, 30.0), (1100, 32.0))
    )
    nearest, others = at_size([small, large], 1000)
    value = 30 + 2 * math.log(1000 / 900) / math.log(1100 / 900)
    assert nearest.compared.metrics == {"psnr": pytest.approx(value)}
    assert nearest.compared.size_bytes == 1000
    assert (nearest.size_bytes, [v.size_bytes for v in others]) == (1100, [900])
    assert nearest.metrics == {"psnr": 32.0}  # its own stay what they are
    ours = replace(report.versions[0], data=bytes(1000), about=None, metrics={"psnr": 31.0})
    shown = replace(
        report, versions=(ours,), codecs=(nearest,), curve=others, metrics=(METRICS["psnr"],)
    )
    page, table = to_html(shown), to_markdown(shown)
    for text in (page, table):
        assert "Coarse between files of 900 and 1,100 bytes" in text
        assert "≈ 1,000" in text
        assert f"{value:.2f}" in text
    assert page.count('aria-label="best"') == 1
    assert to_dict(shown)["codecs"][0]["interpolated"]["between"] == [900, 1100]
    # One file alone, or a value without end, is compared at its own size.
    alone, none = at_size([small], 1000)
    assert (alone.compared, none) == (small, ())
    endless = replace(large, metrics={"psnr": math.inf})
    assert at_size([small, endless], 1000)[0].interpolated is None


def test_identical_pictures_show_infinity(report: Report) -> None:
    assert shown(METRICS["psnr"], math.inf) == "∞"
    assert shown(METRICS["psnr"], 31.456) == "31.46"
    assert shown(METRICS["ssim"], 0.00001234) == "1.2e-05"
    assert "<td>∞</td>" in to_html(report)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("depth", [8, 16])
def test_every_kind_of_picture(photo: np.ndarray, channels: int, depth: int) -> None:
    pixels = np.dstack([photo, photo[:, :, :1]])[::4, ::4]
    pixels = pixels[:, :, {1: [0], 2: [0, 3], 3: [0, 1, 2], 4: [0, 1, 2, 3]}[channels]]
    shade = np.ascontiguousarray(pixels)
    if depth == 16:
        pixels = np.minimum(shade.astype(np.uint32) * 257 + 40, 65535).astype(np.uint16)
    other = np.roll(pixels, 1, 1)
    report = evaluate(File("a.png", png(pixels)), [File("b.png", png(other))], FAST)
    assert report.versions[0].metrics == compare(Picture(pixels), Picture(other), ["psnr", "ssim"])
    page = to_html(report)
    with Image.open(io.BytesIO(Page(page).pictures()[0])) as image:
        back = np.asarray(image.convert({1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}[channels]))
    assert (back.reshape(shade.shape) == shade).all()
    assert ('class="checkered"' in page) == (channels in (2, 4))
    assert ("Shown at 8 bit" in page) == (depth == 16)


def test_large_pictures_are_copies_with_a_crop_at_full_size(
    report: Report,
) -> None:
    page = to_html(report, Limits(large_pixels=9000, copy_pixels=4000, crop=(40, 30)))
    parsed = Page(page)
    height, width, _ = opened(parsed.pictures()[0]).shape
    assert 3800 < width * height <= 4100
    assert f"copies of {width} × {height} pixels" in page
    crops = [image for image in parsed.all("img") if image.get("alt") == "a.inr"]
    crop = opened(base64.b64decode(str(crops[0]["src"]).partition(",")[2]))
    x, y = map(int, re.search(r"40 × 30 pixels at (\d+), (\d+)", page).groups())
    decoded = report.versions[0].picture.pixels
    assert (crop == decoded[y : y + 30, x : x + 40]).all()


def test_the_crop_lies_where_the_error_is(photo: np.ndarray) -> None:
    wrong = photo.copy()
    wrong[50:80, 60:100] ^= 255
    report = evaluate(File("a.png", png(photo)), [File("b.png", png(wrong))], FAST)
    assert gallery(report, Limits(crop=(40, 30))).crop == (60, 50, 40, 30)


def test_of_several_versions_the_crop_lies_where_they_differ(photo: np.ndarray) -> None:
    one, two = photo.copy(), photo.copy()
    one[:40, :50] ^= 255  # in both alike, so it tells nothing
    two[:40, :50] ^= 255
    two[50:80, 60:100] ^= 16
    files = [File("b.png", png(one)), File("c.png", png(two))]
    report = evaluate(File("a.png", png(photo)), files, FAST)
    assert gallery(report, Limits(crop=(40, 30))).crop == (60, 50, 40, 30)
    assert "60, 50, where the versions differ most from one another" in to_html(
        report, Limits(crop=(40, 30))
    )


def test_rendering_needs_no_torch() -> None:
    code = """
import sys
import numpy as np
from inrcodec.metrics.metric_table import METRICS
from inrcodec.metrics.report.files import File
from inrcodec.metrics.report.page import to_html
from inrcodec.metrics.report.records import Report, Version
from inrcodec.metrics.report.text import to_dict, to_markdown
from inrcodec.pixels import Picture
picture = Picture(np.zeros((20, 30, 3), np.uint8))
version = Version(name="a", title="a", kind="image", data=b"abc", picture=picture,
                  metrics={"psnr": 30.0}, decode_s=1.0, metrics_s=1.0)
report = Report(reference=File("b", b"abcd"), picture=picture, versions=(version,), codecs=(),
                curve=(), damaged=(), metrics=(METRICS["psnr"],), unavailable={}, failures={},
                notes={},
                prepare_s=0.0, threads=1, software={}, command="")
assert "30.00" in to_html(report) and "30.00" in to_markdown(report) and to_dict(report)
sys.exit("torch" in sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_sections_of_one_level_are_one_row() -> None:
    parts = [("header", 35), ("latents level 1 main", 9), ("latents level 1 chroma 1", 4)]
    parts += [("latents level 0 main", 7), ("latents level 0 chroma 2 (damaged)", 5), ("end", 10)]
    assert folded(parts) == [
        ("header", 35),
        ("latents level 1, 2 sections", 13),
        ("latents level 0", 7),
        ("latents level 0 chroma 2 (damaged)", 5),
        ("end", 10),
    ]
    alpha = [("alpha latents level 1 main", 3), ("latents level 1 main", 2)]
    assert [size for _, size in folded(alpha)] == [3, 2]


def test_times_stand_beside_the_metrics(report: Report, photo, photo_file) -> None:
    timed = File("a.inr", photo_file, encode_s=12.3)
    page = to_html(evaluate(File("photo.png", png(photo)), [timed], FAST))
    [encode] = re.findall(r'<tr><th scope="row">Encode</th>(.*?)</tr>', page)
    assert encode == "<td>12.3 s</td>"
    assert "<td>–</td>" in to_html(report)
    assert '<th scope="row">Decode</th>' in page
