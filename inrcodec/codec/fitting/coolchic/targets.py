"""Images <-> the planes of three colours that latent-grid models fit.

A gray image is a plane of three equal colours, alpha a plane of its own. Colours count by as much
as alpha shows of them. Alpha of 0 and of full are bounds a little outside the range, beyond which
anything goes: a decoder clips, so small errors do not make clear and opaque parts half so.
"""

from __future__ import annotations

import numpy as np

from inrcodec.codec.native.networks import Array
from inrcodec.pixels import Picture, Samples

ALPHA_MARGIN = 24 / 255
"""How far outside the range the bounds lie that stand for alpha of 0 and of full."""

STRIPE = 256
"""Rows of an image that are made floats at once."""


def planes_of(picture: Picture) -> list[Array]:
    """The planes of an image, (3, H, W) in [0, 1]: colours, then alpha if there is any, where it is
    0 or full `ALPHA_MARGIN` beyond."""
    pixels, channels = picture.pixels, picture.channels
    planes = [_plane(pixels[..., : 3 if channels >= 3 else 1])]
    if channels in (2, 4):
        alpha = _plane(pixels[..., -1:])
        clear, opaque = alpha == 0, alpha == 1
        alpha[clear] -= np.float32(ALPHA_MARGIN)
        alpha[opaque] += np.float32(ALPHA_MARGIN)
        planes.append(alpha)
    return planes


def _plane(samples: Samples) -> Array:
    """Samples (H, W, 1 or 3) as three colours (3, H, W) in [0, 1]; a few rows at a time, as floats
    of a large image take most of its memory."""
    peak = np.float32(np.iinfo(samples.dtype).max)
    plane = np.empty((3, *samples.shape[:2]), np.float32)
    for top in range(0, len(samples), STRIPE):
        part = samples[top : top + STRIPE].astype(np.float32) / peak
        plane[:, top : top + STRIPE] = part.transpose(2, 0, 1)
    return plane


def shown_of(picture: Picture) -> list[Array | None]:
    """How much is seen of each plane, (1, H, W) in [0, 1]; None for all of it."""
    if picture.channels not in (2, 4):
        return [None]
    peak = float(np.iinfo(picture.pixels.dtype).max)
    alpha = picture.pixels[..., -1].astype(np.float32) / np.float32(peak)
    return [alpha[None], None]
