"""Files of latent grids as `families.py` sees files of any family; without torch.

The range coder and what renders are imported when a file is decoded: describing one needs neither.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from inrcodec.codec.coolchic import layout, wording, work
from inrcodec.codec.coolchic.model import CoolChic, grids_from
from inrcodec.codec.entropy.prior import Symbols
from inrcodec.codec.entropy.quantized import Change
from inrcodec.codec.format.bitstream import ALPHA_KINDS, Container
from inrcodec.codec.format.header import Header
from inrcodec.codec.format.sections import Section
from inrcodec.codec.native.denormals import flushed
from inrcodec.codec.native.pool import kernel_threads
from inrcodec.codec.view import View
from inrcodec.pixels import Samples

if TYPE_CHECKING:
    from inrcodec.codec.coolchic.planes import LatentPlane, Latents


@dataclass(frozen=True)
class GridDecoder:
    """Decodes files of latent grids with this header; see `families.Decoder`."""

    header: Header

    @cached_property
    def model(self) -> CoolChic:
        """The model of a plane. Raises `FormatError` or `LimitError`."""
        return grids_from(self.header)

    @property
    def planes(self) -> int:
        """The number of planes in a file, each with its networks: colour and, if there is one,
        alpha."""
        return 2 - self.header.channels % 2

    sliceable = True
    layered = False

    def work_s(self, container: Container, view: View) -> float:
        """Seconds of one core that decoding all sections and rendering a view take. Raises
        `FormatError`."""
        symbols = work.sections_s(container, self.model, self.planes)
        return symbols + self.planes * work.render_s(self.model, view)

    def read(
        self,
        container: Container,
        init: object = None,
        threads: int | None = None,
        device: str = "cpu",
    ) -> StoredGrids:
        """Decode the symbols that are there, always on the CPU. `init` is not needed. Raises
        `FormatError`."""
        from inrcodec.codec.coolchic.planes import read_latents

        with kernel_threads(threads):
            return StoredGrids(self.header, read_latents(container, self.model))

    def section_name(self, section: Section) -> str | None:
        """Which grid and slice a section of latents holds; None for another kind."""
        if section.kind not in layout.GRID_KINDS:
            return None
        grid = wording.section_name(self.model, self.header.slice_side, section.payload)
        return f"{'alpha latents' if section.kind in ALPHA_KINDS else 'latents'} {grid}"

    def step_of(self, section: Section) -> int | None:
        """The refinement step of a section of latents, 1 for the coarsest level, and of a joint one
        that of its finest; None for another kind."""
        if section.kind not in layout.GRID_KINDS:
            return None
        head = layout.head_of(self.model, self.header.slice_side, section.payload)
        return self.model.levels - self.model.grid_levels[head.grids[-1]]


@dataclass(frozen=True, slots=True, eq=False)
class StoredGrids:
    """The symbols of all planes; see `families.Stored`."""

    header: Header
    latents: Latents

    @property
    def missing(self) -> str:
        """What a file that is cut short lacks of its grids."""
        return self.latents.missing

    @property
    def symbols(self) -> list[Symbols]:
        """Groups of networks, then grids by number, of colour and then of alpha."""
        return [
            array
            for plane in self.latents.planes
            for array in (*plane.networks.symbols.values(), *plane.grids)
        ]

    def changed(self, change: Callable[[Symbols], Symbols]) -> StoredGrids:
        """A copy with other symbols of grids and networks; the context model (ARM) stays as it
        is."""
        planes = tuple(_changed(plane, change) for plane in self.latents.planes)
        return replace(self, latents=replace(self.latents, planes=planes))

    def render(
        self,
        view: View,
        bit_depth: int,
        *,
        threads: int | None = None,
        change: Change | None = None,
    ) -> Samples:
        """Samples (rows, columns, channels) of a view."""
        from inrcodec.codec.coolchic import render

        with kernel_threads(threads), flushed():
            planes = [render.Plane.of(plane) for plane in self.latents.planes]
            if change is not None:
                planes = [
                    replace(p, parameters=change(p.parameters, p.model.units)) for p in planes
                ]
            return render.render(planes, self.header.channels, view, bit_depth)


def _changed(plane: LatentPlane, change: Callable[[Symbols], Symbols]) -> LatentPlane:
    """A copy of a plane with other symbols, those of the ARM kept."""
    networks = plane.networks.changed(change, kept="arm")
    return replace(plane, networks=networks, grids=tuple(change(grid) for grid in plane.grids))
