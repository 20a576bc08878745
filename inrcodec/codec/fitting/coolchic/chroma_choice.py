"""Which fine chroma grids a fit leaves out.

From their initialisation the finest chroma grids are a third of all symbols, and the main grids can
carry what they say once the networks have learnt it. A fit without them is up to a quarter faster,
and ends at a lower cost where it is long enough to make up for what they were worth at first
(docs/research.md, "Fine chroma grids").
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from inrcodec.codec.coolchic.model import CoolChic
from inrcodec.codec.native.networks import Array

FINE_CHROMA = 2
"""Up to this level chroma grids may be left out."""


def left_out(
    model: CoolChic,
    latents: Sequence[Array],
    cost: Callable[[Sequence[Array]], float],
    regained: float,
) -> frozenset[int]:
    """The chroma grids to leave out: those without a symbol, and, from the finest level on, those
    without which the `cost` of the initial latents is higher by a share of `regained` at most; 0
    does not ask."""
    fine = [
        grid for grid in range(model.levels, len(latents)) if model.grid_levels[grid] <= FINE_CHROMA
    ]
    out = {grid for grid in fine if not np.rint(latents[grid]).any()}
    if regained <= 0 or len(out) == len(fine):
        return frozenset(out)
    most = cost(latents) * (1 + regained)
    for level in sorted({model.grid_levels[grid] for grid in fine}):
        tried = out | {grid for grid in fine if model.grid_levels[grid] == level}
        if tried != out and cost(without(latents, tried)) > most:
            break
        out = tried
    return frozenset(out)


def without(latents: Sequence[Array], grids: frozenset[int] | set[int]) -> list[Array]:
    """Latents, with zeros in some grids."""
    return [np.zeros_like(y) if grid in grids else y for grid, y in enumerate(latents)]
