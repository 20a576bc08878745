"""Files as the compiled decoder core (native/core.py) decodes them, of all families.

The container is read here, and what the header names is looked up; symbols and pixels are the
core's. `families.read` chooses between it and the readable form of each family.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from inrcodec.codec import native
from inrcodec.codec.coolchic import init_tables as grid_tables
from inrcodec.codec.coolchic import layout
from inrcodec.codec.coolchic.model import CoolChic, grids_from
from inrcodec.codec.entropy.prior import Symbols
from inrcodec.codec.entropy.quantized import Change
from inrcodec.codec.format.bitstream import Container
from inrcodec.codec.format.header import Header, may_hold
from inrcodec.codec.format.sections import Kind
from inrcodec.codec.native import core
from inrcodec.codec.native.core import Core
from inrcodec.codec.networks.families import network_from
from inrcodec.codec.networks.init_tables import Initialisation, named_initialisation
from inrcodec.codec.view import View
from inrcodec.errors import FormatError
from inrcodec.pixels import Samples

Shapes = dict[str, tuple[int, ...]]


def serves(header: Header) -> bool:
    """Whether there is a compiled core, and it decodes files with this header."""
    return native.library() is not None and header.family in core.FAMILIES


def read(container: Container, init: Initialisation | None, threads: int | None) -> CompiledImage:
    """Decode the integers of a file, or as many as are there; see `families.read`."""
    if may_hold(container.header.family, Kind.LATENTS):
        return _read_grids(container, threads)
    return _read_network(container, init)


@dataclass(frozen=True, slots=True, eq=False)
class CompiledImage:
    """What the core holds of an image; see `families.Stored`.

    `planes` are the tensors of the networks of every plane, in the order of their symbols, and
    `arrays` the shapes of all arrays of symbols, None for those that stay as they are. `opened`
    makes another core with the same networks.
    """

    header: Header
    opened: Callable[[], Core]
    core: Core
    planes: Sequence[Shapes]
    arrays: Sequence[tuple[tuple[int, ...], bool]]
    units: dict[str, float] = field(default_factory=dict)
    missing: str = ""

    @property
    def symbols(self) -> list[Symbols]:
        """Every array of integers in file order: tensors or groups of networks, then grids."""
        return [array for array, _ in self._arrays(self.core.symbols())]

    def changed(self, change: Callable[[Symbols], Symbols]) -> CompiledImage:
        """A copy with other symbols; the context model stays as it is."""
        symbols = self.core.symbols()
        for array, stays in self._arrays(symbols):
            if not stays:
                array[:] = change(array)
        other = self.opened()
        other.put_symbols(symbols)
        return CompiledImage(
            self.header, self.opened, other, self.planes, self.arrays, self.units, self.missing
        )

    def render(
        self,
        view: View,
        bit_depth: int,
        *,
        threads: int | None = None,
        change: Change | None = None,
    ) -> Samples:
        """Samples (rows, columns, channels) of a view, uint8 or uint16."""
        size = view.width, view.height
        if change is None:
            return self.core.render(size, view.crop, bit_depth, threads)
        before = [self.core.values(plane) for plane in range(len(self.planes))]
        try:
            for plane, shapes in enumerate(self.planes):
                values = change(dict(_split(before[plane].copy(), shapes)), self.units)
                flat = [values[name].ravel() for name in shapes]
                self.core.put_values(plane, np.concatenate(flat))
            return self.core.render(size, view.crop, bit_depth, threads)
        finally:
            for plane, kept in enumerate(before):
                self.core.put_values(plane, kept)

    def _arrays(self, symbols: Symbols) -> Iterator[tuple[Symbols, bool]]:
        """Each array, which shares the memory of all symbols, and whether it stays as it is."""
        at = 0
        for shape, stays in self.arrays:
            yield symbols[at : at + math.prod(shape)].reshape(shape), stays
            at += math.prod(shape)


def _split(
    values: NDArray[np.float32], shapes: Shapes
) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Tensors by name of parameters in their order."""
    at = 0
    for name, shape in shapes.items():
        yield name, values[at : at + math.prod(shape)].reshape(shape)
        at += math.prod(shape)


