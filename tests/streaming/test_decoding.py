"""What there is to see of a part of a file."""

import io
import math
import warnings

import numpy as np
import pytest
from PIL import Image

import inrcodec
from inrcodec.errors import FormatError
from inrcodec.streaming.decoding import Psnr, decode_jpeg_prefix, decode_runs
from tests.together import run_in_threads


@pytest.fixture(scope="module")
def prefix(sliced_file):
    return sliced_file[: len(sliced_file) // 2]


def test_it_shows_what_decoding_shows(sliced_file, prefix, small_file):
    for data in (sliced_file, small_file):
        picture, missing = decode_runs([data])
        assert (picture.pixels == inrcodec.decode(data)).all()
        assert missing == ""
    assert decode_runs([small_file])[0].icc == b"profile" * 40
    with pytest.warns(UserWarning, match="coarse") as told:
        shown = inrcodec.decode(prefix)
    picture, missing = decode_runs([prefix])
    assert (picture.pixels == shown).all()
    assert missing
    assert missing in str(told[0].message)


def test_threads_leave_the_filters_of_warnings_alone(prefix):
    """They belong to the process. Warnings are errors in tests, so none may be given either."""
    before = list(warnings.filters)

    def work():
        for _ in range(5):
            assert decode_runs([prefix], threads=1)[1]

    run_in_threads(work)
    assert list(warnings.filters) == before


def test_bytes_of_no_file():
    with pytest.raises(FormatError):
        decode_runs([b"no file at all"])


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_beginnings_of_a_jpeg(mode):
    pixels = np.random.default_rng(0).integers(0, 256, (64, 96, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(file, "JPEG", progressive=True)
    data = file.getvalue()
    whole = decode_jpeg_prefix(data)
    assert whole.shape == (64, 96, len(mode))
    assert decode_jpeg_prefix(data[:10]) is None
    assert decode_jpeg_prefix(data[: len(data) * 3 // 4]).shape == whole.shape


def test_each_state_is_decoded_once(small):
    seen = []

    def decode(runs):
        seen.append(runs)
        return None if runs == (b"",) else small

    quality = Psnr(small, decode)
    assert quality((b"x",)) == quality((b"x",)) == math.inf
    assert math.isnan(quality((b"",)))
    assert seen == [(b"x",), (b"",)]
