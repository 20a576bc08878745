"""VMAF: detail loss and visual information, fused by a machine trained on opinions (Netflix, 2016).

Model v0.6.1 without motion, and its form that does not reward enhancement (NEG). The package
`vmaf-torch` does the work; the models come with it.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from torch import Tensor

from inrcodec import extras
from inrcodec.codec.ambient import independent
from inrcodec.metrics.quality.colour_spaces import mixed
from inrcodec.metrics.quality.inputs import pair

SMALLEST_SIDE = 32
IDENTICAL = 97.428043
"""What libvmaf gives a still image that is its own reference: a video also scores its motion."""
BT709 = ((0.2126, 0.7152, 0.0722),)
BLACK, RANGE = 16.0, 219.0
"""8-bit luma of video, which VMAF was trained on."""


def vmaf(reference: object, decoded: object) -> Tensor:
    """VMAF v0.6.1 in [0, 100], (N,); 97.43 is identical, more contrast or sharpness is above it.

    Compares BT.709 luma in the range of video, not rounded. Sides from 32 pixels. Inputs as in
    `inputs.pair`; computed in float32, differentiable. `MissingExtraError` without the package.
    """
    return _score(reference, decoded, enhancement=True)


def vmaf_neg(reference: object, decoded: object) -> Tensor:
    """VMAF NEG v0.6.1, (N,): `vmaf` without what sharpening and contrast gain; for codecs."""
    return _score(reference, decoded, enhancement=False)


@independent
def _score(reference: object, decoded: object, *, enhancement: bool) -> Tensor:
    """Scores, and `IDENTICAL` exactly where images are."""
    x, y = (_video_luma(image) for image in pair(reference, decoded, smallest=SMALLEST_SIDE))
    scores = _model(enhancement, str(x.device))(x, y)[:, 0].double()
    same = (x == y).flatten(1).all(1)
    return torch.where(same, scores.new_full((), IDENTICAL), scores)


def _video_luma(x: Tensor) -> Tensor:
    """Luma as 8-bit video holds it, without rounding, (N, 1, H, W), float32."""
    gray = mixed(x, BT709) if x.shape[1] == 3 else x
    return (BLACK + RANGE * gray).float()


@cache
@independent
def _model(enhancement: bool, device: str) -> Any:
    """The package's metric, for single images: no motion."""
    package = extras.require("vmaf_torch", extra="vmaf")
    model = package.VMAF(enable_motion=False, clip_score=True, NEG=not enhancement)
    return model.to(device).requires_grad_(False).eval()
