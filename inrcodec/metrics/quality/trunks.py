"""The convolutional trunks of AlexNet, SqueezeNet 1.1 and VGG-16, as functions of their weights.

Only what LPIPS and DISTS look at: activations after chosen layers. Layer tables follow the papers
(Krizhevsky 2014; Iandola et al. 2016; Simonyan and Zisserman 2015), parameter names those of
torchvision's files, so the usual weights load and torchvision itself is not needed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.nn import functional as F

State = Mapping[str, Tensor]
Pool = Callable[[Tensor, State], Tensor]

VGG_STAGES = ((0, 2), (5, 7), (10, 12, 14), (17, 19, 21), (24, 26, 28))
SQUEEZE_SLICES = ((3, 4), (6, 7), (9,), (10,), (11,), (12,))
SQUEEZE_POOLED = (3, 6, 9)


def _conv(x: Tensor, state: State, name: str, stride: int = 1, padding: int = 0) -> Tensor:
    """A convolution by name, then ReLU."""
    return F.conv2d(x, state[f"{name}.weight"], state[f"{name}.bias"], stride, padding).relu()


def alexnet(x: Tensor, state: State) -> list[Tensor]:
    """The five ReLU outputs of AlexNet (one-tower version)."""
    outputs = [_conv(x, state, "features.0", 4, 2)]
    for layer, padding, pooled in ((3, 2, True), (6, 1, True), (8, 1, False), (10, 1, False)):
        inner = F.max_pool2d(outputs[-1], 3, 2) if pooled else outputs[-1]
        outputs.append(_conv(inner, state, f"features.{layer}", padding=padding))
    return outputs


def squeezenet(x: Tensor, state: State) -> list[Tensor]:
    """The seven outputs of SqueezeNet 1.1 that LPIPS uses."""
    outputs = [_conv(x, state, "features.0", 2)]
    for fires in SQUEEZE_SLICES:
        inner = outputs[-1]
        for fire in fires:
            if fire in SQUEEZE_POOLED:
                inner = F.max_pool2d(inner, 3, 2, ceil_mode=True)
            inner = _fire(inner, state, f"features.{fire}")
        outputs.append(inner)
    return outputs


def _fire(x: Tensor, state: State, name: str) -> Tensor:
    """Squeeze to few channels, expand by 1 x 1 and 3 x 3 side by side."""
    squeezed = _conv(x, state, f"{name}.squeeze")
    narrow = _conv(squeezed, state, f"{name}.expand1x1")
    wide = _conv(squeezed, state, f"{name}.expand3x3", padding=1)
    return torch.cat([narrow, wide], 1)


def max_pool(x: Tensor, state: State) -> Tensor:
    """The 2 x 2 maximum of the original VGG."""
    return F.max_pool2d(x, 2)


def vgg16(x: Tensor, state: State, pool: Pool = max_pool) -> list[Tensor]:
    """The last ReLU output of each of the five stages of VGG-16."""
    outputs = []
    for number, stage in enumerate(VGG_STAGES):
        x = pool(x, state) if number else x
        for layer in stage:
            x = _conv(x, state, f"features.{layer}", padding=1)
        outputs.append(x)
    return outputs
