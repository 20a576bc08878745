"""Parameters of a fitted network -> integers: which quantisation step for which tensor.

High-rate theory (Gray and Neuhoff 1998, section IV): a step D on a tensor of n parameters adds
D^2 / 12 * trace(H) to the squared error, H = J^T J of the network, and costs -n log2 D bits. At the
best trade D^2 trace(H) / n is the same for every tensor, so one number, the `scale`, remains for
the rate, and the steps follow from each tensor's sensitivity.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from inrcodec.codec.entropy import prior
from inrcodec.codec.entropy.quantized import Quantized, Tensors
from inrcodec.errors import FitError


def quantize(
    parameters: Tensors, steps: Mapping[str, int], init: Tensors | None = None
) -> Quantized:
    """Round the residual of every tensor to multiples of its step, saturating at the largest
    symbol.

    The residual is what a tensor differs from its initial values by.

    Raises `FitError` if a parameter is not finite.
    """
    symbols = {}
    most = prior.MAX_MAGNITUDE
    check_finite(parameters)
    for name, tensor in parameters.items():
        rest = tensor if init is None else tensor - init[name]
        rounded = np.rint(rest / prior.step_size(steps[name]))
        symbols[name] = np.clip(rounded, -most, most).astype(np.int32)
    return Quantized(symbols, dict(steps), init)


def check_finite(parameters: Tensors) -> None:
    """Raise `FitError` for a fit that diverged."""
    for name, tensor in parameters.items():
        if not np.isfinite(tensor).all():
            raise FitError(f"tensor {name} is not finite: the fit diverged; try another seed")


def step_codes(
    parameters: Tensors, sensitivities: Mapping[str, float], scale: float
) -> dict[str, int]:
    """The step code of every tensor at one `scale` (mean squared error a parameter may add)."""
    codes = {}
    for name, tensor in parameters.items():
        step = np.sqrt(12 * scale * tensor.size / max(sensitivities[name], 1e-30))
        smallest = float(np.abs(tensor).max(initial=0)) / prior.MAX_MAGNITUDE * 1.01
        codes[name] = prior.step_code(float(max(step, smallest, 1e-9)))
    return codes


def steps_for_size(
    parameters: Tensors,
    sensitivities: Mapping[str, float],
    target_bytes: int,
    init: Tensors | None = None,
) -> dict[str, int]:
    """The finest steps whose payload has at most `target_bytes`, by bisection on the scale; raises
    `FitError` for parameters that are not finite."""
    check_finite(parameters)
    if init is not None:
        parameters = {name: tensor - init[name] for name, tensor in parameters.items()}
    low, high = -34.0, 2.0  # log2 of the scale
    for _ in range(18):
        middle = (low + high) / 2
        quantized = quantize(parameters, step_codes(parameters, sensitivities, 2.0**middle))
        fits = len(quantized.to_bytes()) <= target_bytes
        low, high = (low, middle) if fits else (middle, high)
    return step_codes(parameters, sensitivities, 2.0**high)
