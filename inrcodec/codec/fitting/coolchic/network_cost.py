"""What networks that move away from their trained values cost while they are fitted."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from inrcodec.codec.coolchic.model import CoolChic
from inrcodec.codec.native.networks import Array

COMMON_STEPS = {"arm": -5, "synthesis": -10, "up": -10, "conv": -10}
"""log2 of usual quantisation steps of networks. Residuals below them cost hardly fewer bits."""


def pulled(
    model: CoolChic,
    gradients: Mapping[str, Array],
    parameters: Mapping[str, Array],
    trained: Mapping[str, Array],
    worth: float,
) -> dict[str, Array]:
    """Gradients of the networks, by name, with that of what these cost where a bit is worth so
    much.

    n residuals of mean size m take about n log2(2 e m / step) bits as Laplace variables, so each
    is worth 1.44 / m bits a unit.
    """
    found = {}
    for group, names in model.groups.items():
        residuals = [parameters[name] - trained[name] for name in names]
        total = sum(float(np.abs(r).sum()) for r in residuals)
        least = 2.0 ** COMMON_STEPS[group.split(".")[0]]
        mean = max(total / sum(r.size for r in residuals), least)
        pull = np.float32(worth / (math.log(2) * mean))
        for name, residual in zip(names, residuals, strict=True):
            found[name] = gradients[name] + np.sign(residual) * pull
    return found
