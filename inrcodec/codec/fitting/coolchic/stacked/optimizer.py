"""The steps of many fits at once: SOAP and Adam on networks (../../soap.py), RMSprop on latents
(../../rmsprop.py)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from inrcodec.codec.fitting.coolchic.stacked.networks import Networks
from inrcodec.codec.fitting.coolchic.stacked.turned_adam import TurnedAdam
from inrcodec.codec.fitting.soap import MEANS, SQUARES


class NetworkSteps:
    """SOAP on the matrices and Adam on the vectors of stacked networks, with learning `rates` for
    every element. Images begin together and take the same steps."""

    def __init__(self, networks: Networks, rates: Networks) -> None:
        self._networks, self._rates = networks, rates
        *matrices, vectors = (leaf.detach() for leaf in networks)
        self._turned = [TurnedAdam(leaf) for leaf in matrices]
        self._means, self._squares = torch.zeros_like(vectors), torch.zeros_like(vectors)
        self._steps = 0

    @torch.no_grad()
    def step(self, gradients: Networks, factors: Tensor, most_norms: Tensor) -> Tensor:
        """One update with the rates of each image times its factor, by gradients whose norm over
        all tensors of an image is at most that given, (images,) each. Returns the norms; gradients
        of one that is not finite count as 0."""
        norms = torch.stack([g.flatten(1).square().sum(1) for g in gradients]).sum(0).sqrt_()
        clips = (most_norms / (norms + 1e-6)).clamp_(max=1)
        finite = torch.isfinite(norms)
        clipped = [torch.where(_like(finite, g), g * _like(clips, g), 0.0) for g in gradients]
        updates = [turned.step(g) for turned, g in zip(self._turned, clipped, strict=False)]
        updates.append(self._adam(clipped[-1]))
        for leaf, update, rate in zip(self._networks, updates, self._rates, strict=True):
            leaf.sub_(update.mul_(rate).mul_(_like(factors, update)))
        return norms

    def _adam(self, gradient: Tensor) -> Tensor:
        """Adam's step of the vectors, before its rate."""
        self._steps += 1
        self._means.lerp_(gradient, 1 - MEANS)
        self._squares.lerp_(gradient.square(), 1 - SQUARES)
        root = (self._squares / (1 - SQUARES**self._steps)).sqrt_().add_(1e-12)
        return self._means / root / (1 - MEANS**self._steps)

    def keep(self, images: Tensor, networks: Networks) -> None:
        """Go on with the images of these numbers alone, whose networks are given."""
        self._networks, self._rates = networks, self._rates.kept(images)
        for turned in self._turned:
            turned.keep(images)
        self._means, self._squares = self._means[images], self._squares[images]


@torch.no_grad()
def latent_steps(
    gradients: Tensor,
    squares: Tensor,
    latents: Tensor,
    sizes: Sequence[int],
    *,
    rates: Tensor,
    dampings: Tensor,
) -> None:
    """`rmsprop.rms_step` of every grid of every image in place: latents are (images, positions of
    all grids) of these sizes, rates and dampings (images,)."""
    squares.mul_(SQUARES).addcmul_(gradients, gradients, value=1 - SQUARES)
    roots = squares.sqrt()
    rates, dampings = rates[:, None], dampings[:, None]
    for root in torch.split(roots, list(sizes), 1):
        root.add_(root.mean(1, keepdim=True) * dampings)
    roots.div_(1 + dampings).add_(1e-15)
    latents.sub_((gradients * rates).div_(roots))


def _like(values: Tensor, other: Tensor) -> Tensor:
    """Values of each image (images,) so that they multiply (images, ...)."""
    return values.view(-1, *(1,) * (other.ndim - 1))
