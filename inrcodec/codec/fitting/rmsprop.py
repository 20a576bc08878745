"""RMSprop for latents: Adam without the first moment, which would carry every latent past the bin
it should stop in: with the usual 0.9, bits at equal quality are 5 % more at 320 steps and 8 % at 40
(three crops of Kodak)."""

from __future__ import annotations

import numpy as np

from inrcodec.codec import native
from inrcodec.codec.native import latents as kernels
from inrcodec.codec.native.networks import Array

SQUARES = 0.99
"""Decay of mean squares."""


def rms_step(
    gradient: Array, squares: Array, latents: Array, *, rate: float, damping: float
) -> None:
    """One step in place, on areas (rows, columns) of the mean squares and the latents; `damping` as
    in `coolchic.schedule.Rates`."""
    if native.library() is not None:
        given = np.ascontiguousarray(gradient), squares, latents
        kernels.rms_step(*given, decay=SQUARES, rate=rate, damping=damping)
        return
    squares += np.float32(1 - SQUARES) * (np.square(gradient) - squares)
    root = np.sqrt(squares)
    root = (root + np.float32(damping) * root.mean()) / np.float32(1 + damping)
    latents -= np.float32(rate) * gradient / (root + np.float32(1e-15))
