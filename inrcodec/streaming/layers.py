"""From a file to its layers, each of which makes the image better, and to the stream of them.

A layer is a run of whole sections. The first layer, the base, holds the networks and the coarsest
grids, until there is enough for a datagram; then there is a layer for each level of grids, or for
each layer of a network that decodes layer by layer. A file of a single network is one layer. No
other module knows both the file format and the protocol.
"""

from __future__ import annotations

import math

from inrcodec import checks
from inrcodec.codec.families import decoder_of
from inrcodec.codec.families.reslice import check_reslicing, resliced
from inrcodec.codec.format import bitstream
from inrcodec.codec.format.bitstream import Container
from inrcodec.codec.format.header import SLICE_SIDES
from inrcodec.codec.limits import Limits
from inrcodec.errors import LimitError, TruncatedError
from inrcodec.streaming.protocol.manifest import MAX_LAYER_BYTES
from inrcodec.streaming.protocol.messages import MAX_SYMBOL
from inrcodec.streaming.protocol.stream import Stream

SLICE_PIXELS = 9216.0
"""Pixels of a slice at 1 bit a pixel, 96 x 96: files grow by 3 %, and three datagrams hold two
slices of the finest grid (docs/streaming.md; `python -m benchmarks.streaming.slices`)."""


def cut(data: bytes, side: int | None, max_work: float | None = None) -> bytes:
    """Return a file with its grids cut into slices of so many symbols a side; 0 chooses one that
    suits the rate of the file. A file without grids, and any file for None, stays as it is. Raises
    `FormatError` for a file that is not valid, `LimitError` for one whose symbols take more than
    `max_work` seconds of one core to be read and written anew (None: 60)."""
    suits = None if side is None else slice_side(data)
    return data if suits is None else resliced(data, side or suits, max_work)


def check_cut(data: bytes, side: int | None, max_work: float | None) -> None:
    """Raise what `cut` does for a whole file, as far as its sections tell, and `TruncatedError` for
    one that is cut short. Decodes nothing."""
    container = bitstream.read(data)
    if not container.complete:
        raise TruncatedError("cut short", at=len(data))
    suits = None if side is None else slice_side(data)
    if suits is not None:
        check_reslicing(container, side or suits, max_work)


def stream_of(data: bytes, *, slices: int | None = None) -> Stream:
    """Return the stream of a whole file. `slices` cuts its grids into slices of so many symbols a
    side first. Raises `FormatError` for a file that is not whole or not valid, `LimitError` for one
    that is too large, and `OptionError` for slices of a file without grids or of no valid side."""
    if slices is not None:
        data = resliced(data, slices)
    container = bitstream.read(data)
    if not container.complete:
        raise TruncatedError("only a whole file can be streamed", at=len(data))
    return Stream(data, boundaries(container), [s.offset for s in container.sections])


def check_work(max_work: float | None) -> None:
    """Raise `OptionError` for what is no number of seconds that cutting a file may take."""
    Limits.of(max_work=max_work)


def check_side(side: int) -> None:
    """Raise `OptionError` for a side of slices, in symbols, that no file can have."""
    checks.whole("slices", side, *SLICE_SIDES)


def slice_side(data: bytes) -> int | None:
    """Choose the side of slices that suits the rate of a file, a multiple of 16 symbols; None for a
    file without grids."""
    header = bitstream.read(data).header
    if not decoder_of(header).sliceable:
        return None
    bits_per_pixel = len(data) * 8 / (header.width * header.height)
    return min(1024, max(32, round(math.sqrt(SLICE_PIXELS / bits_per_pixel) / 16) * 16))


def starts_in(data: bytes) -> list[int]:
    """Return the byte offsets at which layers begin, 0 first, as far as the beginning of a file
    tells; raises `FormatError` for one that is too short or not valid."""
    return boundaries(bitstream.read(data))


def is_whole(data: bytes) -> bool:
    """Whether a file is complete, as far as its sections tell; raises `FormatError`."""
    return bitstream.read(data).complete


def boundaries(container: Container) -> list[int]:
    """Return the byte offsets at which layers begin, 0 first."""
    decoder = decoder_of(container.header)
    starts, step = [0], 0
    for section in container.sections:
        found = decoder.step_of(section)
        if found is None or found == step:
            continue
        least = 1 if decoder.layered else MAX_SYMBOL
        if not step:
            least = section.offset + 1  # the base has at least one level
        if section.offset - starts[-1] >= least:
            starts.append(section.offset)
        step = found
    return _short_enough(starts, container)


def _short_enough(starts: list[int], container: Container) -> list[int]:
    """Cut layers beyond `MAX_LAYER_BYTES`, again at sections; raises `LimitError`."""
    cut, known = [0], set(starts)
    for section in container.sections:
        if section.size > MAX_LAYER_BYTES:
            raise LimitError(f"a section of {section.size} bytes is too large to stream")
        end = section.offset + section.size
        if section.offset in known or end - cut[-1] > MAX_LAYER_BYTES:
            cut.append(section.offset)
    return list(dict.fromkeys(cut))
