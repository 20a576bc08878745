"""Planes of latent grids <-> the sections of a file, exactly and without torch.

A plane is three colours of one image: integer grids, and small networks stored as integers that
add to a trained initialisation. Its grids are coded coarse to fine by the context network the plane
itself brings (entropy/arm.py, entropy/waves.py). An image with alpha has a second plane.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inrcodec.codec.coolchic import layout, wording
from inrcodec.codec.coolchic.layout import Area, Piece
from inrcodec.codec.coolchic.lost_slices import LostSlices
from inrcodec.codec.coolchic.model import CoolChic
from inrcodec.codec.coolchic.windows import parents
from inrcodec.codec.entropy import waves
from inrcodec.codec.entropy.arm import MAX_BIAS, PARENTS, WEIGHT_FRACTION, IntegerArm, parent_maps
from inrcodec.codec.entropy.prior import Symbols, step_size
from inrcodec.codec.entropy.quantized import Quantized
from inrcodec.codec.format.bitstream import Container, Kind
from inrcodec.codec.format.header import Header
from inrcodec.errors import FormatError, LimitError

Grid = NDArray[np.int32]
Init = Mapping[str, NDArray[np.float32]]

ARM_STEPS = frozenset((k + 40) * 1024 for k in range(-WEIGHT_FRACTION, 5))
"""Step codes an ARM may have: 2^-8 .. 2^4, so that its parameters are multiples of 2^-8."""

MAX_ARM = MAX_BIAS / 2**WEIGHT_FRACTION
"""Largest absolute value of an ARM parameter."""

STRIPE = 256
"""Rows of side inputs made at once: a large grid needs no second copy of them."""


def group_values(
    model: CoolChic, group: str, symbols: Symbols, init: Init | None, step: float
) -> dict[str, NDArray[np.float64]]:
    """The tensors of a group of networks by name: initial values, if there are any, + symbol x
    step."""
    values: dict[str, NDArray[np.float64]] = {}
    at = 0
    for name in model.groups[group]:
        shape = model.shapes[name]
        size = math.prod(shape)
        value = symbols.ravel()[at : at + size].reshape(shape).astype(np.float64) * step
        values[name] = value if init is None else value + init[name]
        at += size
    return values


@dataclass(frozen=True, slots=True, eq=False)
class LatentPlane:
    """Three colours of an image as a file stores them.

    `networks` holds one flat vector of symbols per group of `model.groups`, tensors in order;
    `init` the initial values that the parameters add to, by tensor name, or None for zeros; `grids`
    the symbols of every grid (rows, columns) in grid numbering.
    """

    model: CoolChic
    networks: Quantized
    init: Init | None
    grids: Sequence[Grid]

    def parameters(self) -> dict[str, NDArray[np.float32]]:
        """Tensors by name: init + symbol x step. Raises `FormatError` for steps or values of the
        ARM that integers in units of 2^-8 cannot express."""
        values: dict[str, NDArray[np.float32]] = {}
        for group in self.model.groups:
            code = self.networks.steps[group]
            exact = group.startswith("arm")
            if exact and code not in ARM_STEPS:
                raise FormatError(f"step code {code} of {group} is not one of 2^-8 .. 2^4")
            symbols = self.networks.symbols[group]
            tensors = group_values(self.model, group, symbols, self.init, step_size(code))
            for name, value in tensors.items():
                if exact:
                    _check_exact(name, value)
                values[name] = value.astype(np.float32)
        return {name: values[name] for name in self.model.shapes}

    def arm(self) -> IntegerArm:
        """The context network as integers; raises `FormatError` as `parameters`."""
        return self.model.integer_arm(self.parameters())

    def sections(
        self, slice_side: int | None, joint_bytes: int, *, alpha: bool
    ) -> list[tuple[int, Kind, bytes]]:
        """(level, kind, payload) of every section of the plane, in coding order.

        The networks come first, as a level above the coarsest; grids and slices of zeros have no
        section. `slice_side` cuts grids into squares of so many symbols a side; coarse grids whose
        streams have up to `joint_bytes` in all share a section.
        """
        networks = Kind.ALPHA_PARAMETERS if alpha else Kind.PARAMETERS
        latents = Kind.ALPHA_LATENTS if alpha else Kind.LATENTS
        arm, levels = self.arm(), self.model.grid_levels
        sections = [(self.model.levels, networks, self.networks.to_bytes())]
        joined = self._joined(slice_side, joint_bytes, arm)
        if joined:
            stream = waves.encode_grids(map(self._part, joined), arm)
            payload = layout.joint_head(self.model, joined) + stream
            sections.append((levels[joined[0]], latents, payload))
        for grid in self.model.coding_order:
            if grid in joined:
                continue
            shape = self.model.grids[grid]
            for number in range(layout.slice_count(shape, slice_side)):
                area = layout.slice_area(shape, slice_side, number)
                if not self.grids[grid][area[0] : area[1], area[2] : area[3]].any():
                    continue
                stream = waves.encode_grids([self._part(grid, area)], arm)
                head = layout.head(grid, None if slice_side is None else number)
                sections.append((levels[grid], latents, head + stream))
        return sections

    def _joined(self, slice_side: int | None, most: int, arm: IntegerArm) -> list[int]:
        """The grids of a joint section, the first ones of one slice and not of zeros alone; none if
        there are not at least two."""
        joined, size = [], 0
        for grid in self.model.coding_order:
            if not self.grids[grid].any():
                continue
            if layout.slice_count(self.model.grids[grid], slice_side) > 1:
                break
            size += len(waves.encode_grids([self._part(grid)], arm))
            if size > most:
                break
            joined.append(grid)
        return joined if len(joined) > 1 else []

    def _part(self, grid: int, area: Area | None = None) -> waves.Part:
        """An area of a grid, all of it for None, and its side inputs."""
        rows, columns = self.model.grids[grid]
        area = area or (0, rows, 0, columns)
        symbols = self.grids[grid][area[0] : area[1], area[2] : area[3]]
        return waves.Part(symbols, side_inputs(self.model, self.grids, grid, area), grid)


@dataclass(frozen=True, slots=True, eq=False)
class Latents:
    """The planes of a file: colour, then alpha if there is one. `missing` says what a prefix lacks
    of them, "" if nothing."""

    planes: tuple[LatentPlane, ...]
    missing: str


def file_sections(
    planes: Sequence[LatentPlane],
    slice_side: int | None = None,
    joint_bytes: int = layout.JOINT_BYTES,
) -> list[tuple[Kind, bytes]]:
    """The critical sections of a file of one plane, or of two: colour and alpha, coarse to fine;
    arguments as those of `LatentPlane.sections`."""
    sections = [
        section
        for number, plane in enumerate(planes)
        for section in plane.sections(slice_side, joint_bytes, alpha=number > 0)
    ]
    sections.sort(key=lambda section: -section[0])
    return [(kind, payload) for _, kind, payload in sections]


def read_latents(container: Container, model: CoolChic) -> Latents:
    """Decode the planes of a file, or as much of them as a prefix or what is left of a file that
    lost sections holds, the rest as zeros.

    Raises `TruncatedError` for a prefix without PARAMETERS, `FormatError` for invalid sections.
    """
    header = container.header
    init = init_of(header, model)
    sections = layout.read_planes(container, model)
    networks = [read_networks(model, payload) for payload, _ in sections]
    planes, decoded, gone = [], [], []
    for (_, pieces), quantized, kind in zip(sections, networks, layout.GRID_KINDS, strict=False):
        lost = None
        if container.gaps:
            lost = LostSlices(model, header.slice_side, container, kind, pieces)
        plane, symbols = _decoded(model, quantized, init, pieces, lost)
        planes.append(plane)
        decoded.append(symbols)
        gone.append(0 if lost is None else lost.count)
    found = [pieces for _, pieces in sections]
    return Latents(tuple(planes), wording.missing(container, model, found, decoded, gone))


def read_networks(model: CoolChic, payload: bytes) -> Quantized:
    """Parse a PARAMETERS payload of this family; raises `FormatError`."""
    sizes = {
        group: (sum(math.prod(model.shapes[name]) for name in names),)
        for group, names in model.groups.items()
    }
    return Quantized.from_bytes(payload, sizes, math.inf)


def init_of(header: Header, model: CoolChic) -> Init | None:
    """The initial values that a header names; raises `FormatError` if this version lacks them."""
    if header.init is None:
        return None
    from inrcodec.codec.coolchic import init_tables

    return init_tables.initial_parameters(*header.init, model)


def _decoded(
    model: CoolChic,
    networks: Quantized,
    init: Init | None,
    pieces: Sequence[Piece],
    lost: LostSlices | None,
) -> tuple[LatentPlane, int]:
    """The plane, and how many symbols of the last section are decoded."""
    grids = tuple(np.zeros(shape, np.int32) for shape in model.grids)
    plane = LatentPlane(model, networks, init, grids)
    arm = plane.arm()
    section, reader = -1, waves.GridReader(b"", whole=True)
    for piece in pieces:
        top, bottom, left, right = piece.area
        if piece.section != section:
            section, reader = piece.section, waves.GridReader(piece.stream, whole=piece.whole)
        if lost is not None and lost.hide(piece):
            continue
        sides = side_inputs(model, grids, piece.grid, piece.area)
        grids[piece.grid][top:bottom, left:right] = reader.grid(piece.shape, sides, arm, piece.grid)
        if lost is not None and not piece.whole:
            lost.lose(piece)  # nothing may rely on it
    return plane, reader.decoded


def side_inputs(
    model: CoolChic, grids: Sequence[Grid], grid: int, area: Area
) -> NDArray[np.int16] | None:
    """Symbols of grids before for every symbol of an area, (model.sides, rows, columns).

    The four of the next coarser grid first, then one of each companion; zeros for a grid that
    does not exist. None if the model has no side inputs.
    """
    if not model.sides:
        return None
    top, bottom, left, right = area
    sides = np.zeros((model.sides, bottom - top, right - left), np.int16)
    parent = model.parent(grid)
    if parent is not None:
        for start in range(top, bottom, STRIPE):
            stop = min(bottom, start + STRIPE)
            rows = slice(start - top, stop - top)
            sides[:PARENTS, rows] = _parents(grids[parent], (start, stop, left, right))
    for i, companion in enumerate(model.companions(grid)):
        if companion is not None:
            sides[PARENTS + i] = grids[companion][top:bottom, left:right]
    return sides


def _parents(coarser: Grid, area: Area) -> Grid:
    """`arm.parent_maps` of an area, from the symbols of the coarser grid around it."""
    top, bottom, left, right = area
    row, below, column, beside = parents(area)
    near = coarser[row:below, column:beside]
    maps = parent_maps(near, bottom - 2 * row, right - 2 * column)
    return maps[:, top - 2 * row :, left - 2 * column :]


def _check_exact(name: str, value: NDArray[np.floating[Any]]) -> None:
    """Refuse ARM values beyond `MAX_ARM` or between multiples of 2^-8."""
    if np.abs(value).max(initial=0) > MAX_ARM:
        raise LimitError(f"{name} has a value beyond {MAX_ARM:.0f}")
    scaled = value * 2**WEIGHT_FRACTION
    if (scaled != np.rint(scaled)).any():
        raise FormatError(f"{name} has a value that is not a multiple of 2^-{WEIGHT_FRACTION}")
