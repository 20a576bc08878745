"""Entropy coding of integer tensors: exact integer tables, one range coder stream.

A tensor's symbols follow a symmetric prior whose weights are w(0) = 2^31, w(k+1) = w(k) r(k),
r(k+1) = r(k) q in 32-bit fixed point. q = 1 gives a Laplace-like (geometric) prior, r = sqrt(q) a
Gaussian one, and everything between is a fit of two numbers. Every table is built in integers
alone, so a stream decodes to the same symbols on every machine. docs/format.md states the
arithmetic; the range coder is constriction's.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from inrcodec.errors import FormatError, InrCodecError, LimitError

if TYPE_CHECKING:
    import constriction

PRECISION = 24
"""Probabilities are multiples of 2^-24."""

MAX_MAGNITUDE = 32767
"""Largest absolute value of a symbol."""

FLOOR = 1 << 12
"""Added to every weight, so that no symbol of the alphabet costs more than about 20 bits."""

Symbols = NDArray[np.int32]

_LAYOUT = struct.Struct("<HHHH")
PRIOR_BYTES = _LAYOUT.size


@dataclass(frozen=True, slots=True)
class TensorCode:
    """How one tensor is written: its quantisation step and its prior, as 16-bit codes."""

    step: int
    magnitude: int
    decay: int
    curvature: int

    def to_bytes(self) -> bytes:
        """Four little-endian 16-bit numbers."""
        return _LAYOUT.pack(self.step, self.magnitude, self.decay, self.curvature)

    @classmethod
    def from_bytes(cls, data: bytes) -> TensorCode:
        """Parse `PRIOR_BYTES` bytes; raises `LimitError` if the alphabet is too large."""
        code = cls(*_LAYOUT.unpack(data))
        if code.magnitude > MAX_MAGNITUDE:
            raise LimitError(f"symbols up to {code.magnitude}; the limit is {MAX_MAGNITUDE}")
        return code


SAMPLE_CODES = (
    TensorCode(0, 1, 2047, 65535),
    TensorCode(0, 40, 9000, 30000),
    TensorCode(0, 3000, 20000, 40000),
)
SAMPLE_CRC = 0xB344FCF9
"""CRC-32 of the words of every symbol of these tables, one after another."""


def step_size(code: int) -> float:
    """Quantisation step of a 16-bit code: 2^(code / 1024 - 40)."""
    return float(2.0 ** (code / 1024 - 40))


def step_code(step: float) -> int:
    """The code whose step is nearest to `step` (within 0.04 %), clipped to 16 bits."""
    return int(np.clip(np.rint((np.log2(step) + 40) * 1024), 0, 65535))


def deficit(code: int) -> int:
    """1 - ratio in 32-bit fixed point from a 16-bit float: 5 exponent bits, 11 mantissa bits."""
    exponent, mantissa = code >> 11, code & 2047
    return (2048 + mantissa << 20) >> exponent


def deficit_code(value: float) -> int:
    """The code whose deficit / 2^32 is just below or at `value`, clipped to what codes can say."""
    if value >= 4095 / 4096:
        return 2047
    if value <= 2.0**-32:
        return 65535
    exponent = int(np.ceil(-np.log2(value))) - 1
    mantissa = int(value * 2.0 ** (exponent + 12)) - 2048
    return min(exponent, 31) << 11 | int(np.clip(mantissa, 0, 2047))


def frequencies(code: TensorCode) -> NDArray[np.int64]:
    """Integer probabilities of the symbols -M..M, shape (2M + 1,), each >= 1, sum 2^24."""
    ratio, shrink = (1 << 32) - deficit(code.decay), (1 << 32) - deficit(code.curvature)
    half = np.full(code.magnitude + 1, FLOOR, np.int64)
    weight = 1 << 31
    for k in range(code.magnitude + 1):
        half[k] += weight
        weight = weight * ratio >> 32
        ratio = ratio * shrink >> 32
        if weight == 0:
            break
    free = (1 << PRECISION) - (2 * code.magnitude + 1)
    total = int(2 * half.sum() - half[0])
    shares = half * free // total  # products are below 2^56
    shares[0] += free - int(2 * shares.sum() - shares[0])
    return np.concatenate([shares[:0:-1], shares]) + 1


def fit_prior(symbols: Symbols, step: int) -> TensorCode:
    """The code of a tensor with the given step code whose prior gives the fewest bits."""
    magnitudes = np.abs(symbols.ravel().astype(np.int64))
    peak = int(magnitudes.max(initial=0))
    if peak > MAX_MAGNITUDE:
        raise LimitError(f"a symbol of magnitude {peak}; the limit is {MAX_MAGNITUDE}")
    histogram = np.bincount(magnitudes, minlength=peak + 1).astype(np.float64)
    decay, curvature = _best_prior(histogram)
    return TensorCode(step, peak, deficit_code(decay), deficit_code(curvature))


def _best_prior(histogram: NDArray[np.float64]) -> tuple[float, float]:
    """(1 - r, 1 - q) that minimise the code length, by a grid refined around its best point."""
    k = np.arange(len(histogram))
    scale = max(0.3, float((histogram * k).sum() / histogram.sum()))
    centre = np.array([-np.log(scale), -2 * np.log(scale)])
    best = centre
    for spread in (3.0, 0.7, 0.15, 0.03):
        offsets = np.linspace(-spread, spread, 11)
        a, b = np.meshgrid(best[0] + offsets, best[1] + 2 * offsets - 2 * (spread == 3.0))
        exponents = np.exp(a)[..., None] * k + np.exp(b)[..., None] * (k * (k - 1) / 2)
        weights = np.exp(-exponents) + FLOOR / 2**31
        totals = 2 * weights.sum(-1) - weights[..., 0]
        bits = histogram.sum() * np.log(totals) - (histogram * np.log(weights)).sum(-1)
        index = np.unravel_index(int(bits.argmin()), bits.shape)
        best = np.array([a[index], b[index]])
    return float(1 - np.exp(-np.exp(best[0]))), float(1 - np.exp(-np.exp(best[1])))


def cost_bits(symbols: Symbols, code: TensorCode) -> float:
    """Exact information content of the symbols under the tensor's table, in bits."""
    table = frequencies(code)
    counts = np.bincount(symbols.ravel() + code.magnitude, minlength=len(table))
    return float((counts * (PRECISION - np.log2(table))).sum())


