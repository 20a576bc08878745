"""Files as the compiled decoder core (native/core.py) decodes them, of all families.

The container is read here, and what the header names is looked up; symbols and pixels are the
core's. `families.read` chooses between it and the readable form of each family. What only grids or
only networks need is imported for files of them alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from inrcodec.codec import native
from inrcodec.codec.families.compiled_image import CompiledImage
from inrcodec.codec.format.bitstream import Container
from inrcodec.codec.format.header import Header, may_hold
from inrcodec.codec.format.sections import Kind
from inrcodec.codec.native import core

if TYPE_CHECKING:
    from inrcodec.codec.networks.init_tables import Initialisation


def serves(header: Header) -> bool:
    """Whether there is a compiled core, and it decodes files with this header: of images alone."""
    known = header.timing is None and header.family in core.FAMILIES
    return known and native.library() is not None


def read(container: Container, init: Initialisation | None, threads: int | None) -> CompiledImage:
    """Decode the integers of a file, or as many as are there; see `families.read`."""
    if may_hold(container.header.family, Kind.LATENTS):
        from inrcodec.codec.families.compiled_grids import read_grids

        return read_grids(container, threads)
    from inrcodec.codec.families.compiled_network import read_network

    return read_network(container, init)
