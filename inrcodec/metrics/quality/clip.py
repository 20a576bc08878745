"""CLIP similarity: cosine of two image embeddings (Radford et al. 2021)."""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from inrcodec.codec.ambient import independent
from inrcodec.errors import WeightsError
from inrcodec.metrics.quality import weights
from inrcodec.metrics.quality.inputs import pair

SIDE = 224
MEAN = (0.48145466, 0.4578275, 0.40821073)
DEVIATION = (0.26862954, 0.26130258, 0.27577711)


@independent
def clip_similarity(reference: object, decoded: object) -> Tensor:
    """Cosine in [-1, 1], (N,); 1 is identical.

    The model is a TorchScript archive with `encode_image`, such as OpenAI's own `ViT-B-32.pt`, at
    the path in `INRCODEC_CLIP`. Images are shrunk to 224 on the short side and cropped centrally.
    """
    x, y = pair(reference, decoded, colour=True)
    if torch.equal(x, y):
        return x.new_ones(len(x))
    model = _model(x.device)
    embeddings = model.encode_image(_prepared(torch.cat([x, y])))
    one, two = embeddings.float().chunk(2)
    return F.cosine_similarity(one, two)


def _prepared(x: Tensor) -> Tensor:
    """Bicubic to 224 on the short side, centre crop, normalised: what CLIP was trained on."""
    scale = SIDE / min(x.shape[-2:])
    height, width = (max(SIDE, round(side * scale)) for side in x.shape[-2:])
    x = F.interpolate(x.float(), (height, width), mode="bicubic", antialias=True).clamp(0, 1)
    top, left = (height - SIDE) // 2, (width - SIDE) // 2
    x = x[..., top : top + SIDE, left : left + SIDE]
    mean, deviation = (x.new_tensor(v)[:, None, None] for v in (MEAN, DEVIATION))
    return (x - mean) / deviation


@cache
@independent
def _model(device: torch.device) -> Any:
    """The archive in float32, one for each device.

    torch warns that it deprecates these archives (a `DeprecationWarning`, which Python shows to
    nobody by default); OpenAI's models exist in no other form.
    """
    path = weights.locate("clip")
    if path is None:
        raise WeightsError(f"clip is not available: {weights.missing('clip')}")
    try:
        load: Any = torch.jit.load
        model = load(str(path), map_location=device).eval().float()
        model.encode_image  # noqa: B018
    except (RuntimeError, AttributeError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise WeightsError(f"{path}: not a TorchScript CLIP model: {reason}") from None
    return model
