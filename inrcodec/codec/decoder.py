"""Bytes -> pixels, at any size and in any region. Never reaches fitting or encoding."""

from __future__ import annotations

import math
import warnings

import numpy as np
import torch
from numpy.typing import NDArray

from inrcodec.codec import bitstream, latent_render
from inrcodec.codec.bitstream import Container, Kind
from inrcodec.codec.latents import read_latents
from inrcodec.codec.models.coolchic import CoolChic
from inrcodec.codec.models.registry import model_of
from inrcodec.codec.models.siren import Siren
from inrcodec.codec.quantize import Quantized
from inrcodec.codec.runtime import kernel_threads, torch_device, torch_threads
from inrcodec.codec.view import View, view_of
from inrcodec.errors import OptionError, PartialFileWarning
from inrcodec.pixels import Picture, Samples, from_unit

TILE_PIXELS = 8192
"""Pixels rendered at once: the activations of a tile stay in the cache."""

MAX_OVERSAMPLING = 8


def decode_picture(
    data: bytes,
    *,
    size: tuple[int, int] | None = None,
    scale: float | None = None,
    crop: tuple[int, int, int, int] | None = None,
    bit_depth: int | None = None,
    threads: int | None = None,
    device: str = "cpu",
) -> Picture:
    """Decode a file to pixels and metadata.

    `size` = (width, height) or `scale` = a factor choose the output size (default: as encoded);
    a coordinate network is a function, so any size is exact; latent grids have a picture of their
    own size, which is resampled. `crop` = (x, y, width, height) in pixels of that
    output renders only that region. `bit_depth` 8 or 16 overrides the file's.
    `threads` as for encoding.

    Raises `FormatError` for a damaged file, `TruncatedError` for a prefix without a picture and
    `OptionError` for a bad size. A file cut behind its networks decodes with `PartialFileWarning`:
    to the whole picture or, with latent grids, to a coarser one.
    """
    container = bitstream.read(data)
    header = container.header
    model = model_of(header)
    view = view_of(header.width, header.height, size, scale, crop)
    if bit_depth not in (None, 8, 16):
        raise OptionError(f"bit depth must be 8 or 16, got {bit_depth}")
    depth = bit_depth or header.bit_depth
    missing = ""
    grids = isinstance(model, CoolChic)
    with (kernel_threads if grids else torch_threads)(threads):
        target = torch_device(device)
        if isinstance(model, CoolChic):
            latents = read_latents(container, model)
            missing = latents.missing
            pixels = latent_render.render(latents.planes, header.channels, view, depth, target)
        else:
            quantized = read_network(container, model)
            pixels = _render(model, quantized, view, depth, target)
    _warn_of_losses(container, missing)
    return Picture(pixels, **container.metadata)


def read_network(container: Container, model: Siren) -> Quantized:
    """The parameters of a parsed file without latents, still as integers."""
    return Quantized.from_bytes(container.payload(Kind.PARAMETERS), model.shapes)


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


def _oversampling(native: int, wanted: int) -> int:
    """Samples a pixel along one axis: more than one when shrinking, so that nothing aliases."""
    return min(MAX_OVERSAMPLING, max(1, math.ceil(native / wanted)))


def _centres(start: int, count: int, size: int, oversampling: int) -> NDArray[np.float64]:
    """Coordinates of the sample points of pixels start .. start + count - 1 of an axis."""
    points = np.arange(start * oversampling, (start + count) * oversampling)
    return (2 * points + 1) / (size * oversampling) - 1


@torch.no_grad()
def _render(
    model: Siren,
    quantized: Quantized,
    view: View,
    bit_depth: int,
    target: torch.device,
) -> Samples:
    """Evaluate the network over the view tile by tile and round."""
    parameters = {n: torch.from_numpy(v).to(target) for n, v in quantized.values().items()}
    x, y, wide, high = view.crop
    native_width, native_height = view.native
    down = _oversampling(native_height, view.height)
    across = _oversampling(native_width, view.width)
    columns = max(1, min(wide, TILE_PIXELS // (down * across)))
    rows = max(1, TILE_PIXELS // (columns * down * across))
    out = np.empty((high, wide, model.channels), np.uint8 if bit_depth == 8 else np.uint16)
    for left in range(0, wide, columns):
        n_columns = min(columns, wide - left)
        xs = _centres(x + left, n_columns, view.width, across)
        for top in range(0, high, rows):
            n_rows = min(rows, high - top)
            ys = _centres(y + top, n_rows, view.height, down)
            tile = model.render(parameters, ys, xs)
            if down * across > 1:
                blocks = (n_rows, down, n_columns, across, model.channels)
                tile = tile.clamp(-1, 1).view(blocks).mean((1, 3))
            samples = from_unit(tile.cpu().numpy(), bit_depth)
            out[top : top + n_rows, left : left + n_columns] = samples
    return out
