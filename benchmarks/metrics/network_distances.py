"""Distances between two networks of one shape: of their parameters, and of what their layers say.

The INRIQ paper tried these before its own measure (section 3.1). CCA: 1 less the mean canonical
correlation of the activations of a layer over all pixels; CKA: 1 less the linear centred kernel
alignment. Both are means over the hidden layers.
"""

from collections.abc import Iterator
from statistics import fmean

import torch
from torch import Tensor

from inrcodec.codec.fitting.networks.batches import coordinates
from inrcodec.metrics.quality.fitted_network import FittedNetwork

RANK_TOLERANCE = 1e-5
"""Directions of activations weaker than this share of the strongest are noise."""


def distances(one: FittedNetwork, two: FittedNetwork, side: int) -> dict[str, float]:
    """L2, cosine, CCA and CKA over an image of `side` x `side` pixels."""
    a, b = (torch.cat([t.flatten() for t in n.parameters.values()]).double() for n in (one, two))
    layers = list(zip(activations(one, side), activations(two, side), strict=True))
    return {
        "l2": float((a - b).norm()),
        "cosine": 1 - float(torch.dot(a, b) / (a.norm() * b.norm())),
        "cca": fmean(1 - cca(x, y) for x, y in layers),
        "cka": fmean(1 - cka(x, y) for x, y in layers),
    }


def activations(network: FittedNetwork, side: int) -> Iterator[Tensor]:
    """What each hidden layer says at every pixel, (pixels, width) float64, centred."""
    features = torch.from_numpy(network.model.features(coordinates(side)))
    down = features[:, None].expand(-1, side, -1)
    across = features[None].expand(side, -1, -1)
    said = torch.cat([down, across], 2).flatten(0, 1)
    for layer in range(network.model.layers):
        weight, bias = (
            network.parameters[f"{kind}.{layer}"].double() for kind in ("weight", "bias")
        )
        said = (said @ weight.T + bias).sin()
        yield said - said.mean(0)


def cca(x: Tensor, y: Tensor) -> float:
    """The mean canonical correlation."""
    bases = []
    for values in (x, y):
        left, strengths, _ = torch.linalg.svd(values, full_matrices=False)
        bases.append(left[:, strengths > RANK_TOLERANCE * strengths[0]])
    return float(torch.linalg.svdvals(bases[0].T @ bases[1]).clamp(max=1).mean())


def cka(x: Tensor, y: Tensor) -> float:
    """Linear centred kernel alignment."""
    cross = (x.T @ y).norm() ** 2
    return float(cross / ((x.T @ x).norm() * (y.T @ y).norm()))
