"""What web/ uses of the decoder core and the package does not: sections one by one, an allocator of
the caller, drafts, red, green, blue and alpha; and what web/build.py writes."""

import hashlib
import json
import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import inrcodec
from inrcodec.codec import native
from inrcodec.codec.format import bitstream
from inrcodec.errors import FormatError
from tests.conftest import VECTORS
from tests.latent_files import coolchic, file_of, random_plane
from tests.web.core import Core, Refused
from web import build

VALID = sorted((VECTORS / "valid").glob("*.inr"))
INVALID = sorted((VECTORS / "invalid").glob("*.inr"))
NO_MEMORY, MISSING = -1, -11

pytestmark = [
    pytest.mark.skipif(native.library() is None, reason="installed without compiled kernels"),
    pytest.mark.filterwarnings("ignore::inrcodec.errors.PartialFileWarning"),
]


@pytest.fixture(scope="module")
def core() -> Iterator[Core]:
    loaded = Core()
    yield loaded
    assert not loaded.sizes  # every decoder gave all of its memory back


def name(path: Path) -> str:
    return path.stem


def difference(one: np.ndarray, two: np.ndarray) -> int:
    return int(np.abs(one.astype(int) - two).max())


@pytest.mark.parametrize("path", VALID, ids=name)
def test_sections_one_by_one_give_the_symbols_of_vectors(core: Core, path: Path) -> None:
    data = path.read_bytes()
    decoder = core.decode(bitstream.read(data))
    record = json.loads(path.with_suffix(".json").read_text())
    assert hashlib.sha256(decoder.symbols().tobytes()).hexdigest() == record["symbols_sha256"]
    assert (decoder.picture() == inrcodec.decode(data)).all()
    decoder.close()


@pytest.mark.parametrize("path", INVALID, ids=name)
def test_what_the_container_lets_through_is_refused(core: Core, path: Path) -> None:
    try:
        container = bitstream.read(path.read_bytes())
    except FormatError:
        return
    with pytest.raises(Refused):
        core.decode(container)


def test_chroma_of_an_empty_level_is_drawn(core: Core) -> None:
    model = coolchic(40, 24, levels=4)
    for level in range(1, 4):
        plane = random_plane(model)
        for grid in range(len(model.grids)):
            keep = grid >= model.levels and model.grid_levels[grid] >= level
            plane.grids[grid][:] *= keep
        decoder = core.decode(bitstream.read(file_of([plane])))
        assert decoder.draft().shape[1] == 40 >> level
        decoder.close()


def test_rgba_is_the_same_picture(core: Core) -> None:
    for stem, channels in [("gray-siren", 1), ("gray-alpha", 2), ("rgb", 3), ("rgb-alpha", 4)]:
        decoder = core.decode(bitstream.read((VECTORS / "valid" / f"{stem}.inr").read_bytes()))
        view = (decoder.header.width, decoder.header.height, 0, 0, 5, 7)
        plain, rgba = decoder.render(view), decoder.render(view, rgba=True)
        colours = plain[..., : 1 if channels < 3 else 3]
        assert (rgba[..., :3] == colours).all()
        assert (rgba[..., 3] == (plain[..., -1] if channels % 2 == 0 else 255)).all()
        decoder.close()


def whole(data: list[bytes], core: Core) -> tuple[np.ndarray, np.ndarray]:
    """What the core and what the package make of runs of bytes."""
    decoder = core.decode(bitstream.read_runs(data))
    pixels, share = decoder.picture(), decoder.share()
    decoder.close()
    assert 0 <= share <= 1
    return pixels, inrcodec.decode_picture(data).pixels


@pytest.mark.parametrize("stem", ["coolchic", "coolchic-slices-alpha", "coolchic-v2", "spinr"])
def test_prefixes(core: Core, stem: str) -> None:
    data = (VECTORS / "valid" / f"{stem}.inr").read_bytes()
    pick, images = random.Random(1), 0
    for cut in sorted(pick.sample(range(30, len(data)), 30)):
        try:
            expected = inrcodec.decode(data[:cut])
        except FormatError:
            with pytest.raises(Refused, match=f"error {MISSING}"):
                core.decode(bitstream.read(data[:cut]))
            continue
        pixels, expected = whole([data[:cut]], core)
        assert difference(pixels, expected) <= 1
        images += 1
    assert images > 2


@pytest.mark.parametrize("stem", ["coolchic", "coolchic-slices-alpha", "coolchic-v1", "spinr"])
def test_drafts_are_smaller_until_the_finest_grids_are_there(core: Core, stem: str) -> None:
    data = (VECTORS / "valid" / f"{stem}.inr").read_bytes()
    widths = []
    for section in bitstream.read(data).sections[2:]:
        decoder = core.decode(bitstream.read(data[: section.offset]))
        widths.append(decoder.draft().shape[1])
        width = decoder.header.width
        decoder.close()
    assert widths == sorted(widths)
    assert widths[0] == width if stem == "spinr" else widths[0] < width


def test_files_with_holes(core: Core) -> None:
    data = (VECTORS / "valid" / "coolchic-slices-alpha.inr").read_bytes()
    sections = bitstream.read(data).sections
    bounds = [section.offset for section in sections]
    pick = random.Random(2)
    for _ in range(60):
        start, stop = sorted(pick.sample(range(2, len(bounds)), 2))
        if start + 1 < stop and bounds[start] > bounds[2]:
            cut = bounds[start] + pick.randrange(bounds[start + 1] - bounds[start])
            pixels, expected = whole([data[:cut], data[bounds[stop] :]], core)
            assert difference(pixels, expected) <= 1


def test_no_memory_is_an_error_and_leaks_nothing(core: Core) -> None:
    for stem in ("coolchic-slices-alpha", "nif", "wire", "spinr"):
        container = bitstream.read((VECTORS / "valid" / f"{stem}.inr").read_bytes())

        def attempt(allowed: int, container: bitstream.Container = container) -> int:
            core.refuse_after = allowed
            try:
                decoder = core.decode(container)
                try:
                    decoder.picture()
                finally:
                    decoder.close()
            except Refused as error:
                return error.code
            return 0

        codes = [attempt(allowed) for allowed in range(200)]
        core.refuse_after = -1
        assert set(codes) == {0, NO_MEMORY}
        assert codes == sorted(codes)
    assert not core.sizes


def test_initial_values_are_written_as_the_package_reads_them(tmp_path: Path) -> None:
    build.write_initial_values(tmp_path)
    files = sorted(path.name for path in tmp_path.iterdir())
    assert len(files) == len({name for name, _ in build.initial_files()}) > 8


def test_a_draft_of_a_prefix_shows_about_what_the_prefix_does(core: Core) -> None:
    """Of an image with several windows and a table of initial values."""
    rows, columns = np.mgrid[0:530, 0:1050]
    pixels = (128 + 60 * np.sin(rows / 40) + 50 * np.cos(columns / 60)).astype(np.uint8)
    picture = np.stack([pixels, pixels[::-1], pixels // 2], 2)
    data = inrcodec.encode(picture, effort=0, complexity="low")
    for section in bitstream.read(data).sections[4:]:
        decoder = core.decode(bitstream.read(data[: section.offset]))
        draft, exact = decoder.draft(), decoder.picture()
        decoder.close()
        rows, columns = (
            np.arange(whole) * part // whole
            for whole, part in zip(exact.shape[:2], draft.shape[:2], strict=True)
        )
        assert np.abs(draft[rows][:, columns].astype(int) - exact).mean() < 6
