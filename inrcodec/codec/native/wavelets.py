"""Complex Gabor wavelets in compiled kernels; models/wavelets.py says what they are.

Arrays are float32, C-contiguous, (2 w, n): real parts before imaginary ones.
"""

from __future__ import annotations

import numpy as np

from inrcodec.codec.native import at, kernel
from inrcodec.codec.native.networks import Array
from inrcodec.codec.native.pool import bands_of, run


def wavelets(z: Array, square: float) -> Array:
    """Of z, with s^2 = `square`."""
    made = np.empty_like(z)
    bands = bands_of(z.size // 2, 1)

    def work(k: int) -> None:
        kernel("wavelets")(*bands[k], square, *_halves(z), *_halves(made))

    run(work, len(bands))
    return made


def wavelets_back(z: Array, square: float, made: Array, by_made: Array) -> Array:
    """The gradient by z from that by what `wavelets` made of it."""
    by_z = np.empty_like(z)
    bands = bands_of(z.size // 2, 1)

    def work(k: int) -> None:
        given = (*_halves(z), *_halves(made), *_halves(by_made), *_halves(by_z))
        kernel("wavelets_back")(*bands[k], square, *given)

    run(work, len(bands))
    return by_z


def _halves(z: Array) -> tuple[int | None, int | None]:
    """Where its two parts lie."""
    real, imaginary = z.reshape(2, -1)
    return at(real), at(imaginary)
