"""LPIPS: distance of deep features, weighted to agree with human judgements (Zhang et al. 2018).

Version 0.1 of the linear heads, on AlexNet, SqueezeNet or VGG-16. The weights are the user's own
(`weights.py` says where they are looked for); the trunks are in `trunks.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache

import torch
from torch import Tensor

from inrcodec.codec.ambient import independent
from inrcodec.metrics.quality import trunks, weights
from inrcodec.metrics.quality.inputs import pair

SHIFT = (-0.030, -0.088, -0.188)
SCALE = (0.458, 0.448, 0.450)
EPSILON = 1e-10

State = Mapping[str, Tensor]
Trunk = Callable[[Tensor, State], list[Tensor]]

TRUNKS: Mapping[str, Trunk] = {
    "alexnet": trunks.alexnet,
    "squeezenet": trunks.squeezenet,
    "vgg16": trunks.vgg16,
}


def lpips_alex(reference: object, decoded: object) -> Tensor:
    """LPIPS on AlexNet, (N,); 0 is identical. Sides of at least 63 pixels. Differentiable."""
    return _distance(reference, decoded, "alexnet", "lpips-alex-head", 63)


def lpips_squeeze(reference: object, decoded: object) -> Tensor:
    """LPIPS on SqueezeNet 1.1, (N,); 0 is identical. Sides of at least 32 pixels."""
    return _distance(reference, decoded, "squeezenet", "lpips-squeeze-head", 32)


def lpips_vgg(reference: object, decoded: object) -> Tensor:
    """LPIPS on VGG-16, (N,); 0 is identical. Sides of at least 32 pixels."""
    return _distance(reference, decoded, "vgg16", "lpips-vgg-head", 32)


@independent
def _distance(reference: object, decoded: object, name: str, head: str, smallest: int) -> Tensor:
    """Equation 1 of the paper: weighted squared distance of unit-length features, spatial means."""
    x, y = pair(reference, decoded, smallest=smallest, colour=True)
    state, heads = _state(name, head)
    state = {key: value.to(x.device) for key, value in state.items()}
    shift, scale = (x.new_tensor(v)[:, None, None] for v in (SHIFT, SCALE))
    both = ((torch.cat([x, y]) * 2 - 1 - shift) / scale).float()
    total = both.new_zeros(len(x))
    for features, weight in zip(TRUNKS[name](both, state), heads, strict=True):
        unit = features / (features.square().sum(1, keepdim=True).sqrt() + EPSILON)
        squared = (unit[: len(x)] - unit[len(x) :]).square()
        total = total + (squared * weight.to(x.device)).sum(1).mean((1, 2))
    return total


@cache
@independent
def _state(name: str, head: str) -> tuple[State, list[Tensor]]:
    """The trunk's parameters and the linear heads, one weight per channel of each layer."""
    files: tuple[str, ...] = (name, head)
    if name == "squeezenet" and weights.locate("lpips-squeeze-full"):
        files = ("lpips-squeeze-full",)
    arrays = {key: array for file in files for key, array in weights.load(file).items()}
    state = {
        re.sub(r"^net\.slice\d+", "features", key): torch.from_numpy(array)
        for key, array in arrays.items()
    }
    heads = [state[key].reshape(-1, 1, 1) for key in sorted(key for key in state if "lin" in key)]
    with weights.checked(*files):
        features = TRUNKS[name](torch.zeros(1, 3, 64, 64, dtype=torch.float32), state)
        if [len(weight) for weight in heads] != [layer.shape[1] for layer in features]:
            raise KeyError(f"{len(heads)} linear heads for {len(features)} layers")
    return state, heads
