"""The compiled decoder core against the readable decoders: symbols, samples, what is refused."""

import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import inrcodec
from inrcodec.codec import families, native
from inrcodec.codec.families import Stored, compiled, decoder_of
from inrcodec.codec.format import bitstream
from inrcodec.codec.format.bitstream import Container, Family
from inrcodec.codec.native import core, denormals, pool
from inrcodec.codec.native.denormals import flushed
from inrcodec.codec.view import view_of
from inrcodec.errors import FormatError
from tests import fuzz
from tests.conftest import VECTORS
from tests.latent_files import LATENT_FAMILIES, coolchic, file_of, random_file, random_plane

LEVELS = [level for level in native.LEVELS if native.load(level)]
VALID = sorted((VECTORS / "valid").glob("*.inr"))
INVALID = sorted((VECTORS / "invalid").glob("*.inr"))
CASES = 300

pytestmark = pytest.mark.skipif(not LEVELS, reason="installed without compiled kernels")


@pytest.fixture(params=LEVELS)
def level(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """One level of the instruction set after another."""
    loaded = native.load(request.param)
    monkeypatch.setattr(native, "library", lambda: loaded)
    return str(request.param)


def name(path: Path) -> str:
    return path.stem


def readable(container: Container, *, kernels: bool = False) -> Stored:
    """What the readable decoder makes of a file, by default without any kernel."""
    with pytest.MonkeyPatch.context() as patch:
        if not kernels:
            patch.setattr(native, "library", lambda: None)
        return decoder_of(container.header).read(container)


def views(width: int, height: int) -> Iterator[tuple[tuple[int, int], tuple[int, ...]]]:
    """Larger and smaller ones, as a whole and in part."""
    for size in (
        (width, height),
        (2 * width + 1, 3 * height),
        (max(1, width // 2), 1 + height // 3),
    ):
        yield size, (0, 0, *size)
        yield size, (size[0] // 3, size[1] // 2, 1, size[1] - size[1] // 2)


@pytest.mark.parametrize("path", VALID, ids=name)
def test_symbols_are_equal_and_samples_within_a_level(level: str, path: Path) -> None:
    container = bitstream.read(path.read_bytes())
    header = container.header
    fast, slow = families.read(container), readable(container)
    assert isinstance(fast, compiled.CompiledImage)
    assert [s.shape for s in fast.symbols] == [s.shape for s in slow.symbols]
    assert all((a == b).all() for a, b in zip(fast.symbols, slow.symbols, strict=True))
    for size, crop in views(header.width, header.height):
        view = view_of(header.width, header.height, size, None, crop)
        with pytest.MonkeyPatch.context() as patch:
            made = fast.render(view, header.bit_depth, threads=2).astype(int)
            for module in (native, denormals):
                patch.setattr(module, "library", lambda: None)
            with np.errstate(all="ignore"):  # as decode has it: BLAS may flag lanes it does not use
                wanted = slow.render(view, header.bit_depth)
        assert np.abs(made - wanted).max() <= (64 if header.bit_depth == 16 else 1)


@pytest.mark.parametrize("path", INVALID, ids=name)
def test_the_same_files_are_refused_for_the_same_reason(path: Path) -> None:
    try:
        container = bitstream.read(path.read_bytes())
        _ = decoder_of(container.header).model
    except FormatError:
        return
    with pytest.raises(FormatError) as slow:
        readable(container)
    with pytest.raises(FormatError) as fast:
        families.read(container)
    assert fast.type is slow.type
    assert len(str(fast.value)) > 10


def corner(container: Container, stored: Stored) -> np.ndarray:
    header = container.header
    part = (0, 0, min(8, header.width), min(8, header.height))
    view = view_of(header.width, header.height, None, None, part)
    with np.errstate(all="ignore"), flushed():
        return stored.render(view, 8, threads=1).astype(int)


def test_mutated_files_are_refused_or_decoded_alike() -> None:
    pick = random.Random(3)
    files = [path.read_bytes() for path in VALID]
    decoded = refused = 0
    while decoded + refused < CASES:
        original, other = pick.choice(files), pick.choice(files)
        change = fuzz.mutate if pick.random() < 0.2 else fuzz.repaired
        try:
            container = bitstream.read(change(original, other, pick))
            _ = decoder_of(container.header).model
        except FormatError:
            continue
        header = container.header
        if header.width * header.height > 1 << 20:
            continue
        try:
            with np.errstate(all="ignore"):
                wanted = readable(container, kernels=True)
                pixels = corner(container, wanted)
        except FormatError as error:
            kind = type(error)
            with pytest.raises(FormatError) as found:
                families.read(container)
            assert issubclass(kind, found.type) or issubclass(found.type, kind)
            refused += 1
            continue
        made = families.read(container)
        assert made.missing == wanted.missing
        if header.family in LATENT_FAMILIES:  # sines of vast angles differ anyway
            assert np.abs(corner(container, made) - pixels).max() <= 1
        decoded += 1
    assert min(decoded, refused) > CASES // 20


@pytest.mark.parametrize("family", LATENT_FAMILIES)
def test_all_levels_and_square_layers(level: str, family: Family) -> None:
    """The most grids that a file may have, and the shapes that are residual in some families."""
    inputs = coolchic(37, 26, levels=10, neighbours=12).arm_inputs
    square = (inputs, 12) if family == Family.COOLCHIC else (12, 10)
    sizes = {"levels": 10, "neighbours": 12, "arm_width": square[0], "synthesis_width": square[1]}
    container = bitstream.read(random_file(family, 37, 26, 4, 8, **sizes))
    fast, slow = families.read(container), readable(container, kernels=True)
    assert all((a == b).all() for a, b in zip(fast.symbols, slow.symbols, strict=True))
    view = view_of(37, 26, None, None, None)
    assert np.abs(fast.render(view, 8).astype(int) - slow.render(view, 8)).max() <= 1


@pytest.mark.parametrize("family", LATENT_FAMILIES)
def test_threads_change_nothing(family: Family) -> None:
    """Enough symbols for several threads, slices, alpha; several tiles."""
    data = random_file(family, 300, 310, 4, slice_side=64, levels=4)
    container = bitstream.read(data)
    slow = readable(container, kernels=True)
    images = [families.read(container, threads=n) for n in (1, 2, 3)]
    for image in images:
        assert all((a == b).all() for a, b in zip(image.symbols, slow.symbols, strict=True))
    view = view_of(300, 310, (450, 200), None, None)
    made = [image.render(view, 16, threads=n) for n, image in enumerate(images, 1)]
    assert all((pixels == made[0]).all() for pixels in made)
    assert np.abs(made[0].astype(int) - slow.render(view, 16)).max() <= 64


@pytest.mark.parametrize(
    "stem",
    [
        "coolchic",
        "coolchic-joint-few",
        "coolchic-joint-slices-alpha",
        "coolchic-joint-zeros",
        "coolchic-slices-alpha",
        "coolchic-v1-joint",
        "coolchic-v2",
        "spinr",
    ],
)
def test_prefixes_lack_the_same(stem: str) -> None:
    data = (VECTORS / "valid" / f"{stem}.inr").read_bytes()
    texts = set()
    for cut in sorted(random.Random(1).sample(range(30, len(data)), 40)):
        container = bitstream.read(data[:cut])
        try:
            wanted = readable(container, kernels=True)
        except FormatError as error:
            with pytest.raises(type(error)):
                families.read(container)
            continue
        made = families.read(container)
        assert made.missing == wanted.missing
        assert np.abs(corner(container, made) - corner(container, wanted)).max() <= 1
        texts.add(made.missing)
    assert len(texts) > 2


@pytest.mark.parametrize("joint_bytes", [0, 2048])
def test_holes_hide_the_same_slices(joint_bytes: int) -> None:
    data = random_file(Family.COOLCHIC, 90, 70, 4, slice_side=16, levels=6, joint_bytes=joint_bytes)
    sections = bitstream.read(data).sections
    bounds = [section.offset for section in sections]
    pick, texts = random.Random(2), set()
    for _ in range(60):
        a, b, c, d = sorted(pick.sample(range(3, len(bounds)), 4))
        within = pick.randrange(bounds[a + 1] - bounds[a]) if pick.random() < 0.5 else 0
        runs = [data[: bounds[a] + within], data[bounds[b] : bounds[c]]]
        if pick.random() < 0.7:
            runs.append(data[bounds[d] :])
        container = bitstream.read_runs(runs)
        wanted, made = readable(container, kernels=True), families.read(container, threads=2)
        assert made.missing == wanted.missing
        assert all((x == y).all() for x, y in zip(made.symbols, wanted.symbols, strict=True))
        texts.add(made.missing)
    assert len(texts) > 10


@pytest.mark.parametrize("stem", ["coolchic-slices-alpha", "wire", "spinr"])
def test_what_is_changed_is_changed_alike(stem: str) -> None:
    container = bitstream.read((VECTORS / "valid" / f"{stem}.inr").read_bytes())
    fast, slow = families.read(container), readable(container, kernels=True)
    before = corner(container, fast)

    def moved(symbols: np.ndarray) -> np.ndarray:
        return symbols + np.arange(symbols.size, dtype=np.int32).reshape(symbols.shape) % 3

    one, two = fast.changed(moved), slow.changed(moved)
    assert all((a == b).all() for a, b in zip(one.symbols, two.symbols, strict=True))
    assert np.abs(corner(container, one) - corner(container, two)).max() <= 1
    assert (corner(container, fast) == before).all()

    def grown(values, units):
        return {n: v * np.float32(1.25 if n in units else 1) for n, v in values.items()}

    header = container.header
    view = view_of(header.width, header.height, None, None, None)
    damaged = fast.render(view, 8, change=grown).astype(int)
    assert np.abs(damaged - slow.render(view, 8, change=grown)).max() <= 1
    assert (corner(container, fast) == before).all()
    assert np.abs(damaged[:8, :8] - before).max() > 1


def test_an_image_without_symbols_can_be_given_some() -> None:
    plane = random_plane(coolchic(20, 12, levels=3))
    for grid in plane.grids:
        grid[:] = 0
    image = families.read(bitstream.read(file_of([plane])))
    assert not any(grid.any() for grid in image.symbols[-len(plane.grids) :])
    other = image.changed(lambda symbols: symbols + np.int32(1))
    assert all((grid == 1).all() for grid in other.symbols[-len(plane.grids) :])


def test_what_ends_the_threads_ends_the_decode(monkeypatch: pytest.MonkeyPatch) -> None:
    data = random_file(Family.COOLCHIC, 300, 310, levels=4)
    image = families.read(bitstream.read(data))
    calls = []

    def interrupted(*_: object) -> None:
        calls.append(1)
        raise KeyboardInterrupt

    monkeypatch.setattr(core, "run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        families.read(bitstream.read(data))
    with pytest.raises(KeyboardInterrupt):
        inrcodec.decode(data)
    assert len(calls) == 2
    monkeypatch.undo()
    view = view_of(300, 310, None, None, None)
    assert (image.render(view, 8) == inrcodec.decode(data)).all()


def test_a_decode_begins_no_thread_of_its_own_for_a_small_image() -> None:
    pool._pool.cache_clear()
    inrcodec.decode((VECTORS / "valid" / "coolchic.inr").read_bytes(), threads=4)
    assert pool._pool.cache_info().currsize == 0


def test_another_device_is_not_the_core_s(small_file: bytes) -> None:
    container = bitstream.read(small_file)
    assert isinstance(families.read(container), compiled.CompiledImage)
    assert not isinstance(families.read(container, device="cpu:0"), compiled.CompiledImage)
