"""Bytes -> pixels, at any size and in any region. Never reaches fitting or encoding."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from inrcodec.codec import bitstream
from inrcodec.codec.bitstream import Container, Kind
from inrcodec.codec.models.registry import Model, model_of
from inrcodec.codec.quantize import Quantized
from inrcodec.codec.runtime import torch_device, torch_threads
from inrcodec.errors import OptionError, PartialFileWarning
from inrcodec.pixels import MAX_PIXELS, Picture, Samples, from_unit

TILE_PIXELS = 8192
"""Pixels rendered at once: the activations of a tile stay in the cache."""

MAX_OVERSAMPLING = 8
MAX_SCALE = 1024


@dataclass(frozen=True, slots=True)
class View:
    """Which part of the picture, at what size: `width` x `height` pixels of the whole picture,
    of which the region `crop` = (x, y, width, height) is wanted."""

    width: int
    height: int
    crop: tuple[int, int, int, int]


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
    an INR is a function, so any size is exact. `crop` = (x, y, width, height) in pixels of that
    output renders only that region. `bit_depth` 8 or 16 overrides the file's.
    `threads` as for encoding.

    Raises `FormatError` for a damaged file, `TruncatedError` for a prefix without a picture and
    `OptionError` for a bad size. A file cut behind its picture decodes with `PartialFileWarning`.
    """
    container = bitstream.read(data)
    model, quantized = read_network(container)
    header = container.header
    view = _view(header.width, header.height, size, scale, crop)
    if bit_depth not in (None, 8, 16):
        raise OptionError(f"bit depth must be 8 or 16, got {bit_depth}")
    if not container.complete or container.damaged:
        lost = ", ".join(container.damaged) or "the end of the file"
        warnings.warn(
            f"the picture is whole, but {lost} is missing or damaged", PartialFileWarning, 2
        )
    with torch_threads(threads):
        oversampling = (
            _oversampling(header.height, view.height),
            _oversampling(header.width, view.width),
        )
        pixels = _render(
            model, quantized, view, oversampling, bit_depth or header.bit_depth, device
        )
    return Picture(pixels, **container.metadata)


def read_network(container: Container) -> tuple[Model, Quantized]:
    """The network of a parsed file, still as integers."""
    model = model_of(container.header)
    payload = container.payload(Kind.PARAMETERS)
    return model, Quantized.from_bytes(payload, model.shapes)


def _view(
    width: int,
    height: int,
    size: tuple[int, int] | None,
    scale: float | None,
    crop: tuple[int, int, int, int] | None,
) -> View:
    """Check the size options against each other and the limits."""
    if size is not None and scale is not None:
        raise OptionError("give a size or a scale, not both")
    if scale is not None:
        if not isinstance(scale, (int, float)) or not 0 < scale <= MAX_SCALE:
            raise OptionError(f"the scale must be in (0, {MAX_SCALE}], got {scale!r}")
        width, height = max(1, round(width * scale)), max(1, round(height * scale))
    if size is not None:
        width, height = _integers("size", size, 2)
    if width < 1 or height < 1:
        raise OptionError(f"the output size must be at least 1 x 1, got {width} x {height}")
    x, y, wide, high = (0, 0, width, height) if crop is None else _integers("crop", crop, 4)
    if x < 0 or y < 0 or wide < 1 or high < 1 or x + wide > width or y + high > height:
        raise OptionError(f"the crop {x},{y},{wide},{high} is not inside {width} x {height} pixels")
    if wide * high > MAX_PIXELS:
        raise OptionError(f"{wide} x {high} pixels are over the limit of {MAX_PIXELS}")
    return View(width, height, (x, y, wide, high))


def _integers(name: str, values: Sequence[int], count: int) -> tuple[int, ...]:
    """`count` whole numbers below 2^31, or an `OptionError`."""
    if not isinstance(values, Sequence) or len(values) != count:
        raise OptionError(f"{name} must be {count} whole numbers, got {values!r}")
    if any(type(value) is not int or abs(value) >= 1 << 31 for value in values):
        raise OptionError(f"{name} must be {count} whole numbers, got {values!r}")
    return tuple(values)


def _oversampling(native: int, wanted: int) -> int:
    """Samples a pixel along one axis: more than one when shrinking, so that nothing aliases."""
    return min(MAX_OVERSAMPLING, max(1, math.ceil(native / wanted)))


def _centres(start: int, count: int, size: int, oversampling: int) -> NDArray[np.float64]:
    """Coordinates of the sample points of pixels start .. start + count - 1 of an axis."""
    points = np.arange(start * oversampling, (start + count) * oversampling)
    return (2 * points + 1) / (size * oversampling) - 1


@torch.no_grad()
def _render(
    model: Model,
    quantized: Quantized,
    view: View,
    oversampling: tuple[int, int],
    bit_depth: int,
    device: str,
) -> Samples:
    """Evaluate the network over the view tile by tile and round."""
    target = torch_device(device)
    parameters = {n: torch.from_numpy(v).to(target) for n, v in quantized.values().items()}
    x, y, wide, high = view.crop
    down, across = oversampling
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
