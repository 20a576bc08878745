import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inrcodec.codec import native
from inrcodec.codec.entropy.arm import IntegerArm, parent_maps
from inrcodec.codec.entropy.laplace import SHIFTS, frequencies
from inrcodec.codec.entropy.wave_grid import Grid
from inrcodec.codec.entropy.waves import cost_bits
from inrcodec.codec.native.pool import kernel_threads
from inrcodec.errors import FormatError, LimitError
from tests.codec.entropy.compiled_waves import decode_grid, decode_prefix, encode_grid
from tests.codec.entropy.test_arm import in_plain_integers
from tests.reference_reader import RangeDecoder, Refused

NEIGHBOURS = {
    "none": (),
    "left": ((0, -1),),
    "above": ((-1, 0),),
    "far right": ((0, -2), (-1, 3), (-2, -1)),
    "many": (
        *((0, column) for column in (-1, -2, -3)),
        *((row, column) for row in (-1, -2) for column in range(-2, 3)),
        *((-3, column) for column in range(-1, 2)),
    ),
}
SHAPES = [(9, 7), (1, 5), (5, 1), (1, 1), (2, 16)]


@pytest.fixture(autouse=True, params=["numpy", *filter(native.load, native.LEVELS)])
def kernels(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test runs on the readable decoder and on every compiled one."""
    level = request.param
    monkeypatch.setattr(native, "library", lambda: native.load(level))


def an_arm(name: str, sides: int = 4, bias: int = -200, seed: int = 0) -> IntegerArm:
    """A random network; `bias` sets the scale: 2^(bias / 256)."""
    random = np.random.default_rng(seed)
    inputs = len(NEIGHBOURS[name]) + sides
    weights = (
        np.rint(random.normal(0, 70, (6, inputs))).astype(np.int32),
        np.rint(random.normal(0, 70, (2, 6))).astype(np.int32),
    )
    biases = (np.rint(random.normal(0, 50, 6)).astype(np.int32), np.array([5, bias], np.int32))
    linear = np.rint(random.normal(0, 40, (2, inputs))).astype(np.int32)
    linear[1] //= 4
    levels = np.rint(random.normal(0, 99, (2, 6))).astype(np.int32)
    return IntegerArm(NEIGHBOURS[name], sides, weights, biases, linear, levels)


def some_symbols(shape: tuple[int, int], spread: float, seed: int = 0) -> np.ndarray:
    values = np.rint(np.random.default_rng(seed).laplace(0, spread, shape))
    return np.clip(values, -32767, 32767).astype(np.int32)


def some_parents(shape: tuple[int, int], spread: float = 2.0) -> np.ndarray:
    height, width = shape
    return parent_maps(some_symbols(((height + 1) // 2, (width + 1) // 2), spread, 9), *shape)


def waves_of(shape: tuple[int, int], neighbours: tuple[tuple[int, int], ...]) -> list[list]:
    """Positions wave by wave, from the definition."""
    k = 1
    while any(column + k * row >= 0 for row, column in neighbours if row < 0):
        k += 1
    waves: dict[int, list] = {}
    for r in range(shape[0]):
        for c in range(shape[1]):
            waves.setdefault(c + k * r, []).append((r, c))
    return [waves[t] for t in sorted(waves)]


def read_plainly(
    data: bytes, shape: tuple[int, int], parents: np.ndarray | None, arm: IntegerArm, level: int
) -> np.ndarray:
    """The decoder of the specification, one symbol at a time, in plain integers."""
    symbols: dict[tuple[int, int], int] = {}
    coder = RangeDecoder(data)

    def uniform(bits: int) -> int:
        return coder.symbol(range(0, 1 << 24, 1 << 24 - bits), [1 << 24 - bits] * (1 << bits))

    for wave in waves_of(shape, arm.neighbours) if data else []:
        read = []
        for r, c in wave:
            inputs = [symbols.get((r + row, c + column), 0) for row, column in arm.neighbours]
            if arm.sides:
                inputs += [0] * arm.sides if parents is None else parents[:, r, c].tolist()
            mean, scale = in_plain_integers(arm, inputs, level)
            table = frequencies()[16 * scale + (mean + 8 & 15)].tolist()
            q = coder.symbol([sum(table[:i]) for i in range(65)], table) - 32
            read.append((q, mean + 8 >> 4, int(SHIFTS[scale])))
        low = [uniform(e) if e and q < 32 else 0 for q, _, e in read]
        for i, (q, centre, e) in enumerate(read):
            value = uniform(16) - 32768 if q == 32 else centre + (q << e) + low[i]
            symbols[wave[i]] = (value + 32768) % 65536 - 32768
    grid = np.zeros(shape, np.int32)
    for position, value in symbols.items():
        grid[position] = value
    return grid


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", NEIGHBOURS)
@pytest.mark.parametrize(("bias", "spread"), [(-200, 0.6), (550, 6), (560, 40), (-900, 200)])
def test_streams_are_what_the_specification_says(
    shape: tuple[int, int], name: str, bias: int, spread: float
) -> None:
    arm = an_arm(name, 4 * (name != "left"), bias)
    symbols = some_symbols(shape, spread)
    symbols[-1, -1] = -3
    level = len(name) % 2
    for parents in (None, some_parents(shape)):
        data = encode_grid(symbols, parents, arm, level)
        assert (decode_grid(data, shape, parents, arm, level) == symbols).all()
        if bias != -900 or symbols.size < 20:
            assert (read_plainly(data, shape, parents, arm, level) == symbols).all()


@given(
    shape=st.tuples(st.integers(1, 20), st.integers(1, 20)),
    name=st.sampled_from(sorted(NEIGHBOURS)),
    bias=st.integers(-1200, 3000),
    spread=st.floats(0.1, 9000),
    seed=st.integers(0, 99),
)
@settings(max_examples=150, deadline=None)
def test_symbols_come_back_whatever_they_are(
    shape: tuple[int, int], name: str, bias: int, spread: float, seed: int
) -> None:
    arm = an_arm(name, bias=bias, seed=seed)
    symbols, parents = some_symbols(shape, spread, seed), some_parents(shape, 900.0)
    data = encode_grid(symbols, parents, arm, 1)
    assert (decode_grid(data, shape, parents, arm, 1) == symbols).all()
    excess = 8 * len(data) - cost_bits(symbols, parents, arm, 1)
    assert not symbols.any() or -1e-6 < excess < 66 + symbols.size / 100


def test_the_largest_symbols_come_back_and_larger_ones_are_refused() -> None:
    symbols = np.array([[32767, -32767, 0], [1023, -1024, 1024]], np.int32)
    for bias in (-1200, 3000):
        arm = an_arm("many", bias=bias)
        data = encode_grid(symbols, None, arm, 0)
        assert (decode_grid(data, (2, 3), None, arm, 0) == symbols).all()
    for value in (32768, -32768, 2**31 - 1, -(2**31)):
        with pytest.raises(LimitError, match="magnitude"):
            encode_grid(np.full((2, 3), value, np.int32), None, an_arm("many"), 0)


def test_parents_and_level_matter_and_inputs_are_clamped() -> None:
    arm = an_arm("many")
    symbols, parents = some_symbols((20, 20), 1.0), some_parents((20, 20))
    streams = {
        encode_grid(symbols, parents, arm, 0),
        encode_grid(symbols, None, arm, 0),
        encode_grid(symbols, parents, arm, 1),
    }
    assert len(streams) == 3
    large = np.where(parents > 0, 1023, parents)
    larger = np.where(parents > 0, 2**20, parents)
    assert encode_grid(symbols, large, arm, 0) == encode_grid(symbols, larger, arm, 0)
    with pytest.raises(LimitError, match="levels"):
        encode_grid(symbols, parents, arm, 2)


def test_a_grid_of_zeros_is_empty() -> None:
    symbols = np.zeros((6, 5), np.int32)
    assert encode_grid(symbols, None, an_arm("many"), 0) == b""
    assert (decode_grid(b"", (6, 5), None, an_arm("many"), 0) == symbols).all()
    symbols[5, 4] = 1
    assert encode_grid(symbols, None, an_arm("many"), 0) != b""


@pytest.mark.parametrize("spread", [0.5, 60.0, 4000.0])
def test_portions_of_a_grid_make_one_stream(spread: float) -> None:
    shape = (37, 23)
    symbols, parents, arm = some_symbols(shape, spread), some_parents(shape), an_arm("many")
    whole = encode_grid(symbols, parents, arm, 1)
    for portion in (1, 7, 100, 851, 852):
        assert encode_grid(symbols, parents, arm, 1, portion) == whole


def test_portions_are_all_waves_in_order_and_none_is_large() -> None:
    grid = Grid((37, 23), None, an_arm("many"))
    parts = list(grid.portions(100))
    assert np.array_equal(np.concatenate([part.starts for part in parts]), grid.starts)
    assert np.array_equal(np.concatenate([part.counts for part in parts]), grid.counts)
    assert max(part.counts.sum() for part in parts) < 100 + grid.counts.max()
    assert len(parts) > 5


def test_threads_share_the_waves_of_a_grid() -> None:
    arm = an_arm("many")
    for shape in ((37, 23), *SHAPES):
        symbols, parents = some_symbols(shape, 3.0), some_parents(shape)
        alone = encode_grid(symbols, parents, arm, 1)
        with kernel_threads(3, smallest_band=2):
            assert encode_grid(symbols, parents, arm, 1) == alone


@pytest.mark.parametrize(("bias", "spread"), [(-200, 0.6), (600, 8), (0, 30), (900, 400)])
def test_every_cut_of_a_stream_gives_true_symbols(bias: int, spread: float) -> None:
    arm, shape = an_arm("many", bias=bias), (13, 11)
    symbols, parents = some_symbols(shape, spread), some_parents(shape)
    data = encode_grid(symbols, parents, arm, 0)
    order = [position for wave in waves_of(shape, arm.neighbours) for position in wave]
    rows, columns = np.array(order).T
    counts = []
    for cut in range(len(data) + 1):
        got, count = decode_prefix(data[:cut], shape, parents, arm, 0)
        counts.append(count)
        assert (got[rows, columns][:count] == symbols[rows, columns][:count]).all()
        assert not got[rows, columns][count:].any()
    assert counts == sorted(counts)
    assert counts[:8] == [0] * 8
    assert counts[-1] > 0.9 * symbols.size


def test_a_prefix_holds_all_that_its_words_determine() -> None:
    """No symbol more (whatever follows the cut), and at most about a word less."""
    arm, shape = an_arm("left", 0, 1600), (1, 90)
    symbols = some_symbols(shape, 80)
    data = encode_grid(symbols, None, arm, 0)
    random = np.random.default_rng(0)
    kept = 0
    for cut in range(8, len(data) - 8, 4):
        _, count = decode_prefix(data[:cut], shape, None, arm, 0)
        assert cost_bits(symbols[:, : count + 1], None, arm, 0) > 8 * cut - 33
        for tail in (b"\0" * 8, b"\xff" * 8, random.bytes(8)):
            shorter = (1, count + 1)
            try:
                got = decode_grid(data[:cut] + tail, shorter, None, arm, 0)
            except FormatError:
                continue
            assert (got[0, :count] == symbols[0, :count]).all()
            kept += 1
    assert kept > len(data) // 4


def test_bad_lengths_are_refused() -> None:
    with pytest.raises(FormatError, match="multiple of 4"):
        decode_grid(b"abcde", (3, 3), None, an_arm("left"), 0)
    with pytest.raises(FormatError, match="range coder"):
        decode_grid(b"\xff" * 8, (3, 3), None, an_arm("left"), 0)


def test_garbage_decodes_to_garbage_or_a_format_error() -> None:
    random = np.random.default_rng(1)
    outcomes = set()
    for i in range(400):
        arm = an_arm("many", bias=int(random.integers(-1500, 4000)), seed=i)
        data = random.bytes(4 * int(random.integers(0, 40)))
        if i % 4 == 0:
            data = bytes([0, 255][i // 4 % 2] for _ in data)
        try:
            got = decode_grid(data, (12, 13), some_parents((12, 13), 900.0), arm, 0)
            outcomes.add("symbols")
            assert np.abs(got).max() <= 32768
        except FormatError:
            outcomes.add("error")
        decode_prefix(data, (12, 13), None, arm, 0)
        if i % 40 == 0 and len(data) > 0:
            try:
                plain = read_plainly(data, (12, 13), None, arm, 0)
            except Refused:
                with pytest.raises(FormatError):
                    decode_grid(data, (12, 13), None, arm, 0)
            else:
                assert (decode_grid(data, (12, 13), None, arm, 0) == plain).all()
    assert outcomes == {"symbols", "error"}


def test_a_storm_of_escapes_is_not_slow() -> None:
    arm, shape = an_arm("left", 0, -1200), (128, 128)
    symbols = some_symbols(shape, 9000)
    start = time.process_time()
    data = encode_grid(symbols, None, arm, 0)
    assert (decode_grid(data, shape, None, arm, 0) == symbols).all()
    assert len(data) > 4 * symbols.size
    assert time.process_time() - start < 1
