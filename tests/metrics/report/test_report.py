import base64
import hashlib
import io
import math
import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

import inrcodec
from inrcodec.errors import FormatError, ImageError, OptionError, PartialFileWarning
from inrcodec.image_output import image_bytes
from inrcodec.metrics.judge import compare
from inrcodec.metrics.metric_table import METRICS
from inrcodec.metrics.quality import weights
from inrcodec.metrics.report import charts
from inrcodec.metrics.report.charts import Point, Series
from inrcodec.metrics.report.evaluation import ReportOptions, default_metrics, evaluate
from inrcodec.metrics.report.files import File
from inrcodec.metrics.report.page import to_html
from inrcodec.metrics.report.pictures import Limits, gallery
from inrcodec.metrics.report.records import Report
from inrcodec.metrics.report.text import best, sections, shown, to_dict, to_markdown
from inrcodec.pixels import Picture, psnr

HOSTILE = '<script>alert(1)</script>" onload="x\' $style &amp; |.png'
FAST = ReportOptions(metrics=("psnr", "ssim"), codecs=())


def png(pixels: np.ndarray) -> bytes:
    return image_bytes(Picture(pixels))


def jpeg(pixels: np.ndarray, **options: object) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", quality=50, **options)
    return out.getvalue()


@pytest.fixture(scope="module")
def report(photo: np.ndarray, photo_file: bytes) -> Report:
    """A photograph as a .inr file, a JPEG, itself, and two reference codecs."""
    files = [File("a.inr", photo_file), File("b.jpg", jpeg(photo)), File(HOSTILE, png(photo))]
    options = ReportOptions(
        metrics=("psnr", "ssim", "ms-ssim"), codecs=("jpeg", "webp"), command=f"report {HOSTILE}"
    )
    return evaluate(File("photo.png", png(photo)), files, options)


