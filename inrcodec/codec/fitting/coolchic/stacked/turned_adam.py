"""SOAP's steps of many matrices at once, on any device: ../../soap.py in torch."""

from __future__ import annotations

import torch
from torch import Tensor

from inrcodec.codec.fitting.soap import BASIS_EVERY, DECAY, LEAST_ROOT, TINY


class TurnedAdam:
    """Adam's steps in the eigenbases of matrices like those given, (..., rows, columns)."""

    def __init__(self, like: Tensor) -> None:
        self._means, self._squares = torch.zeros_like(like), torch.zeros_like(like)
        self._moments = [like.new_zeros(*like.shape[:-2], side, side) for side in like.shape[-2:]]
        self._bases: list[Tensor] = []
        self._steps = 0

    def step(self, gradient: Tensor) -> Tensor:
        """What to subtract for this gradient, times the learning rate."""
        self._steps += 1
        self._means.lerp_(gradient, 1 - DECAY)
        self._turn(gradient)
        left, right = self._bases
        turned = left.mT @ gradient @ right
        self._squares.lerp_(turned.square_(), 1 - DECAY)
        seen = 1 - DECAY**self._steps
        root = (self._squares / seen).sqrt_()
        root += LEAST_ROOT * root.square().mean((-2, -1), keepdim=True).sqrt_() + TINY
        return left @ ((left.mT @ self._means @ right) / root) @ right.mT / seen

    def keep(self, which: Tensor) -> None:
        """Go on with the matrices of these numbers along the first axis alone."""
        self._means, self._squares = self._means[which], self._squares[which]
        self._moments = [moments[which] for moments in self._moments]
        self._bases = [basis[which] for basis in self._bases]

    def _turn(self, gradient: Tensor) -> None:
        """Add a gradient to the moments, and turn the bases towards their eigenvectors."""
        for moments, product in zip(
            self._moments, (gradient @ gradient.mT, gradient.mT @ gradient), strict=True
        ):
            moments.lerp_(product, 1 - DECAY)
        if not self._bases:
            self._bases = [_eigenvectors(_scaled(m)) for m in self._moments]
        elif self._steps % BASIS_EVERY == 0:
            for side, moments in enumerate(self._moments):
                order = self._order(side)
                self._squares = _reordered(self._squares, order, side - 2)
                basis = _reordered(self._bases[side], order, -1)
                self._bases[side] = torch.linalg.qr(_scaled(moments) @ basis)[0]

    def _order(self, side: int) -> Tensor:
        """The directions of a basis by how much of the gradients lies along them, (..., side)."""
        basis = self._bases[side]
        return (basis * (self._moments[side] @ basis)).sum(-2).argsort(-1, descending=True)


def _eigenvectors(moments: Tensor) -> Tensor:
    """Those of matrices (..., side, side), the largest first. In double precision: of some matrices
    of low rank torch's eigenvectors in single precision are no numbers."""
    vectors: Tensor = torch.linalg.eigh(moments.double())[1]
    return vectors.flip(-1).to(moments.dtype)


def _scaled(moments: Tensor) -> Tensor:
    """The matrices (..., side, side) with trace 1: LAPACK squares them, and of subnormal numbers
    that are flushed to 0 it makes what is no number."""
    traces = moments.diagonal(dim1=-2, dim2=-1).sum(-1)
    return moments / (traces[..., None, None] + 1e-30)


def _reordered(stack: Tensor, order: Tensor, axis: int) -> Tensor:
    """The matrices of a stack with rows (axis -2) or columns (axis -1) in another order each."""
    other = -1 if axis == -2 else -2
    return stack.gather(axis, order.unsqueeze(other).expand_as(stack))
