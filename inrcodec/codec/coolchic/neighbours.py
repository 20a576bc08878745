"""Which symbols before a symbol its context network sees."""

from __future__ import annotations

Offsets = tuple[tuple[int, int], ...]

MARGIN = 3
"""Rows above and columns on each side that a neighbourhood reaches."""

NEIGHBOURS: dict[int, Offsets] = {
    8: ((0, -1), (0, -2), *((-1, c) for c in range(-2, 3)), (-2, 0)),
    12: ((0, -1), (0, -2), *((r, c) for r in (-1, -2) for c in range(-2, 3))),
    16: (
        *((0, c) for c in (-1, -2, -3)),
        *((r, c) for r in (-1, -2) for c in range(-2, 3)),
        *((-3, c) for c in (-1, 0, 1)),
    ),
    24: (*((0, c) for c in (-1, -2, -3)), *((r, c) for r in (-1, -2, -3) for c in range(-3, 4))),
}
"""Causal neighbourhoods by size: (row, column) offsets."""
