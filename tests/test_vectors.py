"""Conformance: the package and the reference reader against tests/vectors."""

import hashlib
import json
import re
from pathlib import Path

import numpy as np
import pytest

import inrcodec
from inrcodec.errors import FormatError, KindError
from inrcodec.images.reading import read_image
from tests import reference_reader, signal_vectors
from tests.conftest import VECTORS
from tests.make_vectors import symbols_sha256

VALID = sorted((VECTORS / "valid").glob("*.inr"))
SIGNALS = sorted((VECTORS / "signals").glob("*.inr"))
INVALID = sorted((VECTORS / "invalid").glob("*.inr"))


def name(path: Path) -> str:
    return path.stem


# The EXIF block of metadata.png is a stand-in: a header without a directory.
REFERENCE_IMAGES = pytest.mark.filterwarnings("ignore:.*EXIF block is damaged")


def test_there_are_enough_vectors() -> None:
    assert len(VALID) >= 8
    assert len(SIGNALS) >= 8
    assert len(INVALID) >= 8


@REFERENCE_IMAGES
@pytest.mark.parametrize("path", VALID, ids=name)
@pytest.mark.parametrize("threads", [1, 2])
def test_symbols_and_pixels(path: Path, threads: int) -> None:
    data = path.read_bytes()
    record = json.loads(path.with_suffix(".json").read_text())
    assert symbols_sha256(data) == record["symbols_sha256"]
    decoded = inrcodec.decode(data, threads=threads)
    expected = read_image(path.with_suffix(".png")).pixels
    assert decoded.dtype == expected.dtype
    tolerance = 64 if decoded.dtype == np.uint16 else 1
    assert np.abs(decoded.astype(int) - expected).max() <= tolerance


@REFERENCE_IMAGES
@pytest.mark.parametrize("path", VALID, ids=name)
def test_the_reference_reader_finds_the_same_symbols_and_pixels(path: Path) -> None:
    file = reference_reader.read(path.read_bytes())
    joined = b"".join(np.array(s, "<i4").tobytes() for s in file.symbols.values())
    record = json.loads(path.with_suffix(".json").read_text())
    assert hashlib.sha256(joined).hexdigest() == record["symbols_sha256"]
    expected = read_image(path.with_suffix(".png")).pixels
    height, width = expected.shape[:2]
    tolerance = 64 if expected.dtype == np.uint16 else 1
    for x, y in {(0, 0), (width - 1, height - 1), (width // 2, height // 3)}:
        sample = reference_reader.sample(file, x, y)
        assert np.abs(np.array(sample) - expected[y, x]).max() <= tolerance


@pytest.mark.parametrize("path", SIGNALS, ids=name)
def test_sound_and_clips(path: Path) -> None:
    data = path.read_bytes()
    expected = read_image(path.with_suffix(".png")).pixels
    tolerance = 64 if expected.dtype == np.uint16 else 1
    record = json.loads(path.with_suffix(".json").read_text())
    assert symbols_sha256(data) == record["symbols_sha256"]
    decoded = signal_vectors.sheet(data).pixels
    assert decoded.shape == expected.shape
    assert np.abs(decoded.astype(int) - expected).max() <= tolerance
    with pytest.raises(KindError, match="not of an image"):
        inrcodec.decode(data)

    file = reference_reader.read(data)
    joined = b"".join(np.array(s, "<i4").tobytes() for s in file.symbols.values())
    assert hashlib.sha256(joined).hexdigest() == record["symbols_sha256"]
    wide, high = file.header[1], file.header[2]
    for x, y, frame in {(0, 0, 0), (wide - 1, high - 1, 0), (wide // 2, high // 3, -1)}:
        frame %= file.header.get(10, 1)
        sample = np.array(reference_reader.sample(file, x, y, frame))
        row = slice(None) if 10 not in file.header else frame * high + y
        assert np.abs(sample - expected[row, x].reshape(-1)).max() <= tolerance


@pytest.mark.parametrize("path", INVALID, ids=name)
def test_invalid_files_are_refused(path: Path) -> None:
    with pytest.raises(FormatError):
        inrcodec.decode(path.read_bytes())


def test_the_worked_example_of_the_specification_is_a_vector() -> None:
    page = (VECTORS.parents[1] / "docs" / "format.md").read_text()
    example = page.split("## Example")[1].split("```")[1]
    words = [
        word
        for line in example.strip().splitlines()
        for word in re.match(r"\s*\d+((?: +[0-9a-f]{2}\b)+)", line)[1].split()
    ]
    assert bytes.fromhex("".join(words)) == (VECTORS / "valid" / "one-pixel.inr").read_bytes()
