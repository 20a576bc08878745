"""What a report says equals what the files hold."""

import math
import re
import sys
from dataclasses import replace

import numpy as np
import pytest

import inrcodec
from inrcodec.errors import FormatError, ImageError, OptionError, PartialFileWarning
from inrcodec.metrics.judge import compare
from inrcodec.metrics.quality import weights
from inrcodec.metrics.references import baselines
from inrcodec.metrics.report.evaluation import Evaluation, evaluate
from inrcodec.metrics.report.files import File
from inrcodec.metrics.report.options import ReportOptions, default_metrics
from inrcodec.metrics.report.page import to_html
from inrcodec.metrics.report.records import Report
from inrcodec.metrics.report.text import sections, to_dict, to_markdown
from inrcodec.pixels import psnr
from tests.metrics.report.pages import FAST, Page, jpeg, opened, png


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


def test_codecs_are_compared_at_the_size_of_the_first_file(
    report: Report, photo_file: bytes
) -> None:
    assert [version.name for version in report.codecs] == ["jpeg", "webp"]
    for version in report.codecs:
        assert version.compared.size_bytes == pytest.approx(len(photo_file), rel=0.01)
        pixels = opened(version.data)
        scores = compare(report.picture, pixels, ["psnr"])
        assert version.metrics["psnr"] == pytest.approx(scores["psnr"], abs=1e-9)


@pytest.mark.parametrize(("missing", "tuned"), [((), "iq"), (("avif-iq", "avif-iq-420"), "ssim")])
def test_avif_is_tuned_by_iq_where_aom_knows_it_else_by_ssim(
    monkeypatch: pytest.MonkeyPatch, small: np.ndarray, missing: tuple[str, ...], tuned: str
) -> None:
    known = {name: "unknown here" if name in missing else None for name in baselines.CODECS}
    monkeypatch.setattr(baselines, "available_codecs", lambda: known)
    file = File("a.png", png(small))
    job = Evaluation(file, [file], ReportOptions(metrics=("psnr",)))
    expected = ["jpeg", "webp", "avif", f"avif-{tuned}", f"avif-{tuned}-420"]
    assert job._codecs == expected
    assert job._measured.failures == {}  # a tune that is not there is no failure


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says it")
def test_memory_of_what_can_be_repeated_is_in_the_report(report: Report) -> None:
    inr, jpeg_file, _ = report.versions
    assert inr.encode_memory_bytes is None
    assert inr.decode_memory_bytes is not None
    assert jpeg_file.decode_memory_bytes is None
    assert all(v.encode_memory_bytes is not None for v in report.codecs)
    assert to_dict(report)["codecs"][0]["encode_memory_bytes"] >= 0
    page = Page(to_html(report))
    assert "Encode, memory" in page.text("th")
    assert " MB" in page.text("td")


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


def test_markdown_is_one_table(report: Report) -> None:
    lines = to_markdown(report).splitlines()
    rows = [line for line in lines if line.startswith("|")]
    assert len(rows) == 2 + 5
    for row in rows:
        assert len(re.findall(r"(?<!\\)\|", row)) == 1 + 5
    assert f"| {report.versions[0].size_bytes:,} |" in rows[2]
    assert "| ∞ |" in rows[4]  # the best, but of another size
    assert "<script" not in to_markdown(report)
    assert any("ms-ssim needs sides of at least 161" in line for line in lines)


def test_a_codec_that_cannot_get_so_small_says_so(small: np.ndarray, small_file: bytes) -> None:
    options = ReportOptions(metrics=("psnr",), codecs=("jpeg",))
    small_file = inrcodec.encode(small, quality=20, effort=0, threads=1)
    report = evaluate(File("a.png", png(small)), [File("a.inr", small_file)], options)
    assert report.codecs == ()
    assert "more than" in report.failures["jpeg"]
    assert report.failures["jpeg"] in Page(to_html(report)).text("li")


def test_curves_follow_every_inr_file(photo: np.ndarray, photo_file: bytes) -> None:
    smaller = inrcodec.encode(photo, quality=20, effort=0, threads=1)
    files = [File("a.inr", photo_file), File("b.inr", smaller)]
    options = ReportOptions(metrics=("psnr",), codecs=("webp",))
    report = evaluate(File("photo.png", png(photo)), files, options)
    [at], [curve] = report.codecs, report.curve
    assert at.size_bytes == pytest.approx(len(photo_file), rel=0.01)
    assert curve.size_bytes == pytest.approx(len(smaller), rel=0.01)
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
    always = ["psnr", "ssimulacra2", "butteraugli-3norm", "ssim", "ms-ssim"]
    assert default_metrics() == [*always, "iem"]
    assert default_metrics(allow_download=True) == [*always, "lpips-alex", "iem"]
    monkeypatch.setattr(weights, "locate", lambda name: tmp_path if "squeeze" in name else None)
    assert default_metrics() == [*always, "lpips-squeeze", "iem"]


def test_the_learned_iem_must_be_named_for_a_large_picture(photo) -> None:
    files = File("photo.png", png(photo)), [File("same.png", png(photo))]
    report = evaluate(*files, ReportOptions(codecs=(), iem_pixels=1000))
    assert "iem" not in report.versions[0].metrics
    assert "name it" in report.unavailable["iem"]
    report = evaluate(*files, ReportOptions(codecs=(), metrics=("iem",), iem_pixels=1000))
    assert report.versions[0].metrics == {"iem": 0.0}
