"""SOAP for matrices, Adam for the rest: what fits the networks of latent grids fastest.

SOAP (Vyas et al. 2024, "SOAP: Improving and Stabilizing Shampoo using Adam") keeps a moving mean of
G G^T and of G^T G for the gradient G of every matrix, and takes Adam's steps in the eigenbases of
the two. The norm of all gradients is clipped first: without that, fits of some images diverge.
docs/research.md has what it saves beside Muon.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn.utils import clip_grad_norm_

from inrcodec.codec.fitting.optimizer import Adam
from inrcodec.errors import FitError

DECAY = 0.95
"""Decay of the means, of the mean squares, and of the preconditioners."""

BASIS_EVERY = 10
"""Steps between two turns of the bases, each one step of a power iteration."""

LEAST_ROOT = 0.01
"""What is added to the root of the mean squares, as a share of its own root mean square: along
directions in which hardly any gradient was seen, Adam's step would be rounding errors."""

TINY = 1e-15
"""Added to roots too: gradients whose squares are beneath single precision move nothing."""


class Soap:
    """Updates leaf tensors in place from their `.grad`; `rates` has the learning rate of each."""

    def __init__(self, parameters: Mapping[str, Tensor], rates: Mapping[str, float]) -> None:
        self._parameters = list(parameters.values())
        by_shape: dict[tuple[int, int], list[str]] = {}
        vectors = {name: t for name, t in parameters.items() if t.ndim == 1}
        for name, tensor in parameters.items():
            if name not in vectors:
                rows = tensor.shape[0]
                by_shape.setdefault((rows, tensor.numel() // rows), []).append(name)
        self._matrices = [
            _Matrices([parameters[n] for n in names], [rates[n] for n in names], shape)
            for shape, names in by_shape.items()
        ]
        self._adam = Adam(vectors, rates)

    @torch.no_grad()
    def step(self, factor: float, most_norm: float) -> None:
        """One update with every rate times `factor` by gradients whose norm over all tensors is at
        most `most_norm`; clears them. Raises `FitError` if it is not finite."""
        if not math.isfinite(float(clip_grad_norm_(self._parameters, most_norm))):
            raise FitError("the fit diverged: the gradient is not finite; try another seed")
        for matrices in self._matrices:
            matrices.step(factor)
        self._adam.step(factor)


class _Matrices:
    """Tensors of one shape as a stack of matrices, (n, rows, columns)."""

    def __init__(
        self, tensors: Sequence[Tensor], rates: Sequence[float], shape: tuple[int, int]
    ) -> None:
        self._tensors, self._shape = tensors, shape
        like = tensors[0].detach()
        self._rates = like.new_tensor(rates)[:, None, None]
        self._turned = TurnedAdam(like.new_zeros(len(tensors), *shape))

    def step(self, factor: float) -> None:
        """One update with every rate times `factor`; clears the gradients."""
        gradient = torch.stack(
            [
                torch.zeros(self._shape, dtype=t.dtype, device=t.device)
                if t.grad is None
                else t.grad.reshape(self._shape)
                for t in self._tensors
            ]
        )
        update = self._turned.step(gradient) * (self._rates * factor)
        for tensor, delta in zip(self._tensors, update, strict=True):
            tensor.sub_(delta.view_as(tensor))
            tensor.grad = None


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
            self._bases = [torch.linalg.eigh(_scaled(m))[1].flip(-1) for m in self._moments]
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


def _scaled(moments: Tensor) -> Tensor:
    """The matrices (..., side, side) with trace 1: LAPACK squares them, and of subnormal numbers
    that are flushed to 0 it makes what is no number."""
    traces = moments.diagonal(dim1=-2, dim2=-1).sum(-1)
    return moments / (traces[..., None, None] + 1e-30)


def _reordered(stack: Tensor, order: Tensor, axis: int) -> Tensor:
    """The matrices of a stack with rows (axis -2) or columns (axis -1) in another order each."""
    other = -1 if axis == -2 else -2
    return stack.gather(axis, order.unsqueeze(other).expand_as(stack))
