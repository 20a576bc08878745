"""Weights that survive damage: other ways to make the gradient that a fit follows.

A fit hands over its objective as a function of the parameters, and what is here leaves a gradient
in every leaf tensor behind it. Changes of weights count in `units`, one for each tensor that may be
damaged: for a sine layer w0, which the papers keep beside the weights and this codec multiplies
into them (models/siren.py). Six ways:

`gradient-norm`: "Enhancing Robustness of Implicit Neural Representations Against Weight
Perturbations" (Zhou et al. 2025) minimises (eq. 6)

    L(w) + strength ||dL/dw||,

since a small change dw adds at most ||dL/dw|| ||dw|| to L (eq. 5). Its eq. 9 prints g / ||g|| as
the gradient of that norm, which is the derivative by g; the derivative by w is H g / ||g|| with the
Hessian H of L, and that is what is computed here, as the difference of gradients

    (dL/dw at w + r g / ||g||  -  g) / r

or, in `gradient-norm-exact`, by differentiating twice; they agree (tests). At strength = r the
first is sharpness-aware minimisation (Foret et al. 2021).

`jacobian`: where a fit is good, dL/dw is small whatever the weights do to the picture. What noise
of a standard deviation s adds to the squared error is, to second order and whatever the residuals,

    s^2 E ||J^T v||^2,   J = d(picture)/dw,   v random signs / sqrt(samples),

the squared gradient norm of random projections of the picture (the projections of Hoffman et al.
2019, there of the Jacobian by inputs). Its gradient is again a difference of two gradients.

The paper's rivals: `l1`, a penalty on absolute weights; `lipschitz`, one that draws the singular
values of matrices to 1 (Lin et al. 2019, Defensive Quantization, eq. 8); `noise`, training in which
every step sees weights with Gaussian noise.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from inrcodec.codec.options import ROBUST_STRENGTHS, EncodeOptions

Parameters = Mapping[str, Tensor]


@dataclass(frozen=True, slots=True)
class Objective:
    """What a fit minimises: `scale` times the `loss` of the picture that `render` makes of the
    parameters, any tensor of samples with full range 1."""

    render: Callable[[Parameters], Tensor]
    loss: Callable[[Tensor], Tensor]
    scale: float = 1.0

    def __call__(self, parameters: Parameters) -> Tensor:
        """Its value, ()."""
        return self.scale * self.loss(self.render(parameters))


Backward = Callable[[Objective, Parameters, Iterable[Tensor]], Tensor]
"""(objective, parameters, leaves) -> the objective as first computed, (): leaves gradients in
`leaves`, which have none before: what parameters are made of, and all else that it depends on."""

IN_FLOAT32 = ("jacobian", "gradient-norm", "gradient-norm-exact")
"""Ways that need float32: bfloat16 can not tell apart the two places of a finite difference."""

RADIUS = 1e-3
"""Length r of the step of the finite difference, in units; the same order as damage worth fearing
and, in float32, far above rounding."""


def backward_of(options: EncodeOptions, units: Mapping[str, float]) -> Backward:
    """The way of the options' `robust`; `plain` without."""
    if options.robust is None:
        return plain
    strength = options.robust_strength
    if strength is None:
        strength = ROBUST_STRENGTHS[options.robust]
    return _WAYS[options.robust](strength, units, options.seed)


def plain(objective: Objective, parameters: Parameters, leaves: Iterable[Tensor]) -> Tensor:
    """The gradient of the objective itself."""
    loss = objective(parameters)
    torch.autograd.backward(loss)
    return loss.detach()


class GradientNorm:
    """Eq. 6 by finite difference: two passes.

    strength ||g|| has the gradient strength (g' - g) / r with g' that at a step of length r along
    g: so g counts 1 - strength / r times, and g' strength / r times.
    """

    def __init__(self, strength: float, units: Mapping[str, float], _: int = 0) -> None:
        self._share, self._units = strength / RADIUS, units

    def __call__(
        self, objective: Objective, parameters: Parameters, leaves: Iterable[Tensor]
    ) -> Tensor:
        """Add the gradients."""
        inner = {n: parameters[n].detach().requires_grad_() for n in self._units}
        loss = objective({**parameters, **inner})
        torch.autograd.backward(loss)
        gradients = {n: t.grad for n, t in inner.items() if t.grad is not None}
        moved = dict(parameters)
        norm = _length(gradients, self._units).clamp_min(1e-30)
        for name, gradient in gradients.items():
            step = gradient * (RADIUS * self._units[name] ** 2 / norm)
            moved[name] = parameters[name] + step
            hand_on(parameters[name], gradient)
        for leaf in leaves:
            if leaf.grad is not None:
                leaf.grad.mul_(1 - self._share)
        torch.autograd.backward(self._share * objective(moved))
        return loss.detach()


