"""Rounding networks so that each error is made good by the parameters that are not rounded yet.

As GPTQ does for layers of large networks (Frantar et al. 2023, "GPTQ: Accurate post-training
quantization for generative pre-trained transformers", after the optimal brain surgeon of Hassibi
and Stork 1993), here for all parameters of a network at once, by their curvature, and with the bits
that a symbol takes in view: a smaller symbol is chosen where it saves more than it harms.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from inrcodec.codec.coolchic.model import CoolChic
from inrcodec.codec.entropy.prior import MAX_MAGNITUDE, Symbols
from inrcodec.codec.fitting.coolchic.curvature import Curvature
from inrcodec.codec.native.networks import Array

Vector = NDArray[np.float64]

DAMPING = 0.3
"""Share of its diagonal that is added to a curvature: samples know it only roughly, and it holds
for small changes only. docs/research.md, "Compensated rounding"."""

LEAST_CURVATURE = 1e-6
"""Likewise, of the mean of the diagonal: parameters of features that are never active have none."""

ROUNDS = 2
"""The bits of a symbol are those of the symbols that were found the round before."""

LEAST_MEAN = 0.02
"""Added to the mean magnitude of the symbols of a group, of which all may be 0."""


class Compensation:
    """Rounds the residuals of the parameters that a curvature knows.

    `residuals` has those of all tensors by name. The curvature counts in units of which one is
    worth `unit` of the cost, a bit `bit_worth`.
    """

    def __init__(
        self,
        model: CoolChic,
        curvature: Curvature,
        residuals: Mapping[str, Array],
        unit: float,
        bit_worth: float,
    ) -> None:
        known = set(curvature.names)
        self.groups = [group for group, names in model.groups.items() if known.issuperset(names)]
        numbers = {name: number for number, g in enumerate(self.groups) for name in model.groups[g]}
        sizes = [math.prod(model.shapes[name]) for name in curvature.names]
        self._numbers = np.repeat([numbers[name] for name in curvature.names], sizes)
        flat = np.concatenate([residuals[n].ravel() for n in curvature.names])
        self._residuals = flat.astype(np.float64)
        parts = np.split(np.arange(len(flat)), np.cumsum(sizes)[:-1])
        places = dict(zip(curvature.names, parts, strict=True))
        self._places = {
            g: np.concatenate([places[n] for n in model.groups[g]]) for g in self.groups
        }
        matrix = unit * curvature.matrix
        diagonal = np.diag(matrix)
        least = LEAST_CURVATURE * diagonal.mean() + np.finfo(np.float64).tiny
        self._order = np.argsort(-diagonal, kind="stable")
        damped = matrix + np.diag(DAMPING * diagonal + least)
        inverse = np.linalg.inv(damped[np.ix_(self._order, self._order)])
        self._factor = np.linalg.cholesky(inverse).T.copy()
        self._bit_worth = bit_worth

    def symbols(self, steps: Mapping[str, int]) -> dict[str, Symbols]:
        """The symbols of every group, flat, at quantisation steps of these log2."""
        sizes = np.exp2([steps[group] for group in self.groups])[self._numbers]
        symbols = np.rint(self._residuals / sizes)
        for _ in range(ROUNDS):
            symbols = self._rounded(sizes, self._prices(symbols))
        whole = symbols.clip(-MAX_MAGNITUDE, MAX_MAGNITUDE).astype(np.int32)
        return {group: whole[places] for group, places in self._places.items()}

    def _prices(self, symbols: Vector) -> Vector:
        """The cost of each unit of a symbol's magnitude, by parameter, under geometric priors."""
        counts = np.bincount(self._numbers)
        means = np.bincount(self._numbers, np.abs(symbols)) / counts + LEAST_MEAN
        prices: Vector = self._bit_worth * np.log2(1 + 1 / means)[self._numbers]
        return prices

    def _rounded(self, sizes: Vector, prices: Vector) -> Vector:
        """Round one parameter after the other, those of the largest curvature first, and let those
        that follow make its error good."""
        order, factor = self._order, self._factor
        left, sizes, prices = self._residuals[order], sizes[order], prices[order]
        roots = np.diag(factor)
        harms = (sizes / roots) ** 2 / 2
        chosen = np.zeros(len(order))
        for i in range(len(order)):
            wanted = left[i] / sizes[i]
            chosen[i] = _cheapest(float(wanted), float(harms[i]), float(prices[i]))
            left[i + 1 :] -= (wanted - chosen[i]) * sizes[i] / roots[i] * factor[i, i + 1 :]
        symbols = np.empty_like(chosen)
        symbols[order] = chosen
        return symbols


def _cheapest(wanted: float, harm: float, price: float) -> int:
    """The integer k of the least  harm (wanted - k)^2 + price |k|  among the two nearest and 0."""
    below = math.floor(wanted)
    return min((below, below + 1, 0), key=lambda k: harm * (wanted - k) ** 2 + price * abs(k))
