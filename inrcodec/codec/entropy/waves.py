"""Grids of latent symbols as range coder streams, a diagonal wave of symbols at a time.

A symbol's distribution depends on its decoded neighbours. With t = column + k row, and k the
smallest that puts every neighbour on an earlier wave, all symbols of one wave t are decoded
together: one pass of the context network and one call of the range coder (constriction's). This is
the readable form; where there are compiled kernels, native/waves.py does the same. Waves
come in ascending t, the symbols of a wave in ascending row. docs/format.md states the order.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import constriction
import numpy as np
from numpy.typing import NDArray

from inrcodec.codec import native
from inrcodec.codec.entropy.arm import MAX_INPUT, MEAN_FRACTION, Evaluator, IntegerArm
from inrcodec.codec.entropy.laplace import (
    ESCAPE,
    ESCAPE_BITS,
    FRACTIONS,
    LAST_UNSHIFTED,
    MIN_ENTRY,
    SHIFTS,
    boundaries,
    family,
    frequencies,
    weights,
)
from inrcodec.codec.entropy.prior import MAX_MAGNITUDE, PRECISION
from inrcodec.codec.native import waves
from inrcodec.errors import FormatError, LimitError

Symbols = NDArray[np.int32]
Sides = NDArray[np.signedinteger[Any]]

_MODEL = constriction.stream.model
_LOW_BITS = _MODEL.Uniform()
_ESCAPED = _MODEL.Uniform(1 << ESCAPE_BITS)

_CHUNK = 8192


def encode_grid(symbols: Symbols, sides: Sides | None, arm: IntegerArm, level: int) -> bytes:
    """One grid (h, w) as little-endian 32-bit words; a grid of zeros is empty.

    `sides` (arm.sides, h, w) are the side inputs of every symbol, or None for zeros; `level`
    selects the level bias. Raises `LimitError` for symbols beyond -32767 .. 32767.
    """
    if not symbols.any():
        return b""
    grid = Grid(symbols.shape, sides, arm, symbols)
    values, centre, rows = grid.distributions(arm, level)
    shift = SHIFTS[rows // FRACTIONS]
    entries = _entries(values - centre, shift)
    escaped = entries == ESCAPE
    coder = constriction.stream.queue.RangeEncoder()
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
    return bytes(coder.get_compressed().astype("<u4").tobytes())


def decode_grid(
    data: bytes, shape: tuple[int, int], sides: Sides | None, arm: IntegerArm, level: int
) -> Symbols:
    """The inverse of `encode_grid`: symbols (h, w). Raises `FormatError`.

    Only the length and what the range coder itself refuses are checked: any other bytes decode to
    some symbols of 16 bits, so streams need a checksum.
    """
    if len(data) % 4:
        raise FormatError(f"a latent stream has {len(data)} bytes, not a multiple of 4")
    grid = Grid(shape, sides, arm)
    if data and _compiled(arm):
        if not _decode_compiled(_words(data), grid, arm, level, prefix=False)[1]:
            raise FormatError("a latent stream is not a valid range coder stream")
    elif data:
        try:
            for _ in _decode_waves(_words(data), grid, arm, level):
                pass
        except AssertionError:
            raise FormatError("a latent stream is not a valid range coder stream") from None
    return grid.symbols()


def decode_prefix(
    data: bytes, shape: tuple[int, int], sides: Sides | None, arm: IntegerArm, level: int
) -> tuple[Symbols, int]:
    """Symbols of a stream cut anywhere, and how many of them are decoded, in order of waves.

    Whole waves are decoded as long as no word after the cut can influence them; the other symbols
    are 0. The last few of an uncut stream may be among those: that is what `decode_grid` is for.
    An invalid stream ends the decoded symbols, too.
    """
    words = _words(data[: len(data) // 4 * 4])
    grid = Grid(shape, sides, arm)
    if _compiled(arm):
        decoded, _ = _decode_compiled(words, grid, arm, level, prefix=True)
        return grid.symbols(), decoded
    reach = _Reach(len(words))
    decoded = 0
    try:
        for position, content in _decode_waves(words, grid, arm, level):
            if not reach.covers(content()):
                grid.flat[position] = 0
                break
            decoded += len(grid.flat[position])
    except AssertionError:
        pass
    return grid.symbols(), decoded


def cost_bits(symbols: Symbols, sides: Sides | None, arm: IntegerArm, level: int) -> float:
    """Exact information content of a grid under its distributions, in bits.

    The stream of a grid of zeros is empty all the same, and its content is not counted as 0 here.
    """
    grid = Grid(symbols.shape, sides, arm, symbols)
    values, centre, rows = grid.distributions(arm, level)
    shift = SHIFTS[rows // FRACTIONS]
    entries = _entries(values - centre, shift)
    table_bits = PRECISION - np.log2(frequencies()[rows, entries])
    return float((table_bits + np.where(entries == ESCAPE, ESCAPE_BITS, shift)).sum())


class Grid:
    """A grid within zeros, its sides behind it, in one flat array of 16-bit symbols.

    Every input of a symbol then lies at a fixed distance (`offsets`) from it, and the symbols of a
    wave `step` apart: wave i has `counts[i]` of them from `starts[i]` on.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        sides: Sides | None,
        arm: IntegerArm,
        symbols: Symbols | None = None,
    ) -> None:
        height, width = shape
        slope = max([1, *(column // -row + 1 for row, column in arm.neighbours if row)])
        top = max([0, *(-row for row, _ in arm.neighbours)])
        left = max([0, *(-column for _, column in arm.neighbours)])
        right = max([0, *(column for _, column in arm.neighbours)])
        pitch = left + width + right
        plane = (top + height) * pitch
        planes = np.zeros((1 + arm.sides, top + height, pitch), np.int16)
        inside = slice(top, None), slice(left, left + width)
        self._grid = planes[0][inside]
        if symbols is not None:
            peak = max(-int(symbols.min(initial=0)), int(symbols.max(initial=0)))
            if peak > MAX_MAGNITUDE:
                raise LimitError(f"a symbol of magnitude {peak}; the limit is {MAX_MAGNITUDE}")
            self._grid[:] = symbols
        if arm.sides and sides is not None:
            planes[(slice(1, None), *inside)] = np.clip(sides, -MAX_INPUT, MAX_INPUT)
        self.flat = planes.reshape(-1)
        offsets = [row * pitch + column for row, column in arm.neighbours]
        offsets += [plane * (1 + i) for i in range(arm.sides)]
        self.offsets = np.array(offsets, np.int64)
        self.step = max(1, pitch - slope)
        times = np.arange(width + slope * (height - 1) if height else 0, dtype=np.int64)
        first = np.maximum(0, (times - width + slope) // slope)
        counts = np.minimum(height - 1, times // slope) - first + 1
        starts = (first + top) * pitch + left + times - slope * first
        self.starts, self.counts = starts[counts > 0], counts[counts > 0]

    def symbols(self) -> Symbols:
        """The grid as it stands, (h, w)."""
        symbols: Symbols = self._grid.astype(np.int32)
        return symbols

    def waves(self) -> waves.Waves:
        """Its arrays, as the compiled kernels take them."""
        return waves.Waves(self.flat, self.offsets, self.starts, self.counts, self.step)

    def distributions(self, arm: IntegerArm, level: int) -> tuple[Symbols, Symbols, Symbols]:
        """Of every symbol in order of waves: itself, its rounded mean and its row of the tables."""
        total = int(self.counts.sum())
        if _compiled(arm):
            centre, rows = waves.distributions(self.waves(), _network(arm, level))
            return self.flat[self._positions()].astype(np.int32), centre, rows
        positions = self._positions()
        centre, rows = np.empty((2, total), np.int32)
        for start in range(0, total, _CHUNK):
            part = slice(start, start + _CHUNK)
            inputs = self.flat[positions[part, None] + self.offsets]
            mean, scale = arm.distribution(inputs, level)
            mean += FRACTIONS // 2
            centre[part] = mean >> MEAN_FRACTION
            rows[part] = scale * FRACTIONS + (mean & FRACTIONS - 1)
        return self.flat[positions].astype(np.int32), centre, rows

    def _positions(self) -> NDArray[np.intp]:
        """Where every symbol lies, in order of waves."""
        before = np.cumsum(self.counts) - self.counts
        positions = np.repeat(self.starts - self.step * before, self.counts)
        positions += self.step * np.arange(len(positions))
        return positions


def _compiled(arm: IntegerArm) -> bool:
    """Whether there are kernels, and they take this network."""
    return native.takes([arm.inputs, *(len(bias) for bias in arm.biases)])


def _network(arm: IntegerArm, level: int) -> waves.Network:
    """The network of a level, as the compiled kernels take it."""
    return waves.network_of(arm.weights, arm.biases_of(level), arm.linear)


def _decode_compiled(
    words: NDArray[np.uint32], grid: Grid, arm: IntegerArm, level: int, *, prefix: bool
) -> tuple[int, bool]:
    """Decode into the grid by the compiled kernels; see `waves.decode`."""
    network = _network(arm, level)
    return waves.decode(words, grid.waves(), network, boundaries(), prefix=prefix)


def _entries(distance: Symbols, shift: Symbols) -> Symbols:
    """Table entries of symbols at the given distance from their rounded means."""
    entries = (distance >> shift) - np.int32(MIN_ENTRY)
    entries[(entries < 0) | (entries >= ESCAPE)] = ESCAPE
    return entries


def _encode_entries(coder: Any, entries: Symbols, rows: Symbols, part: slice) -> None:
    for start in range(part.start, part.stop, _CHUNK):
        chunk = slice(start, min(start + _CHUNK, part.stop))
        coder.encode(entries[chunk], family(), weights().take(rows[chunk], axis=0))


def _words(data: bytes) -> NDArray[np.uint32]:
    return np.frombuffer(data, "<u4").astype(np.uint32)


def _decode_waves(
    words: NDArray[np.uint32], grid: Grid, arm: IntegerArm, level: int
) -> Iterator[tuple[slice, Any]]:
    """Decode wave after wave into the grid; yields its positions and a call for its frequencies.

    This loop is the decoder's time, so it works in buffers allocated once: see
    benchmarks/speed/latent_decode.py. Raises AssertionError where the range coder does.
    """
    decoder = constriction.stream.queue.RangeDecoder(words)
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
