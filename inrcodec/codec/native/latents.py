"""Latents of a fit in compiled kernels: rounding to learn through, and their step.

Arrays are float32; C-contiguous but for areas of larger ones.
"""

from __future__ import annotations

import numpy as np

from inrcodec.codec.native import at, kernel
from inrcodec.codec.native.networks import Array
from inrcodec.codec.native.pool import bands_of, run


def soften(latent: Array, temperature: float, deviation: float, seed: int) -> tuple[Array, Array]:
    """As `synthesis.noisy_soft_round`, with noise that a 32-bit seed stands for; and its slope."""
    soft, slope = np.empty_like(latent), np.empty_like(latent)
    columns = latent.shape[-1]
    rows = latent.size // columns
    bands = bands_of(rows, columns)

    def work(k: int) -> None:
        sizes = *bands[k], columns, columns
        kernel("soften")(*sizes, at(latent), temperature, deviation, seed, at(soft), at(slope))

    run(work, len(bands))
    return soft, slope


def rms_step(
    gradient: Array,
    squares: Array,
    latents: Array,
    *,
    decay: float,
    rate: float,
    damping: float,
) -> None:
    """RMSprop as `optimizer.rms_step`, in place: `squares`, `latents` (rows, columns) may be areas
    of larger arrays."""
    rows, columns = gradient.shape
    pitch = latents.strides[0] // latents.itemsize
    sizes = rows, columns, pitch, at(gradient)
    roots = kernel("squares_update")(*sizes, decay, at(squares))
    weight = 1 / (1 + damping)
    extra = damping * weight * roots / max(1, gradient.size) + 1e-15
    kernel("squares_step")(*sizes, at(squares), weight, extra, rate, at(latents))
