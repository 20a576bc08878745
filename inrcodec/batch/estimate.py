"""How long the rest of a batch takes, told from what is done.

An item is taken to cost a + b x bytes of its file, with a, b >= 0: photographs of one size cost
alike whatever their bytes (b = 0), while among large and small images the bytes tell. The line is
that of least squares. What it leaves unexplained says how far the truth may be off.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

FEWEST = 4
"""Items that must be done before there is an estimate."""

DEVIATIONS, OF_FEW = 2.0, 4.0
"""Standard deviations of a prediction on both sides of it, and how many more divided by the degrees
of freedom: about Student's t for 95 %. Large images vary more than small ones, which the line takes
for alike, so in simulated batches it is nine in ten (tests/batch/test_estimate.py)."""


@dataclass(frozen=True, slots=True)
class Left:
    """The time left in seconds: it is probably between these two."""

    least_s: float
    most_s: float


class Estimate:
    """Learns from every item that is done; `left` then tells of the rest."""

    def __init__(self) -> None:
        self._count = 0
        self._bytes = self._seconds = 0.0
        self._bytes2 = self._seconds2 = self._product = 0.0

    def add(self, size_bytes: int, elapsed_s: float) -> None:
        """Take in an item that is done: the size of its input, and the time it took a job."""
        self._count += 1
        self._bytes += size_bytes
        self._seconds += elapsed_s
        self._bytes2 += size_bytes**2
        self._seconds2 += elapsed_s**2
        self._product += size_bytes * elapsed_s

    def left(
        self, count: int, size_bytes: int, running: Sequence[tuple[int, float]], jobs: int
    ) -> Left | None:
        """The time left with so many items of so many bytes in all not begun, and `running` ones:
        (bytes, seconds so far). None while too few are done."""
        if self._count < FEWEST:
            return None
        constant, slope, variance = self._line()
        work = count * constant + slope * size_bytes
        items, total, longest = count, size_bytes, 0.0
        for size, elapsed in running:
            rest = max(0.0, constant + slope * size - elapsed)
            work, longest = work + rest, max(longest, rest)
            items, total = items + 1, total + size
        unlike = (total - items * self._bytes / self._count) ** 2
        shares = items * (1 + items / self._count) + (
            unlike / spread if (spread := self._spread()) else 0.0
        )
        off = (DEVIATIONS + OF_FEW / (self._count - 2)) * math.sqrt(variance * shares)
        at_once = max(1, min(jobs, items))
        return Left(*(max(longest, each / at_once) for each in (work - off, work + off)))

    def _spread(self) -> float:
        """The sum of squared differences of the bytes from their mean; 0 where that is rounding."""
        spread = self._bytes2 - self._bytes**2 / self._count
        return spread if spread > 1e-9 * self._bytes2 else 0.0

    def _line(self) -> tuple[float, float, float]:
        """(a, b, variance of what a + b x bytes leaves unexplained)."""
        count, mean_bytes = self._count, self._bytes / self._count
        mean_seconds = self._seconds / count
        slope = 0.0
        if spread := self._spread():
            slope = max(0.0, (self._product - count * mean_bytes * mean_seconds) / spread)
        constant = mean_seconds - slope * mean_bytes
        if constant < 0:
            constant, slope = 0.0, self._product / self._bytes2
        squares = (
            self._seconds2
            - 2 * (constant * self._seconds + slope * self._product)
            + count * constant**2
            + 2 * constant * slope * self._bytes
            + slope**2 * self._bytes2
        )
        return constant, slope, max(0.0, squares) / max(1, count - 2)
