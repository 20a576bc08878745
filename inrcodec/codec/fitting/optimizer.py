"""Muon for the matrices, Adam for the rest: what fits coordinate networks fastest.

Muon (Jordan 2024): momentum, then the nearest orthogonal matrix by five Newton-Schulz steps, so
that every direction of a weight matrix learns at the same speed. Most networks here are small, so
matrices of equal shape are stacked and orthogonalised together; those of wide ones are a third of
a step in float32, so they take the precision of the hidden layers.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
MOMENTUM = 0.95

WIDE = 128
"""Smaller side from which matrices are orthogonalised in the precision of the hidden layers."""

MEANS, SQUARES = 0.9, 0.99
"""Decay of Adam's means and mean squares."""


class MuonAdam:
    """Updates leaf tensors in place from their `.grad`.

    `rates` gives each tensor's learning rate; those named in `matrices` take Muon steps (spectral
    norm = rate), the others Adam steps. `precision` is that of Muon's products for matrices that
    have `WIDE` rows and columns or more; None leaves all as they are.
    """

    def __init__(
        self,
        parameters: Mapping[str, Tensor],
        rates: Mapping[str, float],
        matrices: set[str],
        precision: torch.dtype | None = None,
    ) -> None:
        self._precision = precision
        self._groups: list[tuple[list[Tensor], Tensor, Tensor]] = []
        by_shape: dict[torch.Size, list[str]] = {}
        for name in parameters:
            if name in matrices:
                by_shape.setdefault(parameters[name].shape, []).append(name)
        for shape, names in by_shape.items():
            like = parameters[names[0]]
            rate = like.new_tensor([rates[name] for name in names])[:, None, None]
            momentum = like.new_zeros(len(names), *shape)
            self._groups.append(([parameters[name] for name in names], rate, momentum))
        self._adam = Adam({n: t for n, t in parameters.items() if n not in matrices}, rates)

    @torch.no_grad()
    def step(self, factor: float) -> None:
        """One update with every rate times `factor`; clears the gradients."""
        for members, rate, momentum in self._groups:
            gradient = torch.stack([tensor.grad for tensor in members if tensor.grad is not None])
            momentum.mul_(MOMENTUM).add_(gradient)
            update = self._orthogonal(gradient.add_(momentum, alpha=MOMENTUM)).mul_(rate * factor)
            for tensor, delta in zip(members, update, strict=True):
                tensor.sub_(delta)
                tensor.grad = None
        self._adam.step(factor)

    def _orthogonal(self, stack: Tensor) -> Tensor:
        """Orthogonalise in the precision that serves matrices of this size."""
        if self._precision is None or min(stack.shape[1:]) < WIDE:
            return _orthogonal(stack)
        return _orthogonal(stack, self._precision).to(stack.dtype)


class Adam:
    """Adam (Kingma and Ba 2015) of all tensors as one vector. (That of `torch.optim` loads the
    compiler of torch when it is made, 2.5 seconds: more than an encode at effort 0 takes.)
    """

    def __init__(self, parameters: Mapping[str, Tensor], rates: Mapping[str, float]) -> None:
        self._tensors = list(parameters.values())
        self._sizes = [tensor.numel() for tensor in self._tensors]
        like = self._tensors[0].detach()
        self._rates = torch.cat(
            [like.new_full((tensor.numel(),), rates[name]) for name, tensor in parameters.items()]
        )
        self._means, self._squares = (torch.zeros_like(self._rates) for _ in range(2))
        self._steps = 0

    def step(self, factor: float) -> None:
        """One update with every rate times `factor`; clears the gradients."""
        self._steps += 1
        gradients = [torch.zeros_like(t) if t.grad is None else t.grad for t in self._tensors]
        gradient = torch.cat([g.reshape(-1) for g in gradients])
        self._means.lerp_(gradient, 1 - MEANS)
        self._squares.lerp_(gradient.square_(), 1 - SQUARES)
        root = (self._squares / (1 - SQUARES**self._steps)).sqrt_().add_(1e-12)
        update = (self._means * self._rates).div_(root).mul_(factor / (1 - MEANS**self._steps))
        for tensor, delta in zip(self._tensors, torch.split(update, self._sizes), strict=True):
            tensor.sub_(delta.view_as(tensor))
            tensor.grad = None


def _orthogonal(stack: Tensor, precision: torch.dtype | None = None) -> Tensor:
    """(n, rows, columns): each matrix replaced by about U V^T of its SVD, in `precision`."""
    x: Tensor = stack / (stack.norm(dim=(-2, -1), keepdim=True) + 1e-30)
    x = x if precision is None else x.to(precision)
    wide = x.shape[-2] <= x.shape[-1]
    x = x if wide else x.mT
    a, b, c = NEWTON_SCHULZ
    for _ in range(5):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x if wide else x.mT
