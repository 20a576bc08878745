"""Coordinates of the samples of a sheet: of an image, of sound, and of a clip (signals/records.py).

Columns have one coordinate: x, or the time of a sample of sound. Rows have the others: y of an
image; time and y of a clip, whose frames stand one below the other; none of sound.
"""

from __future__ import annotations

import numpy as np

from inrcodec.codec.networks.base import Coordinates


def coordinates(size: int) -> Coordinates:
    """Sample centres of one axis in [-1, 1]: (2 i + 1) / size - 1."""
    return (2 * np.arange(size) + 1) / size - 1


def frame_times(count: int, frames: int, side: int) -> Coordinates:
    """Times of `count` frames that share the time of `frames`: from one of these to the next is as
    far as from a pixel to the next along the longer `side`, in pixels."""
    return coordinates(count) * (frames / side)


def rows_of(axes: int, ys: Coordinates, time: float) -> Coordinates:
    """Coordinates of the rows of one frame, as networks of so many axes take them: (R,) of an
    image, (R, 2) of a clip, (R, 0) of sound."""
    if axes == 2:
        return ys
    return np.stack([np.full_like(ys, time), ys], 1)[:, : axes - 1]


def sheet_rows(axes: int, rows: int, columns: int, frames: int = 1) -> Coordinates:
    """Coordinates of all rows of a sheet of `frames`, as `rows_of` has those of a frame."""
    height = rows // frames
    ys = coordinates(height)
    if axes != 3:
        return rows_of(axes, ys, 0.0)
    times = frame_times(frames, frames, max(height, columns))
    return np.concatenate([rows_of(axes, ys, time) for time in times])
