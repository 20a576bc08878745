"""SOAP for matrices, Adam for the rest: what fits the networks of latent grids fastest.

SOAP (Vyas et al. 2024, "SOAP: Improving and Stabilizing Shampoo using Adam") keeps a moving mean of
G G^T and of G^T G for the gradient G of every matrix, and takes Adam's steps in the eigenbases of
the two. The norm of all gradients is clipped first: without that, fits of some images diverge.
docs/research.md has what it saves beside Muon.

On arrays, float32: the networks are so small that numpy takes less time than torch does, and a GPU
none less.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from inrcodec.codec.native.networks import Array
from inrcodec.errors import FitError

DECAY = 0.95
"""Decay of the means, of the mean squares, and of the preconditioners."""

MEANS, SQUARES = 0.9, 0.99
"""Likewise of Adam's means and mean squares."""

BASIS_EVERY = 10
"""Steps between two turns of the bases, each one step of a power iteration."""

LEAST_ROOT = 0.01
"""What is added to the root of the mean squares, as a share of its own root mean square: along
directions in which hardly any gradient was seen, Adam's step would be rounding errors."""

TINY = 1e-15
"""Added to roots too: gradients whose squares are beneath single precision move nothing."""

NORM_SLACK = 1e-6
"""Added to the norm of gradients that are clipped."""


class Soap:
    """Updates arrays in place; `rates` has the learning rate of each."""

    def __init__(self, parameters: Mapping[str, Array], rates: Mapping[str, float]) -> None:
        self._parameters = parameters
        by_shape: dict[tuple[int, int], list[str]] = {}
        vectors = [name for name, array in parameters.items() if array.ndim == 1]
        for name, array in parameters.items():
            if name not in vectors:
                by_shape.setdefault((len(array), array.size // len(array)), []).append(name)
        self._matrices = [
            (names, _Matrices(shape, [rates[name] for name in names]))
            for shape, names in by_shape.items()
        ]
        self._vectors = vectors
        counts = [parameters[name].size for name in vectors]
        self._edges = np.cumsum(counts)[:-1]
        self._adam = _Adam(np.repeat(np.array([rates[n] for n in vectors], np.float32), counts))

    def step(self, gradients: Mapping[str, Array], factor: float, most_norm: float) -> None:
        """One update with every rate times `factor` by gradients of all parameters, the norm of
        which over all is at most `most_norm`. Raises `FitError` if it is not finite."""
        norm = math.sqrt(sum(float(np.vdot(g, g)) for g in gradients.values()))
        if not math.isfinite(norm):
            raise FitError("the fit diverged: the gradient is not finite; try another seed")
        clip = np.float32(min(1.0, most_norm / (norm + NORM_SLACK)))
        for names, matrices in self._matrices:
            stack = np.stack([gradients[name].reshape(matrices.shape) for name in names])
            for name, delta in zip(names, matrices.update(stack * clip, factor), strict=True):
                parameter = self._parameters[name]
                parameter -= delta.reshape(parameter.shape)
        if self._vectors:
            flat = np.concatenate([gradients[name] for name in self._vectors])
            parts = np.split(self._adam.update(flat * clip, factor), self._edges)
            for name, delta in zip(self._vectors, parts, strict=True):
                vector = self._parameters[name]
                vector -= delta


class _Adam:
    """Adam (Kingma and Ba 2015) of vectors as one, with the learning rate of each element."""

    def __init__(self, rates: Array) -> None:
        self._rates = rates
        self._means, self._squares = np.zeros_like(rates), np.zeros_like(rates)
        self._steps = 0

    def update(self, gradient: Array, factor: float) -> Array:
        """What to subtract, with every rate times `factor`."""
        self._steps += 1
        _decay(self._means, gradient, MEANS)
        _decay(self._squares, np.square(gradient), SQUARES)
        root = np.sqrt(self._squares / np.float32(1 - SQUARES**self._steps)) + np.float32(1e-12)
        seen = np.float32(factor / (1 - MEANS**self._steps))
        update: Array = self._means * self._rates / root * seen
        return update


class _Matrices:
    """Matrices of one shape as a stack, (n, rows, columns), with their bases."""

    def __init__(self, shape: tuple[int, int], rates: Sequence[float]) -> None:
        self.shape = shape
        count = len(rates)
        self._rates = np.array(rates, np.float32)[:, None, None]
        self._means, self._squares = (np.zeros((count, *shape), np.float32) for _ in range(2))
        self._moments = [np.zeros((count, side, side), np.float32) for side in shape]
        self._bases: list[Array] = []
        self._steps = 0

    def update(self, gradient: Array, factor: float) -> Array:
        """What to subtract, with every rate times `factor`."""
        self._steps += 1
        _decay(self._means, gradient, DECAY)
        self._turn(gradient)
        left, right = self._bases
        _decay(self._squares, np.square(_transposed(left) @ gradient @ right), DECAY)
        seen = 1 - DECAY**self._steps
        root = np.sqrt(self._squares / np.float32(seen))
        least = np.sqrt(np.square(root).mean((1, 2), keepdims=True))
        root += np.float32(LEAST_ROOT) * least + np.float32(TINY)
        update: Array = (
            left @ ((_transposed(left) @ self._means @ right) / root) @ _transposed(right)
        )
        update *= self._rates * np.float32(factor / seen)
        return update

    def _turn(self, gradient: Array) -> None:
        """Add a gradient to the moments, and turn the bases towards their eigenvectors."""
        products = gradient @ _transposed(gradient), _transposed(gradient) @ gradient
        for moments, product in zip(self._moments, products, strict=True):
            _decay(moments, product, DECAY)
        if not self._bases:
            self._bases = [np.linalg.eigh(_scaled(m))[1][..., ::-1] for m in self._moments]
        elif self._steps % BASIS_EVERY == 0:
            for side, moments in enumerate(self._moments):
                order = self._order(side)
                self._squares = _reordered(self._squares, order, side + 1)
                basis = _reordered(self._bases[side], order, 2)
                self._bases[side] = np.linalg.qr(_scaled(moments) @ basis)[0]

    def _order(self, side: int) -> NDArray[np.intp]:
        """The directions of a basis by how much of the gradients lies along them, (n, side)."""
        basis = self._bases[side]
        along = (basis * (self._moments[side] @ basis)).sum(1)
        return np.argsort(-along, axis=-1, kind="stable")


def _decay(mean: Array, new: Array, decay: float) -> None:
    """Move a mean in place towards a new value."""
    mean += np.float32(1 - decay) * (new - mean)


def _transposed(stack: Array) -> Array:
    return stack.transpose(0, 2, 1)


def _scaled(moments: Array) -> Array:
    """The matrices (n, side, side) with trace 1: LAPACK squares them, and of subnormal numbers that
    are flushed to 0 it makes what is no number."""
    traces = np.trace(moments, axis1=1, axis2=2)[:, None, None]
    scaled: Array = moments / (traces + np.float32(1e-30))
    return scaled


def _reordered(stack: Array, order: NDArray[np.intp], axis: int) -> Array:
    """The matrices of a stack with rows (axis 1) or columns (axis 2) in another order each."""
    shape = (len(stack), -1, 1) if axis == 1 else (len(stack), 1, -1)
    return np.take_along_axis(stack, order.reshape(shape), axis)
