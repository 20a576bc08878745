"""The Pillow plugin: lazy, leaves nothing open, and behaves as Pillow's own formats do."""

import copy
import io
import os
import pickle
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import inrcodec
import inrcodec.pillow
from inrcodec import files
from inrcodec.pixels import psnr


@pytest.fixture(autouse=True)
def _registered() -> None:
    inrcodec.pillow.register_opener()


@pytest.fixture
def path(small_file: bytes, tmp_path: Path) -> Path:
    (tmp_path / "small.inr").write_bytes(small_file)
    return tmp_path / "small.inr"


@pytest.fixture
def limit(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    defaults = dict(files.read_bytes.__kwdefaults__)
    files.read_bytes.__kwdefaults__["limit"] = 100
    yield 100
    files.read_bytes.__kwdefaults__.update(defaults)


def test_a_file_over_the_limit_is_refused_and_never_cut(small_file: bytes, limit: int) -> None:
    assert len(small_file) > limit
    with pytest.raises(OSError, match="larger than 100 bytes"):
        Image.open(io.BytesIO(small_file))


def test_a_file_that_arrives_in_pieces_is_read_whole(small_file: bytes) -> None:
    class Pieces(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            return super().read(min(50, size if size and size > 0 else 50))

    with Image.open(Pieces(small_file)) as image:
        assert (np.asarray(image) == inrcodec.decode(small_file)).all()


@pytest.mark.parametrize(
    ("wanted", "size"),
    [((32, 24), (32, 24)), ((16, 12), (16, 12)), ((9, 7), (11, 8)), ((4, 3), (4, 3))],
)
def test_a_draft_is_the_smallest_size_that_is_not_below_the_one_wanted(
    small_file: bytes, wanted: tuple[int, int], size: tuple[int, int]
) -> None:
    with Image.open(io.BytesIO(small_file)) as image:
        found = image.draft(None, wanted)
        scale = {(32, 24): 1, (16, 12): 2, (11, 8): 2, (4, 3): 8}[size]
        expected = -(-32 // scale), -(-24 // scale)
        assert found == ("RGB", (0, 0, *expected))
        assert image.size == expected
        assert image.draft("L", (1, 1)) is None  # as for JPEG: one choice a file
        assert (np.asarray(image) == inrcodec.decode(small_file, size=expected)).all()
        assert image.draft(None, (1, 1)) is None


def test_a_draft_is_of_the_size_and_mode_that_a_jpeg_draft_has(small_file: bytes) -> None:
    odd = Image.new("RGB", (101, 67))
    jpeg = io.BytesIO()
    odd.save(jpeg, "JPEG")
    for wanted in [(101, 67), (50, 33), (51, 34), (30, 20), (12, 8), (1, 1), (200, 200)]:
        ours = inrcodec.pillow.InrImageFile(io.BytesIO(small_file))
        ours._size = odd.size
        theirs = Image.open(io.BytesIO(jpeg.getvalue()))
        expected = theirs.draft("L", wanted)
        assert ours.draft("L", wanted)[0] == expected[0] == "L"
        assert ours.size == theirs.size


def test_a_gray_draft_is_the_gray_of_the_image(small_file: bytes) -> None:
    with Image.open(io.BytesIO(small_file)) as whole, Image.open(io.BytesIO(small_file)) as gray:
        assert gray.draft("L", None) == ("L", (0, 0, 32, 24))
        assert gray.mode == "L"
        assert (np.asarray(gray) == np.asarray(whole.convert("L"))).all()


def test_a_thumbnail_is_that_of_the_whole_image(small_file: bytes) -> None:
    with Image.open(io.BytesIO(small_file)) as image:
        image.thumbnail((8, 8))
        thumbnail = np.asarray(image)
    whole = Image.fromarray(inrcodec.decode(small_file))
    whole.thumbnail((8, 8))
    assert thumbnail.shape == (6, 8, 3)
    assert psnr(np.asarray(whole), thumbnail) > 30


@pytest.mark.parametrize("loaded", [False, True])
def test_copies_and_pickles_are_the_image(small_file: bytes, loaded: bool) -> None:
    expected = inrcodec.decode(small_file)
    with Image.open(io.BytesIO(small_file)) as image:
        if loaded:
            image.load()
        twins = [pickle.loads(pickle.dumps(image)), copy.copy(image), copy.deepcopy(image)]
        twins.append(image.copy())
    for twin in twins:
        twin.load()
        assert (np.asarray(twin) == expected).all()
        assert twin.info["icc_profile"] == b"profile" * 40
        twin.close()


def test_loading_closes_the_file_as_other_formats_do(path: Path) -> None:
    image = Image.open(path)
    file = image.fp
    assert not file.closed
    image.load()
    assert file.closed
    image.load()
    image.close()


def test_a_callers_file_object_stays_open(small_file: bytes) -> None:
    file = io.BytesIO(small_file)
    with Image.open(file) as image:
        image.load()
    assert not file.closed


def test_a_failed_load_fails_again_with_the_reason(small_file: bytes) -> None:
    with Image.open(io.BytesIO(small_file[:200])) as image:
        for _ in range(2):
            with pytest.raises(OSError, match="section"):
                image.load()


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="counts descriptors in /proc")
def test_200_images_leave_no_file_open(path: Path) -> None:
    def open_files() -> int:
        return len(os.listdir("/proc/self/fd"))

    def use() -> None:
        with Image.open(path) as image:
            image.getexif()
        image = Image.open(path)
        image.draft(None, (4, 3))
        image.load()

    use()
    before = open_files()
    for _ in range(100):
        use()
    assert open_files() <= before
