"""Bytes -> pixels, at any size and in any region. Never reaches fitting or encoding."""

from __future__ import annotations

import warnings
from pathlib import Path

from inrcodec.codec.families import decoder_of
from inrcodec.codec.format import bitstream
from inrcodec.codec.format.bitstream import Container
from inrcodec.codec.networks.init_tables import Initialisation
from inrcodec.codec.view import view_of
from inrcodec.errors import OptionError, PartialFileWarning
from inrcodec.pixels import Picture


def decode_picture(
    data: bytes | list[bytes] | tuple[bytes, ...],
    *,
    size: tuple[int, int] | None = None,
    scale: float | None = None,
    crop: tuple[int, int, int, int] | None = None,
    bit_depth: int | None = None,
    threads: int | None = None,
    device: str = "cpu",
    start: str | Path | None = None,
) -> Picture:
    """Decode a file to pixels and metadata.

    `data` is a file, a prefix of one, or what is left of a file that lost bytes: runs of it, of
    which the first is its beginning and every other one begins with a section.
    `size` = (width, height) or `scale` = a factor choose the output size (default: as encoded);
    a coordinate network is a function, so any size is exact; latent grids have a picture of their
    own size, which is resampled. `crop` = (x, y, width, height) in pixels of that
    output renders only that region. `bit_depth` 8 or 16 overrides the file's.
    `threads` as for encoding. `device` is where coordinate networks are evaluated; latent grids are
    decoded on the CPU, without torch. `start` is the file of a trained start that does not come
    with the package, for files encoded with one.

    Raises `FormatError` for a damaged file, `TruncatedError` for a prefix without a picture and
    `OptionError` for a bad size. A file cut behind its networks decodes with `PartialFileWarning`:
    to the whole picture or, with latent grids, to a coarser one.
    """
    container = bitstream.read_runs(data if isinstance(data, (list, tuple)) else [data])
    header = container.header
    decoder = decoder_of(header)
    view = view_of(header.width, header.height, size, scale, crop)
    if bit_depth not in (None, 8, 16):
        raise OptionError(f"bit depth must be 8 or 16, got {bit_depth}")
    depth = bit_depth or header.bit_depth
    if device != "cpu":
        from inrcodec.codec.runtime import torch_device

        torch_device(device)  # raises OptionError also where it will not be used
    given = None if start is None else Initialisation.read(start)
    stored = decoder.read(container, given, threads)
    pixels = stored.render(view, depth, threads=threads, device=device)
    _warn_of_losses(container, stored.missing)
    return Picture(pixels, **container.metadata)


def _warn_of_losses(container: Container, missing: str) -> None:
    """Say what of a file is not there; `missing` is what the picture itself lacks."""
    if missing:
        text = f"the picture is coarse: {missing}; the rest of the file is missing"
    elif not container.complete or container.damaged:
        lost = ", ".join(container.damaged) or "the end of the file"
        text = f"the picture is whole, but {lost} is missing or damaged"
    else:
        return
    warnings.warn(text, PartialFileWarning, 3)
