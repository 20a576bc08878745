"""Files of latent grids for the compiled decoder core."""

from __future__ import annotations

import math
from collections.abc import Iterator

from inrcodec.codec.coolchic import init_tables, layout, wording
from inrcodec.codec.coolchic.model import CoolChic, grids_from
from inrcodec.codec.families.compiled_image import CompiledImage, open_core
from inrcodec.codec.format.bitstream import Container
from inrcodec.codec.format.sections import Kind
from inrcodec.codec.native import core
from inrcodec.codec.native.core import Core


def read_grids(container: Container, threads: int | None) -> CompiledImage:
    """Decode the symbols of a file, or as many as are there; see `families.read`."""
    header = container.header
    model, numbers = grids_from(header), None
    if header.init is not None:
        numbers = init_tables.initial_numbers(*header.init, model)
    planes = layout.read_planes(container, model)

    def opened() -> Core:
        image = open_core(header, numbers)
        for plane, (payload, _) in enumerate(planes):
            image.parameters(plane, payload, layout.NETWORK_KINDS[plane].name)
        return image

    decoded = opened()
    decoded.latents(list(_latents(container, len(planes))), threads)
    decoded.end(complete=container.complete, gap=bool(container.gaps) and _gap_at_end(container))
    found = [pieces for _, pieces in planes]
    counts = [decoded.decoded(plane) for plane in range(len(planes))]
    lost = [decoded.lost(plane) for plane in range(len(planes))]
    missing = wording.missing(container, model, found, counts, lost)
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
