"""Grids of latent symbols as range coder streams, a diagonal wave of symbols at a time.

A symbol's distribution depends on its decoded neighbours. With t = column + k row, and k the
smallest that puts every neighbour on an earlier wave, all symbols of one wave t are decoded
together: one pass of the context network and one call of the range coder (constriction's). This is
the readable form of a decoder; the compiled core (native/core.py) does the same where there is one.
Waves come in ascending t, the symbols of a wave in ascending row. docs/format.md states the order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import constriction
import numpy as np

from inrcodec.codec.entropy.arm import MAX_INPUT, MEAN_FRACTION, Evaluator, IntegerArm
from inrcodec.codec.entropy.laplace import (
    ESCAPE,
    ESCAPE_BITS,
    FRACTIONS,
    LAST_UNSHIFTED,
    MIN_ENTRY,
    SHIFTS,
    family,
    frequencies,
    weights,
)
from inrcodec.codec.entropy.prior import PRECISION
from inrcodec.codec.entropy.wave_grid import CHUNK, PORTION, Grid, Sides, Symbols
from inrcodec.errors import FormatError

_MODEL = constriction.stream.model
_LOW_BITS = _MODEL.Uniform()
_ESCAPED = _MODEL.Uniform(1 << ESCAPE_BITS)


class Part(NamedTuple):
    """One grid of a stream: symbols (h, w), their side inputs (arm.sides, h, w) or None for zeros,
    and which level bias is theirs."""

    symbols: Symbols
    sides: Sides | None
    level: int


def encode_grids(parts: Iterable[Part], arm: IntegerArm, portion: int = PORTION) -> bytes:
    """Grids one after the other as little-endian 32-bit words; those of zeros alone are empty.

    About `portion` symbols are encoded at once. Raises `LimitError` for symbols beyond
    -32767 .. 32767.
    """
    coder, empty = constriction.stream.queue.RangeEncoder(), True
    for symbols, sides, level in parts:
        empty &= not symbols.any()
        for part in Grid(symbols.shape, sides, arm, symbols).portions(portion):
            _encode_waves(coder, part, arm, level)
    return b"" if empty else bytes(coder.get_compressed().astype("<u4").tobytes())


def _encode_waves(coder: Any, grid: Grid, arm: IntegerArm, level: int) -> None:
    """Append the symbols of a portion of a grid."""
    values, centre, rows = grid.distributions(arm, level)
    shift = SHIFTS[rows // FRACTIONS]
    entries = _entries(values - centre, shift)
    escaped = entries == ESCAPE
    ends = np.cumsum(grid.counts)
    extras = np.add.reduceat((escaped | (shift > 0)).astype(np.int64), ends - grid.counts)
    done = 0
    for wave in np.flatnonzero(extras):
        _encode_entries(coder, entries, rows, slice(done, ends[wave]))
        done = int(ends[wave])
        part = slice(done - int(grid.counts[wave]), done)
        raw = part.start + np.flatnonzero((shift[part] > 0) & ~escaped[part])
        sizes = np.left_shift(1, shift[raw], dtype=np.int32)
        if raw.size:
            coder.encode((values[raw] - centre[raw]) & (sizes - 1), _LOW_BITS, sizes)
        if escaped[part].any():
            coder.encode(values[part][escaped[part]] + np.int32(1 << ESCAPE_BITS - 1), _ESCAPED)
    _encode_entries(coder, entries, rows, slice(done, len(entries)))


class GridReader:
    """Reads grids from a stream, one after the other: the inverse of `encode_grids`.

    Only the length and what the range coder itself refuses are checked: any other bytes decode to
    some symbols of 16 bits, so streams need a checksum. Raises `FormatError`.

    A stream that is not `whole` may be cut anywhere. Whole waves are decoded as long as no word
    after the cut can influence them; the other symbols, those of later grids too, are 0. The last
    few of an uncut stream may be among those. An invalid stream ends the decoded symbols, too.
    """

    def __init__(self, data: bytes, *, whole: bool) -> None:
        if whole and len(data) % 4:
            raise FormatError(f"a latent stream has {len(data)} bytes, not a multiple of 4")
        words = np.frombuffer(data[: len(data) // 4 * 4], "<u4").astype(np.uint32)
        self._coder = constriction.stream.queue.RangeDecoder(words)
        self._reach = None if whole else _Reach(len(words))
        self._open = len(data) > 0
        self.decoded = 0
        """Symbols decoded so far, in order of waves."""

    def grid(
        self, shape: tuple[int, int], sides: Sides | None, arm: IntegerArm, level: int
    ) -> Symbols:
        """The symbols (h, w) of the next grid; arguments as those of a `Part`."""
        grid = Grid(shape, sides, arm)
        try:
            for position, content in self._waves(grid, arm, level):
                if self._reach is not None and not self._reach.covers(content()):
                    grid.flat[position] = 0
                    self._open = False
                    break
                self.decoded += len(grid.flat[position])
        except AssertionError:
            self._open = False
            if self._reach is None:
                raise FormatError("a latent stream is not a valid range coder stream") from None
        return grid.symbols()

    def _waves(self, grid: Grid, arm: IntegerArm, level: int) -> Iterator[tuple[slice, Any]]:
        return _decode_waves(self._coder, grid, arm, level) if self._open else iter(())


def cost_bits(symbols: Symbols, sides: Sides | None, arm: IntegerArm, level: int) -> float:
    """Exact information content of a grid under its distributions, in bits.

    The stream of a grid of zeros is empty all the same, and its content is not counted as 0 here.
    """
    bits = 0.0
    for part in Grid(symbols.shape, sides, arm, symbols).portions(PORTION):
        values, centre, rows = part.distributions(arm, level)
        shift = SHIFTS[rows // FRACTIONS]
        entries = _entries(values - centre, shift)
        table_bits = PRECISION - np.log2(frequencies()[rows, entries])
        bits += float((table_bits + np.where(entries == ESCAPE, ESCAPE_BITS, shift)).sum())
    return bits


def _entries(distance: Symbols, shift: Symbols) -> Symbols:
    """Table entries of symbols at the given distance from their rounded means."""
    entries = (distance >> shift) - np.int32(MIN_ENTRY)
    entries[(entries < 0) | (entries >= ESCAPE)] = ESCAPE
    return entries


def _encode_entries(coder: Any, entries: Symbols, rows: Symbols, part: slice) -> None:
    for start in range(part.start, part.stop, CHUNK):
        chunk = slice(start, min(start + CHUNK, part.stop))
        coder.encode(entries[chunk], family(), weights().take(rows[chunk], axis=0))


def _decode_waves(
    decoder: Any, grid: Grid, arm: IntegerArm, level: int
) -> Iterator[tuple[slice, Any]]:
    """Decode wave after wave into the grid; yields its positions and a call for its frequencies.

    This loop is the decoder's time, so it works in buffers allocated once: see
    benchmarks/speed/latent_decode.py. Raises AssertionError where the range coder does.
    """
    capacity = int(grid.counts.max(initial=1))
    evaluator = Evaluator(arm, level, capacity)
    table, model = weights(), family()
    flat, step = grid.flat, grid.step
    lead = int(grid.offsets.min(initial=0))
    steps = step * np.arange(capacity)
    chosen = np.empty((capacity, table.shape[1]), table.dtype)
    centring = FRACTIONS // 2 + MIN_ENTRY * FRACTIONS
    width = 0
    for start, n in zip(grid.starts.tolist(), grid.counts.tolist(), strict=True):
        if n != width:
            width = n
            evaluator.resize(n)
            index = grid.offsets[:, None] - lead + steps[:n]
            gathered = np.empty(index.shape, np.int16)
            inputs, probabilities = evaluator.inputs, chosen[:n]
        flat[start + lead :].take(index, out=gathered, mode="clip")
        np.clip(gathered, -MAX_INPUT, MAX_INPUT, out=gathered)
        np.copyto(inputs, gathered)
        mean, scale = evaluator.run()
        mean += centring
        rows = scale << MEAN_FRACTION
        rows |= mean & FRACTIONS - 1
        mean >>= MEAN_FRACTION
        table.take(rows, axis=0, out=probabilities, mode="clip")
        entries = decoder.decode(model, probabilities)
        position = slice(start, start + step * (n - 1) + 1, step)
        if scale.max() > LAST_UNSHIFTED or entries.max() == ESCAPE:
            flat[position] = _refine(decoder, entries, mean, SHIFTS[scale])
        else:
            flat[position] = entries + mean
        yield position, lambda r=rows, e=entries: _wave_frequencies(r, e)


def _refine(decoder: Any, entries: Symbols, start: Symbols, shift: Symbols) -> Symbols:
    """Symbols of a wave with low bits or escapes; `start` is the rounded mean less 32."""
    symbols = start - np.int32(MIN_ENTRY) + (entries + np.int32(MIN_ENTRY) << shift)
    escaped = entries == ESCAPE
    raw = np.flatnonzero((shift > 0) & ~escaped)
    if raw.size:
        symbols[raw] += decoder.decode(_LOW_BITS, np.left_shift(1, shift[raw], dtype=np.int32))
    if escaped.any():
        count = np.count_nonzero(escaped)
        symbols[escaped] = decoder.decode(_ESCAPED, count) - np.int32(1 << ESCAPE_BITS - 1)
    return symbols


def _wave_frequencies(rows: Symbols, entries: Symbols) -> list[int]:
    """Frequencies of everything coded for a wave, in order, in units of 2^-24."""
    coded = [frequencies()[rows, entries]]
    shift, escaped = SHIFTS[rows // FRACTIONS], entries == ESCAPE
    raw = shift[(shift > 0) & ~escaped]
    coded.append(np.left_shift(1, PRECISION - raw, dtype=np.int32))
    coded.append(np.full(np.count_nonzero(escaped), 1 << PRECISION - ESCAPE_BITS, np.int32))
    return [int(f) for f in np.concatenate(coded).tolist()]


class _Reach:
    """Follows how far the range decoder has read, from the frequencies of what it decoded.

    The width of the coder's interval depends on nothing else, and each time it falls below 2^32
    the decoder takes one more word; two are taken at the start.
    """

    def __init__(self, words: int) -> None:
        self._left = words - 2
        self._range = (1 << 64) - 1

    def covers(self, frequencies: list[int]) -> bool:
        """Whether the symbols of these frequencies, next in line, depend on known words alone."""
        for frequency in frequencies:
            if self._left < 0:
                return False
            self._range = (self._range >> PRECISION) * frequency
            if self._range < 1 << 32:
                self._range <<= 32
                self._left -= 1
        return True