class JacobianNorm:
    """What Gaussian noise of `strength` units adds, estimated anew in every step: two passes
    forward, three backward.

    With u = J^T v the penalty is P = s^2 ||u||^2 and its gradient 2 sqrt(P) (u' - u), u' being that
    at a step of one standard deviation along u.
    """

    def __init__(self, strength: float, units: Mapping[str, float], seed: int) -> None:
        self._spread = {name: strength * unit for name, unit in units.items()}
        self._random = torch.Generator().manual_seed(seed)

    def __call__(
        self, objective: Objective, parameters: Parameters, leaves: Iterable[Tensor]
    ) -> Tensor:
        """Add the gradients."""
        picture = objective.render(parameters)
        loss = objective.scale * objective.loss(picture)
        signs = torch.randint(0, 2, picture.shape, generator=self._random) * 2.0 - 1.0
        signs = (signs / math.sqrt(picture.numel())).to(picture)
        projected = (signs * picture).sum()
        tensors = [parameters[name] for name in self._spread]
        found = torch.autograd.grad(projected, tensors, retain_graph=True)
        gradients = dict(zip(self._spread, found, strict=True))
        norm = _length(gradients, self._spread).clamp_min(1e-30)
        weight = 2 * float(norm) * objective.scale
        torch.autograd.backward(loss - weight * projected, retain_graph=True)
        moved = dict(parameters)
        for name, gradient in gradients.items():
            moved[name] = parameters[name] + gradient * (self._spread[name] ** 2 / norm)
        torch.autograd.backward(weight * (signs * objective.render(moved)).sum())
        return loss.detach()


class ExactGradientNorm:
    """Eq. 6 by differentiating twice; needs an objective that allows it."""

    def __init__(self, strength: float, units: Mapping[str, float], _: int = 0) -> None:
        self._strength, self._units = strength, units

    def __call__(
        self, objective: Objective, parameters: Parameters, leaves: Iterable[Tensor]
    ) -> Tensor:
        """Add the gradients."""
        loss = objective(parameters)
        tensors = [parameters[name] for name in self._units]
        found = torch.autograd.grad(loss, tensors, create_graph=True)
        norm = _length(dict(zip(self._units, found, strict=True)), self._units)
        torch.autograd.backward(loss + self._strength * norm)
        return loss.detach()


class Penalty:
    """A penalty on the weights beside the objective."""

    def __init__(self, strength: float, units: Mapping[str, float], _: int = 0) -> None:
        self._strength, self._units = strength, units

    def __call__(
        self, objective: Objective, parameters: Parameters, leaves: Iterable[Tensor]
    ) -> Tensor:
        """Add the gradients."""
        loss = objective(parameters)
        matrices = {n: parameters[n] for n in self._units if parameters[n].ndim == 2}
        torch.autograd.backward(loss + objective.scale * self._strength * self.of(matrices))
        return loss.detach()

    def of(self, matrices: Parameters) -> Tensor:
        """The penalty, ()."""
        raise NotImplementedError


class Sparsity(Penalty):
    """Sum of absolute weights, in units."""

    def of(self, matrices: Parameters) -> Tensor:
        """The penalty, ()."""
        return torch.stack([t.abs().sum() / self._units[n] for n, t in matrices.items()]).sum()


class Lipschitz(Penalty):
    """Half the squared distance of W W^T (or W^T W, the smaller) from the identity, summed over the
    matrices behind the first, whose singular values are the frequencies of the picture."""

    def of(self, matrices: Parameters) -> Tensor:
        """The penalty, ()."""
        total = []
        for w in list(matrices.values())[1:]:
            gram = w @ w.T if w.shape[0] <= w.shape[1] else w.T @ w
            total.append((gram - torch.eye(len(gram), device=w.device)).square().sum() / 2)
        return torch.stack(total).sum() if total else torch.zeros(())


class NoiseAware:
    """The gradient at weights with Gaussian noise, drawn anew for every step; `strength` is its
    standard deviation, in units."""

    def __init__(self, strength: float, units: Mapping[str, float], seed: int) -> None:
        self._strength, self._units = strength, units
        self._random = torch.Generator().manual_seed(seed)

    def __call__(
        self, objective: Objective, parameters: Parameters, leaves: Iterable[Tensor]
    ) -> Tensor:
        """Add the gradients."""
        noisy = dict(parameters)
        for name, unit in self._units.items():
            noise = torch.randn(parameters[name].shape, generator=self._random)
            noisy[name] = parameters[name] + noise.to(parameters[name]) * (self._strength * unit)
        return plain(objective, noisy, leaves)


def hand_on(tensor: Tensor, gradient: Tensor) -> None:
    """Add what a gradient by a tensor means for the leaves it is made of, and keep the graph. (As
    the gradient of a scalar: `backward` with a gradient loads the compiler of torch.)"""
    product = tensor.flatten() @ gradient.flatten()
    torch.autograd.backward(product, retain_graph=True)


def _length(gradients: Parameters, units: Mapping[str, float]) -> Tensor:
    """The length of a gradient by weights in units, ()."""
    return torch.stack([(g * units[n]).square().sum() for n, g in gradients.items()]).sum().sqrt()


_WAYS: dict[str, Callable[[float, Mapping[str, float], int], Backward]] = {
    "jacobian": JacobianNorm,
    "gradient-norm": GradientNorm,
    "gradient-norm-exact": ExactGradientNorm,
    "l1": Sparsity,
    "lipschitz": Lipschitz,
    "noise": NoiseAware,
}