def encode(tensors: Sequence[Symbols], codes: Sequence[TensorCode]) -> bytes:
    """All tensors in order as one range coder stream of little-endian 32-bit words."""
    import constriction

    coder = constriction.stream.queue.RangeEncoder()
    for symbols, code in zip(tensors, codes, strict=True):
        if code.magnitude:
            coder.encode(symbols.ravel() + np.int32(code.magnitude), _model(code))
    return bytes(coder.get_compressed().astype("<u4").tobytes())


def decode(stream: bytes, sizes: Sequence[int], codes: Sequence[TensorCode]) -> list[Symbols]:
    """The inverse of `encode`: one flat int32 array per tensor. Raises `FormatError`."""
    if len(stream) % 4:
        raise FormatError(f"the symbol stream has {len(stream)} bytes, not a multiple of 4")
    import constriction

    coder = constriction.stream.queue.RangeDecoder(np.frombuffer(stream, "<u4").astype(np.uint32))
    tensors = []
    for size, code in zip(sizes, codes, strict=True):
        symbols = np.zeros(size, np.int32)
        if code.magnitude:
            try:
                symbols = coder.decode(_model(code), size) - np.int32(code.magnitude)
            except AssertionError:
                raise FormatError("the symbol stream is not a valid range coder stream") from None
        tensors.append(symbols)
    return tensors


def _model(code: TensorCode) -> constriction.stream.model.Categorical:
    """constriction's model of exactly the table `frequencies` gives.

    Its quantiser turns weights p into floor(cumulated p * s) + index with s = (2^24 - n) / sum p.
    Weights that sum to 2^24 - n make s = 1 and every operation an exact integer.
    """
    _check_coder()
    return _unchecked_model(code)


def _unchecked_model(code: TensorCode) -> constriction.stream.model.Categorical:
    import constriction

    weights = (frequencies(code) - 1).astype(np.float64)
    return constriction.stream.model.Categorical(weights, perfect=False)


@cache
def _check_coder() -> None:
    """Code a sample once, see `check_sample`."""
    import constriction

    coder = constriction.stream.queue.RangeEncoder()
    for code in SAMPLE_CODES:
        symbols = np.arange(2 * code.magnitude + 1, dtype=np.int32)
        coder.encode(symbols, _unchecked_model(code))
    check_sample(coder.get_compressed(), SAMPLE_CRC)


def check_sample(words: NDArray[np.uint32], crc: int) -> None:
    """Raise `InrCodecError` unless these words of a range coder have this CRC-32.

    How constriction turns weights into integers is no documented part of it: rather than write or
    read files of other tables than the format's, a sample is coded before the first one.
    """
    if zlib.crc32(words.astype("<u4").tobytes()) != crc:
        raise InrCodecError(
            "this version of constriction does not code by the tables of the format"
        )
