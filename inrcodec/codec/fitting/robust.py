"""Weights that survive damage: other ways to make the gradient that a fit follows.

A fit hands over its objective as a function of the parameters, and what is here leaves a gradient
in every leaf tensor behind it. Changes of weights count in `units`, one for each tensor that may be
damaged: for a sine layer w0, which the papers keep beside the weights and this codec multiplies
into them (networks/siren.py). Seven ways:

`gradient-norm`: "Enhancing Robustness of Implicit Neural Representations Against Weight
Perturbations" (Zhou et al. 2025) minimises (eq. 6)

    L(w) + strength ||dL/dw||,

since a small change dw adds at most ||dL/dw|| ||dw|| to L (eq. 5). Its eq. 9 prints g / ||g|| as
the gradient of that norm, which is the derivative by g; the derivative by w is H g / ||g|| with the
Hessian H of L, and that is what is computed here, as the difference of gradients

    (dL/dw at w + r g / ||g||  -  g) / r

or, in `gradient-norm-exact`, by differentiating twice; they agree (tests). At strength = r the
first is sharpness-aware minimisation (Foret et al. 2021).

`jacobian`: where a fit is good, dL/dw is small whatever the weights do to the image. What noise
of a standard deviation s adds to the squared error is, to second order and whatever the residuals,

    s^2 E ||J^T v||^2,   J = d(image)/dw,   v random signs / sqrt(samples),

the squared gradient norm of random projections of the image (the projections of Hoffman et al.
2019, there of the Jacobian by inputs). Its gradient is again a difference of two gradients. Weights
of a coordinate network also take `lipschitz` below, lightly: in a long fit they would grow until
little of them could be lost, and then even the fit itself suffers.

The paper's rivals: `l1`, a penalty on absolute weights; `lipschitz`, one that draws the singular
values of matrices to 1 (Lin et al. 2019, Defensive Quantization, eq. 8); `noise`, training in which
every step sees weights with Gaussian noise. And `neurons`: every step sees a network some hidden
neurons of which give nothing, each with a probability of `strength` (dropout, Srivastava et al.
2014, without its scaling: what is lost is not made up for by a decoder).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from inrcodec.codec.fitting.robust_options import Robust

Parameters = Mapping[str, Tensor]
Penalty = Callable[[Parameters, Mapping[str, float]], Tensor]


@dataclass(frozen=True, slots=True)
class Objective:
    """What a fit minimises: `scale` times the `loss` of the image that `render` makes of the
    parameters, any tensor of samples with full range 1. `at_once`, if given, is a faster way from
    parameters to the loss, which can be differentiated once."""

    render: Callable[[Parameters], Tensor]
    loss: Callable[[Tensor], Tensor]
    scale: float = 1.0
    at_once: Callable[[Parameters], Tensor] | None = None

    def __call__(self, parameters: Parameters) -> Tensor:
        """The value of the objective, ()."""
        if self.at_once:
            return self.scale * self.at_once(parameters)
        return self.scale * self.loss(self.render(parameters))


Backward = Callable[[Objective, Parameters, Iterable[Tensor]], Tensor]
"""(objective, parameters, leaves) -> the objective as first computed, (): leaves gradients in
`leaves`, which have none before: what parameters are made of, and all else that it depends on."""

RADIUS = 1e-3
"""Length r of the step of the finite difference, in units; the same order as damage worth fearing
and, in float32, far above rounding."""


@dataclass(frozen=True, slots=True)
class Tolerance:
    """What weights are to survive, and how much that counts: `strength` as each way reads it,
    `units` of the tensors that may be damaged, `random` for what is drawn in every step."""

    strength: float
    units: Mapping[str, float]
    random: torch.Generator
    expansion: float = 0.0
    """Weight of the penalty `expansion` in `jacobian`."""


def backward_of(robust: Robust | None, units: Mapping[str, float], seed: int) -> Backward:
    """How a fit makes its gradients: `plain` for None. `units` as in `Tolerance`."""
    if robust is None:
        return plain
    random = torch.Generator().manual_seed(seed)
    tolerance = Tolerance(robust.strength, units, random, robust.expansion)
    return partial(_WAYS[robust.way], tolerance)


def plain(objective: Objective, parameters: Parameters, leaves: Iterable[Tensor]) -> Tensor:
    """The gradient of the objective itself."""
    loss = objective(parameters)
    torch.autograd.backward(loss)
    return loss.detach()


def gradient_norm(
    to: Tolerance, objective: Objective, parameters: Parameters, leaves: Iterable[Tensor]
) -> Tensor:
    """Eq. 6 by finite difference: two passes.

    strength ||g|| has the gradient strength (g' - g) / r with g' that at a step of length r along
    g: so g counts 1 - strength / r times, and g' strength / r times.
    """
    inner = {n: parameters[n].detach().requires_grad_() for n in to.units}
    loss = objective({**parameters, **inner})
    torch.autograd.backward(loss)
    gradients = {n: t.grad for n, t in inner.items() if t.grad is not None}
    moved = dict(parameters)
    norm = _length(gradients, to.units)
    for name, gradient in gradients.items():
        moved[name] = parameters[name] + gradient * (RADIUS * to.units[name] ** 2 / norm)
        hand_on(parameters[name], gradient)
    share = to.strength / RADIUS
    for leaf in leaves:
        if leaf.grad is not None:
            leaf.grad.mul_(1 - share)
    torch.autograd.backward(share * objective(moved))
    return loss.detach()


def exact_gradient_norm(
    to: Tolerance, objective: Objective, parameters: Parameters, leaves: Iterable[Tensor]
) -> Tensor:
    """Eq. 6 by differentiating twice; needs an objective that allows it."""
    loss = objective.scale * objective.loss(objective.render(parameters))
    tensors = [parameters[name] for name in to.units]
    found = torch.autograd.grad(loss, tensors, create_graph=True)
    norm = _length(dict(zip(to.units, found, strict=True)), to.units)
    torch.autograd.backward(loss + to.strength * norm)
    return loss.detach()


def jacobian_norm(
    to: Tolerance, objective: Objective, parameters: Parameters, leaves: Iterable[Tensor]
) -> Tensor:
    """What Gaussian noise of `strength` units adds, estimated anew in every step: two passes
    forward, three backward.

    With u = J^T v the penalty is P = s^2 ||u||^2 and its gradient 2 sqrt(P) (u' - u), u' being that
    at a step of one standard deviation along u.
    """
    picture = objective.render(parameters)
    loss = objective.scale * objective.loss(picture)
    if to.expansion:
        cost = expansion(_matrices(parameters, to.units), to.units)
        torch.autograd.backward(objective.scale * to.expansion * cost)
    signs = torch.randint(0, 2, picture.shape, generator=to.random).to(picture) * 2 - 1
    signs = signs / math.sqrt(picture.numel())
    projected = (signs * picture).sum()
    tensors = [parameters[name] for name in to.units]
    found = torch.autograd.grad(projected, tensors, retain_graph=True)
    gradients = dict(zip(to.units, found, strict=True))
    spread = {name: to.strength * unit for name, unit in to.units.items()}
    norm = _length(gradients, spread)
    weight = 2 * float(norm) * objective.scale
    torch.autograd.backward(loss - weight * projected, retain_graph=True)
    moved = dict(parameters)
    for name, gradient in gradients.items():
        moved[name] = parameters[name] + gradient * (spread[name] ** 2 / norm)
    torch.autograd.backward(weight * (signs * objective.render(moved)).sum())
    return loss.detach()


def penalised(
    penalty: Penalty,
    to: Tolerance,
    objective: Objective,
    parameters: Parameters,
    leaves: Iterable[Tensor],
) -> Tensor:
    """The gradient of the objective and a penalty on the weight matrices."""
    loss = objective(parameters)
    cost = to.strength * penalty(_matrices(parameters, to.units), to.units)
    torch.autograd.backward(loss + objective.scale * cost)
    return loss.detach()


def sparsity(matrices: Parameters, units: Mapping[str, float]) -> Tensor:
    """Sum of absolute weights, in units, ()."""
    return torch.stack([w.abs().sum() / units[n] for n, w in matrices.items()]).sum()


def expansion(matrices: Parameters, units: Mapping[str, float]) -> Tensor:
    """Half the squared distance of W W^T (or W^T W, the smaller) from the identity, summed over the
    matrices behind the first, whose singular values are the frequencies of the image, (). The
    parts of a complex matrix count as one on the other."""
    total = next(iter(matrices.values())).new_zeros(())
    for name, tensor in matrices.items():
        if name.endswith("weight.0"):
            continue
        w = tensor.flatten(0, -2)
        gram = w @ w.T if w.shape[0] <= w.shape[1] else w.T @ w
        total = total + (gram - torch.eye(len(gram)).to(gram)).square().sum() / 2
    return total


def noise_aware(
    to: Tolerance, objective: Objective, parameters: Parameters, leaves: Iterable[Tensor]
) -> Tensor:
    """The gradient at weights with Gaussian noise, drawn anew for every step; `strength` is its
    standard deviation, in units."""
    noisy = dict(parameters)
    for name, unit in to.units.items():
        noise = torch.randn(parameters[name].shape, generator=to.random, dtype=torch.float32)
        noisy[name] = parameters[name] + noise.to(parameters[name]) * (to.strength * unit)
    return plain(objective, noisy, leaves)


def neuron_loss(
    to: Tolerance, objective: Objective, parameters: Parameters, leaves: Iterable[Tensor]
) -> Tensor:
    """The gradient of a network that lost neurons, drawn anew for every step. A lost neuron has
    weights and a bias of 0; a wavelet of WIRE, whose matrices are complex, is 1 there, so the next
    layer reads it with weights of 0."""
    damaged = dict(parameters)
    matrices = _matrices(parameters, to.units)
    layers = list(matrices)
    for place, (name, weight) in enumerate(matrices.items()):
        if name.endswith("out") or weight.ndim not in (2, 3):
            continue
        drawn = torch.rand(weight.shape[-2], generator=to.random, dtype=torch.float32)
        kept = (drawn >= to.strength).to(weight)
        if matrices[layers[-1]].ndim == 3:
            after = layers[place + 1]
            damaged[after] = damaged[after] * kept
            continue
        bias = name.replace("weight", "bias")
        damaged[name], damaged[bias] = weight * kept[:, None], parameters[bias] * kept
    return plain(objective, damaged, leaves)


def _matrices(parameters: Parameters, units: Mapping[str, float]) -> Parameters:
    """The weights of layers among what may be damaged."""
    return {n: parameters[n] for n in units if "weight" in n and parameters[n].ndim > 1}


def hand_on(tensor: Tensor, gradient: Tensor) -> None:
    """Add what a gradient by a tensor means for the leaves it is made of, and keep the graph. (As
    the gradient of a scalar: `backward` with a gradient loads the compiler of torch.)"""
    product = tensor.flatten() @ gradient.flatten()
    torch.autograd.backward(product, retain_graph=True)


def _length(gradients: Parameters, units: Mapping[str, float]) -> Tensor:
    """The length of a gradient by weights in units, (), never 0."""
    squares = [(g * units[n]).square().sum() for n, g in gradients.items()]
    return torch.stack(squares).sum().sqrt().clamp_min(1e-30)


_WAYS: dict[str, Callable[[Tolerance, Objective, Parameters, Iterable[Tensor]], Tensor]] = {
    "jacobian": jacobian_norm,
    "gradient-norm": gradient_norm,
    "gradient-norm-exact": exact_gradient_norm,
    "l1": partial(penalised, sparsity),
    "lipschitz": partial(penalised, expansion),
    "noise": noise_aware,
    "neurons": neuron_loss,
}
