"""How much an image depends on each tensor of a network, which decides the steps
(entropy/quantized.py)."""

from __future__ import annotations

from itertools import islice

import numpy as np
import torch
from torch import Tensor

from inrcodec.codec.fitting.networks.batches import batches
from inrcodec.codec.networks.base import CoordinateModel
from inrcodec.codec.networks.positions import coordinates, sheet_rows

PROBES = 8


def sensitivities(
    model: CoordinateModel,
    parameters: dict[str, Tensor],
    height: int,
    width: int,
    frames: int = 1,
) -> dict[str, float]:
    """Mean over pixels of trace(J^T J) per tensor, by random signs on the outputs; of a clip over
    those of its sheet of `frames`.

    E[(J^T v)^2] over signs v is the diagonal of J^T J (Hutchinson's estimator).
    """
    random = np.random.default_rng(0)
    total = dict.fromkeys(parameters, 0.0)
    ys, xs = sheet_rows(model.axes, height, width, frames), coordinates(width)
    for rows, columns in islice(batches(height, width, random), PROBES):
        colours = model.render(parameters, ys[rows], xs[columns])
        signs = random.integers(0, 2, tuple(colours.shape)) * 2.0 - 1.0
        probe = (colours * colours.new_tensor(signs)).sum()
        gradients = torch.autograd.grad(probe, list(parameters.values()))
        for name, gradient in zip(parameters, gradients, strict=True):
            total[name] += float(gradient.square().sum()) / colours.numel()
    return {name: value / PROBES for name, value in total.items()}
