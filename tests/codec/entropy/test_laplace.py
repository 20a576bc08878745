import zlib
from decimal import ROUND_HALF_EVEN, Context, Decimal
from itertools import pairwise

import constriction
import numpy as np
import pytest

from inrcodec.codec.entropy import laplace
from inrcodec.codec.entropy.laplace import ESCAPE, SHIFTS, boundaries, frequencies, weights
from inrcodec.errors import InrCodecError
from tests.reference_reader import RangeDecoder

ROWS = [0, 15, 16 * 32 + 8, 16 * 48 + 3, 16 * 49, 16 * 88 + 9, 16 * 127 + 15]


def in_plain_integers(scale: int, g: int) -> list[int]:
    """One table by the specification, number by number."""
    shift = max(0, (scale - 41) // 8)
    sixteen_b = 2 ** (scale / 8)
    rho, whole, first = (
        round(2**31 * float(np.exp(-x / sixteen_b))) for x in (1, 16 * 2**shift, 16 * 2**shift - 16)
    )
    near, far = [2**31], [2**31]
    for _ in range(16):
        near.append(near[-1] * rho >> 31)
    for _ in range(32):
        far.append(far[-1] * whole >> 31)
    above = first * near[16 - g] >> 31
    left = [near[g] * far[-q] >> 32 for q in range(-32, 1)]
    left += [2**31 - (above * far[q - 1] >> 32) for q in range(1, 33)]
    free = 2**24 - 65
    cumulated = [value * free >> 31 for value in left]
    table = [b - a + 1 for a, b in pairwise(cumulated)]
    return [*table, 2**24 - sum(table)]


def exponentials() -> list[int]:
    """Those that are shipped, by definition: 2^31 exp(-x / 2^(scale / 8)) to the nearest, of three
    x for every scale, in decimals of 50 digits."""
    context = Context(prec=50, rounding=ROUND_HALF_EVEN)
    values = []
    for scale in range(128):
        sixteen_b = context.power(Decimal(2), context.divide(Decimal(scale), Decimal(8)))
        size = 2 ** max(0, (scale - 41) // 8)
        for x in (1, 16 * size, 16 * size - 16):
            power = context.exp(-context.divide(Decimal(x), sixteen_b))
            value = context.multiply(power, Decimal(2**31))
            nearest = value.to_integral_value(ROUND_HALF_EVEN)
            assert abs(value - nearest) < Decimal(
                "0.499999"
            )  # 30 digits are enough, as the page says
            values.append(int(nearest))
    return values


def exact_masses(scale: int, g: int) -> np.ndarray:
    """The masses in floating point, without cancellation."""
    b, size = 2.0 ** (scale / 8 - 4), 2.0 ** SHIFTS[scale]
    bounds = np.arange(-32, 33) * size - g / 16
    tails = np.exp(-np.abs(bounds) / b) / 2
    near = np.where(bounds[1:] <= 0, tails[1:] - tails[:-1], tails[:-1] - tails[1:])
    around = (bounds[:-1] < 0) & (bounds[1:] > 0)
    near = np.where(around, 1 - tails[:-1] - tails[1:], near)
    return np.append(near, tails[0] + tails[-1])


def test_every_table_is_an_exact_distribution() -> None:
    table = frequencies()
    assert table.shape == (2048, 65)
    assert table.min() >= 1
    assert (table.sum(1) == 1 << 24).all()


def test_shipped_exponentials_are_those_of_the_definition() -> None:
    shipped = np.stack(laplace._constants(), 1).ravel().astype("<u4")
    assert shipped.tolist() == exponentials()
    assert zlib.crc32(shipped.tobytes()) == 0x053AE57F  # as docs/format.md says


def test_boundaries_are_cumulated_frequencies() -> None:
    table = boundaries()
    assert (np.diff(table, axis=1) == frequencies()).all()
    assert (table[:, 0] == 0).all()
    assert (table[:, -1] == 1 << 24).all()


def test_known_values() -> None:
    table = frequencies()
    assert table[16 * 32 + 8].tolist() == in_plain_integers(32, 8)
    assert table[16 * 32 + 8, 30:35].tolist() == [1183169, 3216185, 6601295, 3216185, 1183169]
    assert zlib.crc32(table.astype("<i4").tobytes()) == 0xB2EF959C


def test_tables_are_what_the_specification_says() -> None:
    table = frequencies()
    for row in range(2048):
        assert table[row].tolist() == in_plain_integers(*divmod(row, 16))


def test_tables_cost_less_than_a_hundred_thousandth_bit_over_the_true_distribution() -> None:
    worst = 0.0
    for row in range(2048):
        masses = exact_masses(*divmod(row, 16))
        ratio = np.maximum(masses, 1e-300) * 2.0**24 / frequencies()[row]
        worst = max(worst, float((masses * np.log2(ratio)).sum()))
    assert 0 < worst < 1e-5


def test_low_bits_cost_about_a_hundredth_bit() -> None:
    """Over coding every integer by its own mass, where the low bits begin (b just over 4)."""
    b, size = 2.0 ** (49 / 8 - 4), 2
    bounds = np.arange(-32 * size, 32 * size + 1) - 0.5
    below = np.where(bounds < 0, np.exp(bounds / b) / 2, 1 - np.exp(-bounds / b) / 2)
    masses = np.diff(below)
    coarse = frequencies()[49 * 16 + 8, (np.arange(-64, 64) >> 1) + 32]
    excess = float((masses * (1 + 24 - np.log2(coarse) + np.log2(masses))).sum())
    assert 0 < excess < 0.012


def test_shifts_keep_the_scale_within_four_bins() -> None:
    scales = 2.0 ** (np.arange(128) / 8 - 4)
    assert (scales <= 4 * 2.0**SHIFTS * (1 + 1e-9)).all()
    assert (scales[SHIFTS > 0] > 2 * 2.0 ** SHIFTS[SHIFTS > 0]).all()
    assert SHIFTS[laplace.LAST_UNSHIFTED] == 0 < SHIFTS[laplace.LAST_UNSHIFTED + 1]


def test_constriction_codes_every_entry_of_every_table_by_exactly_its_share() -> None:
    """A range coder of plain integers reads back all of them."""
    rows, symbols = np.repeat(np.arange(2048), 65), np.tile(np.arange(65, dtype=np.int32), 2048)
    coder = constriction.stream.queue.RangeEncoder()
    coder.encode(symbols, constriction.stream.model.Categorical(perfect=False), weights()[rows])
    words = coder.get_compressed()
    reference = RangeDecoder(words.astype("<u4").tobytes())
    for row, symbol in zip(rows.tolist(), symbols.tolist(), strict=True):
        cumulated = boundaries()[row, :-1].tolist()
        assert reference.symbol(cumulated, frequencies()[row].tolist()) == symbol


def test_constriction_uses_exactly_these_tables() -> None:
    """Every entry of a table, and random rows: a decoder of plain integers reads them back."""
    random = np.random.default_rng(5)
    rows = np.concatenate([np.repeat(ROWS, 65), random.integers(0, 2048, 2000)])
    symbols = np.concatenate([np.tile(np.arange(65), len(ROWS)), np.zeros(2000)]).astype(np.int32)
    for i in range(len(ROWS) * 65, len(rows)):
        symbols[i] = random.choice(65, p=frequencies()[rows[i]] / 2**24)
    coder = constriction.stream.queue.RangeEncoder()
    family = constriction.stream.model.Categorical(perfect=False)
    coder.encode(symbols, family, weights()[rows])
    words = coder.get_compressed()
    reference = RangeDecoder(words.astype("<u4").tobytes())
    for row, symbol in zip(rows, symbols.tolist(), strict=True):
        table = frequencies()[row].tolist()
        cumulated = np.cumsum([0, *table[:-1]]).tolist()
        assert reference.symbol(cumulated, table) == symbol
    content = (24 - np.log2(frequencies()[rows, symbols])).sum()
    assert 0 <= 32 * len(words) - content < 66
    assert symbols.max() == ESCAPE
    back = constriction.stream.queue.RangeDecoder(words).decode(family, weights()[rows])
    assert (back == symbols).all()


def test_a_range_coder_of_other_tables_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    family = laplace.family()
    other = constriction.stream.model.Categorical(perfect=True)
    monkeypatch.setattr(constriction.stream.model, "Categorical", lambda perfect: other)
    laplace.family.cache_clear()
    with pytest.raises(InrCodecError, match="constriction"):
        laplace.family()
    monkeypatch.undo()
    assert laplace.family() is not family


def test_the_sample_of_tables_is_what_a_coder_of_plain_integers_reads() -> None:
    coder = constriction.stream.queue.RangeEncoder()
    rows = np.repeat(laplace.SAMPLE_ROWS, 65)
    entries = np.tile(np.arange(65, dtype=np.int32), len(laplace.SAMPLE_ROWS))
    coder.encode(entries, laplace.family(), weights()[rows])
    words = coder.get_compressed().astype("<u4").tobytes()
    assert zlib.crc32(words) == laplace.SAMPLE_CRC
    reference = RangeDecoder(words)
    for row, entry in zip(rows.tolist(), entries.tolist(), strict=True):
        cumulated = boundaries()[row, :-1].tolist()
        assert reference.symbol(cumulated, frequencies()[row].tolist()) == entry
