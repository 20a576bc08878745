"""The decoder core that becomes WebAssembly, compiled for this machine, against the package."""

import hashlib
import json
import os
import random
import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import inrcodec
from inrcodec.codec.families import decoder_of
from inrcodec.codec.format import bitstream
from inrcodec.codec.format.bitstream import Family
from inrcodec.codec.view import View
from inrcodec.errors import FormatError, InrCodecError
from tests import fuzz
from tests.conftest import VECTORS
from tests.latent_files import coolchic, file_of, random_file, random_plane
from tests.web.core import LATENT, Core, Refused
from web import build

VALID = sorted((VECTORS / "valid").glob("*.inr"))
INVALID = sorted((VECTORS / "invalid").glob("*.inr"))
CASES = int(os.environ.get("INRCODEC_CORE_CASES", "400"))
NO_MEMORY, MISSING = -1, -11
MOST_WORK = 2e9

pytestmark = [
    pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler"),
    pytest.mark.filterwarnings("ignore::inrcodec.errors.PartialFileWarning"),
]


@pytest.fixture(scope="module")
def core(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Core]:
    path = tmp_path_factory.mktemp("core") / "libinr.so"
    build.compile_library(path, os.environ.get("INRCODEC_CORE_FLAGS", "").split())
    loaded = Core(path)
    yield loaded
    assert not loaded.sizes  # every decoder gave all of its memory back


def name(path: Path) -> str:
    return path.stem


def tolerance(pixels: np.ndarray) -> int:
    return 64 if pixels.dtype == np.uint16 else 1


def difference(one: np.ndarray, two: np.ndarray) -> int:
    return int(np.abs(one.astype(int) - two).max())


@pytest.mark.parametrize("path", VALID, ids=name)
def test_symbols_and_pixels_of_vectors(core: Core, path: Path) -> None:
    data = path.read_bytes()
    decoder = core.decode(bitstream.read(data))
    record = json.loads(path.with_suffix(".json").read_text())
    assert hashlib.sha256(decoder.symbols().tobytes()).hexdigest() == record["symbols_sha256"]
    pixels, expected = decoder.picture(), inrcodec.decode(data)
    assert difference(pixels, expected) <= tolerance(expected)
    width, height = decoder.header.width, decoder.header.height
    for size in [(2 * width + 1, 3 * height), (max(1, width // 2), max(1, height // 3))]:
        for crop in [(0, 0, *size), (size[0] // 3, size[1] // 2, 1, size[1] - size[1] // 2)]:
            expected = inrcodec.decode(data, size=size, crop=crop, bit_depth=8)
            assert difference(decoder.render((*size, *crop)), expected) <= 1
    decoder.close()


@pytest.mark.parametrize("path", INVALID, ids=name)
def test_what_the_container_lets_through_is_refused(core: Core, path: Path) -> None:
    try:
        container = bitstream.read(path.read_bytes())
    except FormatError:
        return
    with pytest.raises(Refused):
        core.decode(container)


@pytest.mark.parametrize("family", LATENT)
def test_all_levels_and_square_layers(core: Core, family: Family) -> None:
    """The most grids that a file may have, and the shapes that are residual in some families."""
    inputs = coolchic(37, 26, levels=10, neighbours=12).arm_inputs
    square = (inputs, 12) if family == Family.COOLCHIC else (12, 10)
    sizes = {"levels": 10, "neighbours": 12, "arm_width": square[0], "synthesis_width": square[1]}
    data = random_file(family, 37, 26, 4, 8, **sizes)
    decoder = core.decode(bitstream.read(data))
    assert difference(decoder.picture(), inrcodec.decode(data)) <= 1
    decoder.close()


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


def corner(data: bytes, core: Core) -> np.ndarray:
    container = bitstream.read(data)
    decoder_of(container.header)
    decoder = core.decode(container, MOST_WORK)
    try:
        header = decoder.header
        crop = (0, 0, min(8, header.width), min(8, header.height))
        return decoder.render((header.width, header.height, *crop), header.bit_depth)
    finally:
        decoder.close()


def test_mutated_files_are_refused_or_decoded_as_by_the_package(core: Core) -> None:
    pick = random.Random(3)
    files = [path.read_bytes() for path in VALID]
    decoded = 0
    warnings.simplefilter("ignore")
    for _ in range(CASES):
        original, other = pick.choice(files), pick.choice(files)
        change = fuzz.mutate if pick.random() < 0.3 else fuzz.repaired
        data = change(original, other, pick)
        try:
            expected = fuzz.decode_corner(data)
        except InrCodecError:
            with pytest.raises((Refused, FormatError)):
                corner(data, core)
            continue
        try:
            pixels = corner(data, core)
        except Refused as error:
            raise AssertionError(f"refused with {error.code}: {data.hex()}") from error
        decoded += 1
        apart = np.abs(pixels.astype(int) - expected) > tolerance(expected)
        if bitstream.read(data).header.family in LATENT:  # sines of vast angles differ anyway
            assert not apart.any()
    assert decoded > CASES // 20


def test_initial_values_are_written_as_the_package_reads_them(tmp_path: Path) -> None:
    build.write_initial_values(tmp_path)
    files = sorted(path.name for path in tmp_path.iterdir())
    assert len(files) == len({name for name, _ in build.initial_files()}) > 8


def test_an_image_of_windows(core: Core) -> None:
    """One with several windows and a table of initial values, in parts and as a whole."""
    rows, columns = np.mgrid[0:530, 0:1050]
    pixels = (128 + 60 * np.sin(rows / 40) + 50 * np.cos(columns / 60)).astype(np.uint8)
    picture = np.stack([pixels, pixels[::-1], pixels // 2], 2)
    data = inrcodec.encode(picture, effort=0, complexity="low")
    decoder = core.decode(bitstream.read(data))
    expected = inrcodec.decode(data)
    assert difference(decoder.picture(), expected) <= 1
    view = View(1050, 530, (500, 500, 40, 30), (1050, 530))
    part = decoder.render((1050, 530, *view.crop))
    assert difference(part, expected[500:530, 500:540]) <= 1
    half = inrcodec.decode(data, size=(333, 201))
    assert difference(decoder.render((333, 201, 0, 0, 333, 201)), half) <= 1
    decoder.close()
    # a draft of a prefix shows about what the prefix does
    for section in bitstream.read(data).sections[4:]:
        decoder = core.decode(bitstream.read(data[: section.offset]))
        draft, exact = decoder.draft(), decoder.picture()
        decoder.close()
        rows, columns = (
            np.arange(whole) * part // whole
            for whole, part in zip(exact.shape[:2], draft.shape[:2], strict=True)
        )
        assert np.abs(draft[rows][:, columns].astype(int) - exact).mean() < 6
