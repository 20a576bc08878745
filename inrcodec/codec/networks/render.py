"""A coordinate network -> pixels of a view, in torch, tile by tile.

Threads take whole tiles (native/pool.py), and torch has one thread in each: its own threads would
hang in a forked process, spin while they wait, and sum in another order with their number.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

from inrcodec.codec.ambient import own_settings
from inrcodec.codec.entropy.quantized import Tensors
from inrcodec.codec.native.pool import kernel_threads, run
from inrcodec.codec.networks.base import CoordinateModel, Parameters
from inrcodec.codec.networks.positions import frame_times, rows_of
from inrcodec.codec.networks.tiles import Tiles
from inrcodec.codec.resampling import LEAST_ALPHA
from inrcodec.codec.runtime import (
    denormals_flushed,
    keep_one_torch_thread,
    torch_device,
    torch_threads,
)
from inrcodec.codec.view import View
from inrcodec.pixels import Samples, from_unit


def render(
    model: CoordinateModel,
    values: Tensors,
    view: View,
    bit_depth: int,
    threads: int | None,
    device: str,
) -> Samples:
    """The view as samples (rows, columns, channels) of a network with these parameters, all frames
    of a clip one below the other; raises `OptionError` for a bad device."""
    target = torch_device(device)
    tiles = Tiles.of(model, view)
    _, _, wide, high = view.crop
    kind = np.uint8 if bit_depth == 8 else np.uint16
    out = np.empty((view.frames, high, wide, model.channels), kind)
    times = frame_times(view.frames, view.native_frames, max(view.native))

    def work(number: int) -> None:
        frame, number = divmod(number, len(tiles))
        with _settings():
            place = tiles[number]
            tile = _tile(model, parameters, tiles, place, times[frame], bit_depth)
            out[(frame, *place)] = tile

    with own_settings(gradients=False), torch_threads(1):
        parameters = {n: torch.from_numpy(v).to(target) for n, v in values.items()}
        with kernel_threads(threads if target.type == "cpu" else 1):
            run(work, view.frames * len(tiles))
    return out.reshape(-1, wide, model.channels)


@contextmanager
def _settings() -> Iterator[None]:
    """What a tile is computed under, on whatever thread."""
    keep_one_torch_thread()  # the caller's thread has one already
    with (
        own_settings(gradients=False),
        kernel_threads(1),
        denormals_flushed(),
        np.errstate(all="ignore"),
    ):
        yield


def _tile(
    model: CoordinateModel,
    parameters: Parameters,
    tiles: Tiles,
    place: tuple[slice, slice],
    time: float,
    bit_depth: int,
) -> Samples:
    """Samples (rows, columns, channels) of a tile, of a clip at one time."""
    rows, columns = place
    ys, xs = tiles.coordinates_of(rows, columns)
    tile = model.render(parameters, rows_of(model.axes, ys, time), xs)
    if tiles.down * tiles.across > 1:
        n_rows, n_columns = rows.stop - rows.start, columns.stop - columns.start
        blocks = (n_rows, tiles.down, n_columns, tiles.across, model.channels)
        tile = _mixed(tile.clamp(-1, 1).view(blocks), has_alpha(model))
    return from_unit(tile.cpu().numpy(), bit_depth)


def has_alpha(model: CoordinateModel) -> bool:
    """Whether the last channel is alpha; the second of sound is the right one."""
    return model.axes > 1 and model.channels % 2 == 0


def _mixed(samples: torch.Tensor, alpha_last: bool) -> torch.Tensor:
    """The means over axes 1 and 3 of samples in [-1, 1], the last axis channels; colours count by
    their alpha, unless next to nothing of them is seen."""
    means = samples.mean((1, 3))
    if not alpha_last:
        return means
    alpha = (samples[..., -1:] + 1) / 2
    total = alpha.mean((1, 3))
    seen = (samples[..., :-1] * alpha).mean((1, 3)) / total.clamp_min(LEAST_ALPHA)
    colours = torch.where(total >= LEAST_ALPHA, seen, means[..., :-1])
    return torch.cat((colours, means[..., -1:]), -1)
