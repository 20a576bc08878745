"""What the parameters of a coordinate network add to, so that a file stores only the rest.

A header names a start by its identity. `PHASES` is one without a table: sine layers begin with
biases spread evenly over the circle, which a fit moves little, and all else is 0.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from inrcodec.codec.header import PHASES
from inrcodec.codec.models.coordinate import Arrays, CoordinateModel
from inrcodec.errors import FormatError

GOLDEN = (math.sqrt(5) - 1) / 2


def phases(count: int) -> NDArray[np.float32]:
    """(count,) angles in [-pi, pi): multiples of the golden ratio, as even as any so many."""
    turns = (np.arange(count) + 0.5) * GOLDEN % 1.0
    return ((2 * turns - 1) * math.pi).astype(np.float32)


def start_of(named: tuple[int, int] | None, model: CoordinateModel) -> Arrays | None:
    """The start that a header names, by tensor; raises `FormatError` for one not known here."""
    if named is None:
        return None
    identity, index = named
    if identity != PHASES:
        raise FormatError(f"the file needs the trained start {identity:08x}, which is not here")
    if index:
        raise FormatError(f"the start of phases has no networks {index}")
    return phase_start(model)


def phase_start(model: CoordinateModel) -> Arrays:
    """Evenly spread biases of sine layers, zeros else."""
    return {
        name: phases(shape[0]) if name in model.phases else np.zeros(shape, np.float32)
        for name, shape in model.shapes.items()
    }