class Page(HTMLParser):
    """A parsed page: every element with its attributes, text by element, and balance checked."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self._open: list[str] = []
        self.feed(page)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        assert len(dict(attrs)) == len(attrs)
        if tag not in ("meta", "link", "img", "input", "br"):
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append((self._open[-1] if self._open else "", data))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    def text(self, tag: str) -> str:
        return "".join(text for name, text in self.texts if name == tag)

    def pictures(self) -> dict[int, bytes]:
        """The embedded files by their number in the page."""
        found = {}
        for image in self.all("img"):
            if "data-source" in image:
                kind, _, data = str(image["src"]).partition(";base64,")
                assert re.fullmatch(r"data:image/(webp|jpeg|avif|png)", kind)
                found[int(str(image["data-source"]))] = base64.b64decode(data)
        return found


def opened(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image)


def test_numbers_are_those_of_the_files(report: Report, photo: np.ndarray, photo_file) -> None:
    facts = to_dict(report)
    decoded = inrcodec.decode(photo_file)
    first, second, third = facts["versions"]
    assert first["metrics"] == compare(photo, decoded, ["psnr", "ssim"])
    assert first["metrics"]["psnr"] == pytest.approx(psnr(photo, decoded))
    assert first["size_bytes"] == len(photo_file)
    assert first["bits_per_pixel"] == 8 * len(photo_file) / (150 * 100)
    assert second["metrics"] == compare(photo, opened(jpeg(photo)), ["psnr", "ssim"])
    assert third["metrics"] == {"psnr": math.inf, "ssim": 1.0}
    assert [v["kind"] for v in facts["versions"]] == ["inr", "image", "image"]
    assert facts["reference"]["raw_bytes"] == photo.nbytes
    assert facts["unavailable"] == {"ms-ssim": "needs sides of at least 161 pixels"}


def test_codecs_stay_within_the_first_file(report: Report, photo_file: bytes) -> None:
    assert [version.name for version in report.codecs] == ["jpeg", "webp"]
    for version in report.codecs:
        assert 0.5 * len(photo_file) < version.size_bytes <= len(photo_file)
        pixels = opened(version.data)
        scores = compare(report.picture, pixels, ["psnr"])
        assert version.metrics["psnr"] == pytest.approx(scores["psnr"], abs=1e-9)


def test_sections_sum_to_the_file(small_file: bytes) -> None:
    about = inrcodec.info(small_file)
    parts = sections(about)
    assert parts[0] == ("signature", 5)
    assert {"parameters", "icc", "xmp"} < {kind for kind, _ in parts}
    assert sum(size for _, size in parts) == len(small_file)
    cut = small_file[:-3]
    parts = sections(inrcodec.info(cut))
    assert parts[-1][0] == "cut short"
    assert sum(size for _, size in parts) == len(cut)


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
    parsed = Page(to_html(report))
    [policy] = [m["content"] for m in parsed.all("meta") if m.get("http-equiv")]
    for tag in ("style", "script"):
        assert len(parsed.all(tag)) == 1
        digest = hashlib.sha256(parsed.text(tag).encode()).digest()
        assert f"{tag}-src 'sha256-{base64.b64encode(digest).decode()}'" in str(policy)
    assert "default-src 'none'; img-src data:;" in str(policy)
    assert "unsafe" not in str(policy)


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
    assert len(parsed.all("script")) == 1
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


def test_the_best_of_each_row_is_marked(report: Report) -> None:
    page = to_html(report)
    assert [bool(c) for c in cells(Page(page), page, "PSNR")] == [False, False, True, False, False]
    others = replace(report, versions=report.versions[:2])
    page = to_html(others)
    values = [v.metrics["psnr"] for v in (*others.versions, *others.codecs)]
    marked = [bool(c) for c in cells(Page(page), page, "PSNR")]
    assert marked == [value == max(values) for value in values]
    assert page.count('aria-label="best"') == 2
    # Lower may be better, and equals share the mark, unless all are equal.
    versions = [replace(report.versions[0], metrics={"iem": value}) for value in (2.0, 1.0, 1.0)]
    assert best(METRICS["iem"], versions) == {1, 2}
    assert best(METRICS["iem"], versions[1:]) == set()


def test_identical_pictures_show_infinity(report: Report) -> None:
    assert shown(METRICS["psnr"], math.inf) == "∞"
    assert shown(METRICS["psnr"], 31.456) == "31.46"
    assert shown(METRICS["ssim"], 0.00001234) == "1.2e-05"
    assert "★</span>∞" in to_html(report)


def test_markdown_is_one_table(report: Report) -> None:
    lines = to_markdown(report).splitlines()
    rows = [line for line in lines if line.startswith("|")]
    assert len(rows) == 2 + 5
    for row in rows:
        assert len(re.findall(r"(?<!\\)\|", row)) == 1 + 5
    assert f"| {report.versions[0].size_bytes:,} |" in rows[2]
    assert "**∞**" in rows[4]
    assert "<script" not in to_markdown(report)
    assert any("ms-ssim needs sides of at least 161" in line for line in lines)


def test_a_codec_that_cannot_get_so_small_says_so(small: np.ndarray, small_file: bytes) -> None:
    options = ReportOptions(metrics=("psnr",), codecs=("jpeg",))
    small_file = inrcodec.encode(small, quality=20, effort=0, threads=1)
    report = evaluate(File("a.png", png(small)), [File("a.inr", small_file)], options)
    assert report.codecs == ()
    assert "more than" in report.failures["jpeg"]
    assert report.failures["jpeg"] in Page(to_html(report)).text("li")


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


def test_charts_place_points_in_order() -> None:
    series = [
        Series("a", 0, (Point(0.5, 30.0, "x"), Point(0.25, 28.0, "y"), Point(1.0, 31.0, "z"))),
        Series("b", 1, (Point(0.5, math.inf, "never"),)),
    ]
    drawing = charts.chart(series, "rate", "value", "summary")
    circles = re.findall(r'<circle cx="([\d.]+)" cy="([\d.]+)"', drawing)
    across, up = zip(*((float(x), float(y)) for x, y in circles), strict=True)
    assert sorted(across) == list(across)
    assert sorted(up, reverse=True) == list(up)
    assert across[1] - across[0] == pytest.approx((across[2] - across[1]) / 2, abs=0.2)
    assert "never" not in drawing
    assert "b" not in re.findall("<span>(.)</span>", charts.legend(series))


@pytest.mark.parametrize(
    ("low", "high"), [(0, 1), (28.31, 28.32), (0.9, 0.99), (-3, 900), (1e-5, 2e-5)]
)
def test_ticks_are_round_and_inside(low: float, high: float) -> None:
    ticks = charts._ticks(low, high, 6)
    assert 2 <= len(ticks) <= 8
    assert low - 1e-12 <= ticks[0] < ticks[-1] <= high + 1e-12
    steps = np.diff(ticks)
    assert np.allclose(steps, steps[0])
    assert max(len(f"{tick:.10g}") for tick in ticks) <= 7


def test_rates_far_apart_get_a_logarithmic_axis() -> None:
    axis = charts._rate_axis([0.1, 8.0])
    assert axis.logarithmic
    assert axis.at(0.2) - axis.at(0.1) == pytest.approx(axis.at(8.0) - axis.at(4.0))
    assert not charts._rate_axis([0.1, 0.5]).logarithmic


def test_curves_follow_every_inr_file(photo: np.ndarray, photo_file: bytes) -> None:
    smaller = inrcodec.encode(photo, quality=20, effort=0, threads=1)
    files = [File("a.inr", photo_file), File("b.inr", smaller)]
    options = ReportOptions(metrics=("psnr",), codecs=("webp",))
    report = evaluate(File("photo.png", png(photo)), files, options)
    [at], [curve] = report.codecs, report.curve
    assert at.size_bytes <= len(photo_file)
    assert curve.size_bytes <= len(smaller) < at.size_bytes
    parsed = Page(to_html(report))
    [chart] = [a for t, a in parsed.elements if t == "div" and "data-chart" in a]
    assert chart["data-chart"] == "psnr"
    assert "inrcodec (pe-siren)" in parsed.text("span")
    # One size: no chart.
    one = replace(report, versions=report.versions[:1], curve=())
    assert "data-chart=" not in to_html(one)


def test_bad_input_is_refused_with_names(photo: np.ndarray, photo_file: bytes) -> None:
    reference = File("photo.png", png(photo))
    with pytest.raises(ImageError, match=r"photo.png has 150 x 100 pixels, s.png 75 x 50"):
        evaluate(reference, [File("s.png", png(photo[::2, ::2]))], FAST)
    with pytest.raises(ImageError, match=r"photo.png has 75 x 50 pixels, a.inr 150 x 100"):
        evaluate(File("photo.png", png(photo[::2, ::2])), [File("a.inr", photo_file)], FAST)
    with pytest.raises(FormatError, match=r"bad.inr: "):
        evaluate(reference, [File("bad.inr", b"nonsense")], FAST)
    with pytest.raises(ImageError, match=r"text.png: not an image"):
        evaluate(reference, [File("text.png", b"nonsense")], FAST)
    with pytest.raises(OptionError, match="did you mean psnr"):
        evaluate(reference, [reference], ReportOptions(metrics=("psnrr",)))
    with pytest.raises(OptionError, match="unknown codec"):
        evaluate(reference, [reference], ReportOptions(codecs=("gif",)))
    with pytest.raises(OptionError, match="at least one file"):
        evaluate(reference, [])


def test_a_file_cut_behind_its_picture_is_judged(photo: np.ndarray, photo_file: bytes) -> None:
    with pytest.warns(PartialFileWarning):
        report = evaluate(File("photo.png", png(photo)), [File("a.inr", photo_file[:-3])], FAST)
    assert "cut short" in to_html(report)


def test_defaults_take_lpips_where_it_can_be_had(monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(weights, "locate", lambda name: None)
    assert default_metrics() == ["psnr", "ssim", "ms-ssim", "iem"]
    assert default_metrics(allow_download=True) == ["psnr", "ssim", "ms-ssim", "lpips-alex", "iem"]
    monkeypatch.setattr(weights, "locate", lambda name: tmp_path if "squeeze" in name else None)
    assert default_metrics() == ["psnr", "ssim", "ms-ssim", "lpips-squeeze", "iem"]


def test_the_learned_iem_must_be_named_for_a_large_picture(photo) -> None:
    files = File("photo.png", png(photo)), [File("same.png", png(photo))]
    report = evaluate(*files, ReportOptions(codecs=(), iem_pixels=1000))
    assert "iem" not in report.versions[0].metrics
    assert "name it" in report.unavailable["iem"]
    report = evaluate(*files, ReportOptions(codecs=(), metrics=("iem",), iem_pixels=1000))
    assert report.versions[0].metrics == {"iem": 0.0}


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
                curve=(), metrics=(METRICS["psnr"],), unavailable={}, failures={}, notes={},
                prepare_s=0.0, threads=1, software={}, command="")
assert "30.00" in to_html(report) and "30.00" in to_markdown(report) and to_dict(report)
sys.exit("torch" in sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)
