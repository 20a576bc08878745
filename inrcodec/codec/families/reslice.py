"""A file of latent grids cut into slices anew: the same symbols and pixels, other sections."""

from __future__ import annotations

from dataclasses import replace

from inrcodec import checks
from inrcodec.codec.coolchic import layout, work
from inrcodec.codec.coolchic.model import CoolChic, grids_from
from inrcodec.codec.coolchic.planes import LatentPlane, file_sections, init_of, read_networks
from inrcodec.codec.families import read
from inrcodec.codec.format import bitstream
from inrcodec.codec.format.bitstream import Container
from inrcodec.codec.format.header import SLICE_SIDES, may_hold
from inrcodec.codec.format.sections import Kind
from inrcodec.codec.limits import Limits
from inrcodec.errors import OptionError, TruncatedError


def resliced(data: bytes, side: int | None, max_work: float | None = None) -> bytes:
    """The file with grids cut into slices of `side` x `side` symbols, or into none.

    Raises `FormatError` for a file that is not whole, `LimitError` for one that takes more than
    `max_work` seconds of one core, `OptionError` for one without latent grids or for a side that no
    file can have.
    """
    if side is not None:
        side = checks.whole("slices", side, *SLICE_SIDES)
    container = bitstream.read(data)
    if not may_hold(container.header.family, Kind.LATENTS):
        raise OptionError(f"files of {container.header.family.label} have no grids to slice")
    model = grids_from(container.header)
    if not container.complete:
        raise TruncatedError("only a whole file can be sliced", at=len(data))
    check_reslicing(container, side, max_work)
    if container.header.slice_side == side:
        return data
    header = replace(container.header, slice_side=side)
    sections = file_sections(_planes(container, model), side)
    return bitstream.write(header, sections, dict(container.metadata))


def _planes(container: Container, model: CoolChic) -> list[LatentPlane]:
    """The planes of a whole file, all of their symbols decoded."""
    arrays, init = iter(read(container).symbols), init_of(container.header, model)
    planes = []
    for payload, _ in layout.read_planes(container, model):
        for _ in model.groups:
            next(arrays)
        grids = tuple(next(arrays) for _ in model.grids)
        planes.append(LatentPlane(model, read_networks(model, payload), init, grids))
    return planes


def check_reslicing(container: Container, side: int | None, max_work: float | None) -> None:
    """Raise `LimitError` for a file that takes more than `max_work` seconds of one core to be cut
    into slices of another side, `FormatError` for one that is not valid."""
    if container.header.slice_side != side:
        model = grids_from(container.header)
        Limits.of(max_work=max_work).check_work(work.reslice_s(container, model, side))
