"""The losses that have a name, on arrays: their values and gradients, without torch.

What each computes stands where it is written in torch: tensor_losses.py and similarity.py. Tests
hold the two together.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache

import numpy as np

from inrcodec.codec import native
from inrcodec.codec.fitting.structure import K1, K2, SCALE_WEIGHTS, gaussian
from inrcodec.codec.native import similarity
from inrcodec.codec.native.networks import Array

Evaluated = tuple[float, Callable[[], Array]]
"""A loss of two images (3, H, W), and what makes its gradient by the decoded one."""

POINTWISE = ("mse", "l1", "logcosh")


def serves(name: str) -> bool:
    """Whether a loss of this name is computed here: those with a structural term need kernels."""
    return name in POINTWISE or (name in _MIXES and native.library() is not None)


def evaluated(name: str, weight: float | None, reference: Array, decoded: Array) -> Evaluated:
    """The loss of a name, one that `serves`, with the weight of its structural term if it has
    one."""
    if name in POINTWISE:
        return _POINTWISE[name](reference, decoded)
    pointwise, structural = _MIXES[name]
    structure = structural(reference, decoded)
    if pointwise is None or weight is None:
        return structure
    point = _POINTWISE[pointwise](reference, decoded)
    share = 1.0 if name == "lcssim" else 1 - weight

    def back() -> Array:
        gradient = point[1]()
        gradient *= np.float32(share)
        gradient += structure[1]() * np.float32(weight)
        return gradient

    return share * point[0] + weight * structure[0], back


def mse(reference: Array, decoded: Array) -> Evaluated:
    """Mean squared error."""
    error = decoded - reference
    scale = np.float32(2 / error.size)
    return float(np.vdot(error, error)) / error.size, lambda: error * scale


def l1(reference: Array, decoded: Array) -> Evaluated:
    """Mean absolute error."""
    error = decoded - reference
    scale = np.float32(1 / error.size)
    return float(np.abs(error).mean(dtype=np.float64)), lambda: np.sign(error) * scale


def logcosh(reference: Array, decoded: Array) -> Evaluated:
    """Mean of ln cosh of the error: with e = exp(-2 |d|) it is |d| + ln(1 + e) - ln 2, and its
    derivative tanh d = (1 - e) / (1 + e) with the sign of d."""
    error = decoded - reference
    size = np.abs(error)
    powers = np.exp(np.float32(-2) * size)
    total = size + np.log(1 + powers)

    def back() -> Array:
        slope = (1 - powers) / (1 + powers)
        slope *= np.float32(1 / error.size)
        signed: Array = np.copysign(slope, error)
        return signed

    return float(total.mean(dtype=np.float64)) - math.log(2), back


def one_less_ssim(reference: Array, decoded: Array) -> Evaluated:
    """1 - SSIM."""
    pairs = _planes(reference, decoded)
    found = [similarity.similarity(*pair, taps(), CONSTANTS, True) for pair in pairs]

    def back() -> Array:
        return np.stack(
            [
                similarity.similarity_back(*pair, taps(), maps, -1 / len(pairs))
                for pair, (_, maps) in zip(pairs, found, strict=True)
            ]
        )

    return 1 - sum(mean for mean, _ in found) / len(pairs), back


def one_less_ms_ssim(reference: Array, decoded: Array) -> Evaluated:
    """1 - MS-SSIM."""
    channels = [_Scales(*pair) for pair in _planes(reference, decoded)]

    def back() -> Array:
        return np.stack([channel.back(-1 / len(channels)) for channel in channels])

    return 1 - sum(channel.value for channel in channels) / len(channels), back


class _Scales:
    """MS-SSIM of one channel, x and y (H, W): `value`."""

    def __init__(self, x: Array, y: Array) -> None:
        self._pairs: list[tuple[Array, Array]] = []
        self._means: list[float] = []
        self._maps: list[similarity.Maps] = []
        for scale in range(len(SCALE_WEIGHTS)):
            if scale:
                x, y = _halved(x), _halved(y)
            last = scale == len(SCALE_WEIGHTS) - 1
            mean, maps = similarity.similarity(x, y, taps(), CONSTANTS, last)
            self._pairs.append((x, y))
            self._means.append(max(0.0, mean))
            self._maps.append(maps)
        powers = zip(self._means, SCALE_WEIGHTS, strict=True)
        self.value = math.prod(mean**weight for mean, weight in powers)

    def back(self, gradient: float) -> Array:
        """The gradient by y (H, W) for that of the value."""
        coarser: Array | None = None
        for scale in reversed(range(1, len(SCALE_WEIGHTS))):
            coarser = self._back_of(scale, gradient, coarser)
        return self._back_of(0, gradient, coarser)

    def _back_of(self, scale: int, gradient: float, coarser: Array | None) -> Array:
        """The gradient by y of a scale, given that of the next coarser one."""
        x, y = self._pairs[scale]
        mean = self._means[scale]
        share = SCALE_WEIGHTS[scale] * self.value / mean if mean else 0.0
        here = similarity.similarity_back(x, y, taps(), self._maps[scale], gradient * share)
        if coarser is not None:
            here += _spread(coarser, y.shape)
        return here


def _halved(x: Array) -> Array:
    """Means of 2 x 2 blocks of (H, W); before an odd side's first line stand zeros."""
    rows, columns = x.shape
    if rows % 2 or columns % 2:
        x = np.pad(x, ((rows % 2, 0), (columns % 2, 0)))
    pairs = x[::2] + x[1::2]
    means: Array = (pairs[:, ::2] + pairs[:, 1::2]) * np.float32(0.25)
    return means


def _spread(gradient: Array, shape: Sequence[int]) -> Array:
    """The gradient by what `_halved` takes."""
    wide = gradient.repeat(2, axis=0).repeat(2, axis=1) * np.float32(0.25)
    return wide[shape[0] % 2 :, shape[1] % 2 :]


def _planes(reference: Array, decoded: Array) -> list[tuple[Array, Array]]:
    """The channels of two images, contiguous."""
    given = np.ascontiguousarray(reference), np.ascontiguousarray(decoded)
    return list(zip(*given, strict=True))


CONSTANTS = (K1**2, K2**2)


@cache
def taps() -> Array:
    """The window of SSIM along one axis, as the kernels take it."""
    return gaussian().astype(np.float32)


_POINTWISE: dict[str, Callable[[Array, Array], Evaluated]] = {
    "mse": mse,
    "l1": l1,
    "logcosh": logcosh,
}
_MIXES: dict[str, tuple[str | None, Callable[[Array, Array], Evaluated]]] = {
    "ms-ssim": (None, one_less_ms_ssim),
    "lcssim": ("logcosh", one_less_ssim),
    "l1ssim": ("l1", one_less_ssim),
    "l1msssim": ("l1", one_less_ms_ssim),
}
"""The pointwise and the structural term of the other losses."""
