"""One step of a fit: where it stands, the cost of a window of the image, and its gradients.

Who computes them is a backend (backend.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

import numpy as np

from inrcodec.codec.coolchic.model import CoolChic
from inrcodec.codec.coolchic.windows import Window
from inrcodec.codec.fitting.coolchic.schedule import Rounding
from inrcodec.codec.fitting.losses import Distortion
from inrcodec.codec.native.networks import Array

SMALLEST_PIXELS = 4096
"""Fewest pixels that bits are counted by."""


def rate_pixels(model: CoolChic) -> int:
    """Pixels that bits are counted by. A tiny image counts as 64 x 64: its few bytes are worth
    its colours."""
    return max(SMALLEST_PIXELS, model.width * model.height)


class Situation(NamedTuple):
    """Where a fit stands: its networks by name and its latents, one array a grid; the window of
    the image that a step sees; how it rounds, for good if `rounding` is None: then the networks
    alone have gradients; its lambda and its distortion."""

    parameters: Mapping[str, Array]
    latents: Sequence[Array]
    window: Window
    rounding: Rounding | None
    lmbda: float
    distortion: Distortion


class Cost(NamedTuple):
    """What a step found: the distortion, the mean squared error, and bits a pixel; the gradient by
    the parameters, by name, and by the latents of every grid that belong to the window, None where
    there is none. Both may be written over by the next step."""

    distortion: float
    mse: float
    bits_per_pixel: float
    by_parameters: Mapping[str, Array]
    by_latents: Sequence[Array | None]


class Gradients(Protocol):
    """The gradients of  (distortion + lambda * bits a pixel) / sqrt(lambda): over the root, so that
    mean squares of gradients outlive a change of lambda."""

    def __call__(self, at: Situation) -> Cost:
        """The cost of a situation, and its gradients."""
        ...


def noise_seed(random: np.random.Generator) -> int:
    """The next seed of the noise of a grid, 32 bits."""
    return int(random.integers(1 << 32))