def _open(header: Header, numbers: NDArray[np.int16] | None) -> Core:
    """A core for files with this header, whose parameters add to these numbers."""
    initial = core.ZEROS if header.init is None else core.TABLE
    if header.init is not None and numbers is None:
        initial = core.PHASES
    size = header.width, header.height, header.channels, header.bit_depth
    opened = Core(
        core.Header(*size, header.family, header.slice_side or 0, initial, header.dimensions)
    )
    if numbers is not None:
        opened.initial(numbers)
    return opened


# ---- latent grids ----------------------------------------------------------------------------


def _read_grids(container: Container, threads: int | None) -> CompiledImage:
    header = container.header
    model, numbers = grids_from(header), None
    if header.init is not None:
        numbers = grid_tables.initial_numbers(*header.init, model)
    planes = layout.read_planes(container, model)

    def opened() -> Core:
        image = _open(header, numbers)
        for plane, (payload, _) in enumerate(planes):
            image.parameters(plane, payload, layout.NETWORK_KINDS[plane].name)
        return image

    decoded = opened()
    decoded.latents(list(_latents(container, len(planes))), threads)
    decoded.end(complete=container.complete, gap=bool(container.gaps) and _gap_at_end(container))
    found = [pieces for _, pieces in planes]
    counts = [decoded.decoded(plane) for plane in range(len(planes))]
    lost = [decoded.lost(plane) for plane in range(len(planes))]
    missing = layout.missing(container, model, found, counts, lost)
    names = {name: model.shapes[name] for group in model.groups.values() for name in group}
    arrays = [
        (shape, stays)
        for _ in planes
        for shape, stays in (
            *(((_size(model, group),), group.startswith("arm")) for group in model.groups),
            *((shape, False) for shape in model.grids),
        )
    ]
    return CompiledImage(
        header, opened, decoded, [names] * len(planes), arrays, model.units, missing
    )


def _size(model: CoolChic, group: str) -> int:
    """Parameters of a group of networks."""
    return sum(math.prod(model.shapes[name]) for name in model.groups[group])


def _latents(container: Container, planes: int) -> Iterator[core.Section]:
    """The sections of latents of so many planes, in file order."""
    gap = False
    there = list(container.sections)
    if container.partial is not None:
        there.append(container.partial)
    for number, section in enumerate(there):
        gap |= number in container.gaps
        if section.kind in layout.GRID_KINDS[:planes]:
            plane = layout.GRID_KINDS.index(Kind(section.kind))
            yield core.Section(section.payload, plane, section.intact, gap)
            gap = False


def _gap_at_end(container: Container) -> bool:
    """Whether bytes are missing behind the last section of latents."""
    last = max(
        (n for n, s in enumerate(container.sections) if s.kind in layout.GRID_KINDS), default=-1
    )
    return any(gap > last for gap in container.gaps)


# ---- coordinate networks ---------------------------------------------------------------------


def _read_network(container: Container, init: Initialisation | None) -> CompiledImage:
    header = container.header
    model, numbers = network_from(header), None
    parameters, layers = container.payload(Kind.PARAMETERS), container.payloads(Kind.LAYER)
    if header.init is not None:
        named = named_initialisation(header.init, model, [] if init is None else [init])
        numbers = None if named is None else named.numbers

    def opened() -> Core:
        image = _open(header, numbers)
        image.parameters(0, parameters, Kind.PARAMETERS.name)
        for payload in layers:
            image.layer(payload, f"layer {payload[0]}" if payload else "an empty layer")
        return image

    decoded = opened()
    there = decoded.layers
    if container.complete and there < len(model.parts):
        raise FormatError(f"the file has no layer {there}")
    missing = f"layers {there} of {len(model.parts)}" if there < len(model.parts) else ""
    model = model.prefix(there)
    arrays = [(shape, False) for shape in model.shapes.values()]
    return CompiledImage(header, opened, decoded, [model.shapes], arrays, model.units, missing)
