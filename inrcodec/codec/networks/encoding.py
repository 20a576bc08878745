"""Positional encoding of one coordinate, as Struempler et al. (2022) choose it.

f(c) = [c, sin(1.4^i pi c), cos(1.4^i pi c)]   for i < frequencies, c in [-1, 1]
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

ENCODING_BASE = 1.4
MAX_FREQUENCIES = 32


def feature_count(frequencies: int) -> int:
    """How many features a coordinate has."""
    return 1 + 2 * frequencies


def encoded(c: NDArray[np.float64], frequencies: int) -> NDArray[np.float64]:
    """f(c), shape (len(c), 1 + 2 frequencies)."""
    phases = np.pi * c[:, None] * ENCODING_BASE ** np.arange(frequencies)
    return np.concatenate([c[:, None], np.sin(phases), np.cos(phases)], axis=1)
