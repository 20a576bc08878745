"""The section that decodes in the page: what goes into it, and when there is none."""

import base64
import re
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

import inrcodec
from inrcodec import web_files
from inrcodec.codec.format import bitstream
from inrcodec.metrics.report import prefixes
from inrcodec.metrics.report.evaluation import evaluate
from inrcodec.metrics.report.files import File
from inrcodec.metrics.report.page import to_html
from inrcodec.metrics.report.records import Report
from tests.metrics.report.pages import FAST, jpeg, png

SCRIPT = "decode();"


@pytest.fixture
def built(tmp_path, monkeypatch):
    """A decoder that is built, with all initial values."""
    (tmp_path / "report").mkdir()
    (tmp_path / "initial").mkdir()
    (tmp_path / web_files.DECODER).write_bytes(b"decoder")
    (tmp_path / prefixes.SCRIPT).write_text(SCRIPT)
    monkeypatch.setattr(web_files, "FOLDERS", (tmp_path / "nothing", tmp_path))
    return tmp_path


@pytest.fixture(scope="module")
def judged() -> Report:
    """A report on a file with metadata."""
    pixels = np.random.default_rng(0).integers(0, 255, (24, 32, 3), np.uint8)
    exif = Image.Exif()
    exif[0x010E] = "where I live"
    file = inrcodec.encode(jpeg(pixels, exif=exif.tobytes()), effort=0, threads=1)
    return evaluate(File("a.png", png(pixels)), [File("a.inr", file)], FAST)


def initial(report: Report, built) -> None:
    """Build the initial values that the file needs."""
    about = report.versions[0].about
    assert about is not None
    assert about.init is not None
    (built / web_files.initial_name(about.init)).write_bytes(b"initial")


def block(page: str, name: str) -> bytes:
    found = re.search(f'<script id="prefix-{name}" type="application/octet-stream">(.*?)<', page)
    assert found is not None
    return base64.b64decode(found[1])


def test_decoder_file_and_initial_values_are_in_the_page(judged, built):
    initial(judged, built)
    page = to_html(judged)
    assert f"<script>{SCRIPT}</script>" in page
    assert block(page, "decoder") == b"decoder"
    assert block(page, "initial") == b"initial"
    file = block(page, "file")
    assert (inrcodec.decode(file) == inrcodec.decode(judged.versions[0].data)).all()


def test_metadata_is_left_out(judged, built):
    initial(judged, built)
    whole = judged.versions[0].data
    assert any(section.ancillary for section in bitstream.read(whole).sections)
    shown = bitstream.read(block(to_html(judged), "file"))
    assert shown.complete
    assert not any(section.ancillary for section in shown.sections)


def test_there_is_no_such_section(judged, built):
    version = judged.versions[0]
    assert prefixes.decoding(judged) is None  # without the initial values
    initial(judged, built)
    assert (prefixes.decoding(judged) or ("", ""))[1] == SCRIPT
    about = version.about
    large = replace(about, width=prefixes.MOST_PIXELS, height=2)
    for other in (
        replace(version, about=None),
        replace(version, about=large),
        replace(version, about=replace(about, complete=False)),
        replace(version, data=bytes(prefixes.MOST_BYTES + 1)),
    ):
        assert prefixes.decoding(replace(judged, versions=(other,))) is None
    (built / web_files.DECODER).unlink()
    assert prefixes.decoding(judged) is None
    assert 'id="prefix"' not in to_html(judged)
