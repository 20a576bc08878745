"""What computes latent grids for an encoder: their rate, their colours, and the gradients of a fit.

There are two backends. `compiled_backend.py` has the kernels and no torch; it fits the family
`coolchic` on a CPU. `torch_backend.py` fits every model, weights that survive damage, and on GPUs.
Both take and give arrays, and compute the same
(tests/codec/fitting/coolchic/test_step.py).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from inrcodec.codec.coolchic.model import CoolChic
from inrcodec.codec.coolchic.windows import Window
from inrcodec.codec.fitting.coolchic.step import Gradients
from inrcodec.codec.native.networks import Array

Values = Mapping[str, Array]
"""The networks of a model by name."""

Grids = Sequence[NDArray[Any]]
"""Rounded latents, (rows, columns) each, integers or floats."""


class Backend(Protocol):
    """What computes for an encoder."""

    @property
    def device(self) -> str:
        """The torch device on which losses are computed that only torch has."""
        ...

    def threads(self, asked: int | None) -> AbstractContextManager[None]:
        """Compute with so many threads for a while; None for the default."""
        ...

    def bits(
        self,
        model: CoolChic,
        values: Values,
        grids: Grids,
        window: Window,
        skipped: Collection[int] = (),
    ) -> float:
        """Bits of the symbols that a window owns, under integrated Laplace distributions; those of
        `skipped` grids cost nothing."""
        ...

    def colours(self, model: CoolChic, values: Values, grids: Grids, window: Window) -> Array:
        """Colours (3, bottom - top, right - left) of a window, nominally in [0, 1]."""
        ...

    def gradients(
        self, model: CoolChic, left_out: Collection[int], noise: np.random.Generator
    ) -> Gradients:
        """What makes the gradients of a fit of a model; `left_out` grids are of zeros and stay so,
        `noise` gives the seeds of the noise."""
        ...


def empty(grids: Grids) -> frozenset[int]:
    """Numbers of the grids of zeros: a file has no section for them."""
    return frozenset(grid for grid, symbols in enumerate(grids) if not symbols.any())
