"""Which symbols of latent grids are lost with missing sections, and which slices depend on them.

The contexts of a slice reach into the coarser grid and into other pyramids at its level, so a slice
whose contexts contain a lost symbol cannot be decoded either. Lost symbols stay 0; at their place
the image then comes from the coarser grids that arrived.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from inrcodec.codec.coolchic.layout import Area, Piece, slice_area, slice_count
from inrcodec.codec.coolchic.model import CoolChic
from inrcodec.codec.coolchic.windows import parents
from inrcodec.codec.format.bitstream import Container, Kind


class LostSlices:
    """The lost slices of one plane, at first those that lay in the gaps between sections.

    Sections come in coding order and slices of zeros have none, so every slice between the last
    section before a gap and the first one after it counts as lost.
    """

    def __init__(
        self,
        model: CoolChic,
        side: int | None,
        container: Container,
        kind: Kind,
        found: Sequence[Piece],
    ) -> None:
        self._model, self._side = model, side
        self._lost: dict[int, NDArray[np.bool_]] = {}
        self._areas: set[tuple[int, Area]] = set()
        of_kind = [section.kind == kind for section in container.sections]
        for gap in container.gaps:
            sections = sum(of_kind[:gap])
            first = next((p for p in reversed(found) if p.section < sections), None)
            last = next((p for p in found if p.section >= sections), None)
            if last is not None and last.joint:
                continue  # it names the grids of zeros before it
            for grid, number in self._between(first, last):
                self._lose(grid, slice_area(model.grids[grid], side, number))

    @property
    def count(self) -> int:
        """How many are lost."""
        return len(self._areas)

    def lose(self, piece: Piece) -> None:
        """Count a piece as lost."""
        self._lose(piece.grid, piece.area)

    def hide(self, piece: Piece) -> bool:
        """Whether the contexts of a piece contain lost symbols; if so, it counts as lost itself. A
        joint section comes first of all and sees itself alone."""
        if piece.joint or not self._sees_lost(piece):
            return False
        self._lose(piece.grid, piece.area)
        return True

    def _between(self, first: Piece | None, last: Piece | None) -> Iterator[tuple[int, int]]:
        """(grid, slice) after `first` and before `last`, in coding order."""
        order = self._model.coding_order
        start = 0 if first is None else order.index(first.grid)
        stop = len(order) - 1 if last is None else order.index(last.grid)
        for position in range(start, stop + 1):
            grid = order[position]
            low, high = 0, slice_count(self._model.grids[grid], self._side)
            if first is not None and first.grid == grid:
                low = first.slice + 1
            if last is not None and last.grid == grid:
                high = last.slice
            yield from ((grid, number) for number in range(low, high))

    def _lose(self, grid: int, area: Area) -> None:
        top, bottom, left, right = area
        lost = self._lost.setdefault(grid, np.zeros(self._model.grids[grid], np.bool_))
        lost[top:bottom, left:right] = True
        self._areas.add((grid, area))

    def _sees_lost(self, piece: Piece) -> bool:
        """Whether contexts contain lost symbols: "Inputs of the ARM" in docs/format.md."""
        if not self._model.sides:
            return False
        top, bottom, left, right = piece.area
        parent = self._model.parent(piece.grid)
        if parent in self._lost:
            row, below, column, beside = parents(piece.area)
            if self._lost[parent][row:below, column:beside].any():
                return True
        return any(
            companion in self._lost and self._lost[companion][top:bottom, left:right].any()
            for companion in self._model.companions(piece.grid)
        )
