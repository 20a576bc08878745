"""The first lambda of a fit for a size or a PSNR asked for, and whether wide networks pay.

Nothing is fitted for that: the trained initialisation of a lambda is rounded and measured, and
lambda corrected, a few times.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import numpy as np

from inrcodec.codec.coolchic import init_tables, windows
from inrcodec.codec.coolchic.features import COMPLEXITIES, WIDE
from inrcodec.codec.coolchic.model import CoolChic, grids_model
from inrcodec.codec.coolchic.windows import Window
from inrcodec.codec.fitting.coolchic import initialisation
from inrcodec.codec.fitting.coolchic.backend import Backend, empty
from inrcodec.codec.fitting.rate_control import Goal, corrected
from inrcodec.codec.native.networks import Array

GUESSES = 4
FIT_GAINS, FINE_GAINS, FINE_LAMBDA = (0.78, 0.85), (1.0, 0.5), 1e-4
"""Ratios of bits and squared error after a fit to those of its initialisation: three Kodak
photographs, efforts 1 to 3, 0.73 to 0.84 and 0.75 to 0.97 but for the fewest bits; below
`FINE_LAMBDA` ever nearer to the second pair (Kodak 5 and 23: 0.79 to 0.87 and 0.83 to 0.99 under
1e-4, 0.91 to 0.94 and 0.64 to 0.81 under 1e-5, 0.96 to 1.00 and 0.51 to 0.66 under 2e-6)."""


def first_lambda(
    backend: Backend,
    model: CoolChic,
    targets: Sequence[Array],
    goal: Goal,
    overhead_bytes: float,
    *,
    fitted: bool,
) -> float:
    """A lambda near the goal for planes `targets`, (3, H, W) in [0, 1]; `overhead_bytes` are those
    beside the latents; `fitted` says whether a fit follows. Measured on a sample of a large
    picture."""
    lmbda = goal.lmbda
    for _ in range(GUESSES):
        index = initialisation.init_index(lmbda)
        bits, error = _of_initialisation(backend, model, targets, index, lmbda)
        bits_gain, error_gain = _fit_gains(lmbda) if fitted else (1.0, 1.0)
        size = bits * bits_gain / 8 + overhead_bytes
        lmbda = corrected(lmbda, goal.miss(size, error * error_gain), goal.exponent)
    if fitted or len(windows.sample(model)) == 1 or lmbda < initialisation.LEAST_LAMBDA:
        return lmbda
    index = initialisation.init_index(lmbda)
    return _least_index(backend, model, targets, goal, overhead_bytes, index)


def _least_index(
    backend: Backend,
    model: CoolChic,
    targets: Sequence[Array],
    goal: Goal,
    overhead_bytes: float,
    index: int,
) -> float:
    """The lambda of the first index, near one, at which a file that is not fitted is as large, or
    as good, as asked for: where writing takes long, that saves trials, as rounding takes bytes but
    gives no quality."""

    @cache
    def enough(index: int) -> bool:
        lmbda = initialisation.init_lambda(index)
        bits, error = _of_initialisation(backend, model, targets, index, lmbda)
        miss = goal.miss(bits / 8 + overhead_bytes, error)
        return miss < 0 if goal.psnr_db is None else miss > 0

    while index > 0 and enough(index):
        index -= 1
    while index < init_tables.SETS - 1 and not enough(index):
        index += 1
    return initialisation.init_lambda(index)


def _fit_gains(lmbda: float) -> tuple[float, float]:
    """What a fit under a lambda makes of bits and of squared error."""
    share = min(1.0, lmbda / FINE_LAMBDA)
    bits, error = (
        fine + (usual - fine) * share**power
        for usual, fine, power in zip(FIT_GAINS, FINE_GAINS, (0.5, 0.25), strict=True)
    )
    return bits, error


def widened(
    backend: Backend, model: CoolChic, targets: Sequence[Array], index: int, least_bytes: float
) -> CoolChic:
    """The model of the wide tier where the initialisation of `model` alone takes bytes enough for
    it to pay, else `model`."""
    bits, _ = _of_initialisation(backend, model, targets, index, initialisation.init_lambda(index))
    if bits / 8 < least_bytes * len(targets):
        return model
    return grids_model(model.family, model.width, model.height, **COMPLEXITIES[WIDE])


def coarsest_bytes(backend: Backend, model: CoolChic, targets: Sequence[Array]) -> float:
    """About the bytes of the latents of the initialisation for the largest lambda, that of quality
    1, not fitted."""
    return _of_initialisation(backend, model, targets, 0, initialisation.init_lambda(0))[0] / 8


def _of_initialisation(
    backend: Backend, model: CoolChic, targets: Sequence[Array], index: int, lmbda: float
) -> tuple[float, float]:
    """Bits of the latents of the initialisation of an index, not fitted, for a lambda, and the
    largest mean squared error of a plane."""
    sample = windows.sample(model)
    pixels = sum(map(windows.area, sample))
    bits, error = 0.0, 0.0
    for target in targets:
        squares = 0.0
        for window in sample:
            own, squared = _of_window(backend, model, target, window, index, lmbda)
            bits += own * (model.width * model.height / pixels)
            squares += squared * (windows.area(window) / pixels)
        error = max(error, squares)
    return bits, error


def _of_window(
    backend: Backend, model: CoolChic, target: Array, window: Window, index: int, lmbda: float
) -> tuple[float, float]:
    """Bits and mean squared error of the initialisation of a window, as an image of its own."""
    top, bottom, left, right = window
    model = replace(model, width=right - left, height=bottom - top)
    part, whole = np.ascontiguousarray(target[:, top:bottom, left:right]), windows.whole(model)
    values, latents = initialisation.trained(model, part, index, lmbda)
    rounded = [np.rint(y) for y in latents]
    bits = backend.bits(model, values, rounded, whole, empty(rounded))
    error = backend.colours(model, values, rounded, whole) - part
    return bits, float(np.vdot(error, error)) / error.size
