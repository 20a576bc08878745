"""ColorVideoVDP: contrast that the eye sees, on a named display (Mantiuk et al., SIGGRAPH 2024).

The authors' package `cvvdp` does the work; its parameters come with it.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from torch import Tensor

from inrcodec import extras
from inrcodec.codec.ambient import independent
from inrcodec.errors import MissingExtraError
from inrcodec.metrics.quality.inputs import pair

SMALLEST_SIDE = 16
DISPLAY = "standard_4k"
"""A 30-inch 4K screen of 200 cd/m2 in an office of 250 lux, seen from twice its height."""


@independent
def cvvdp(reference: object, decoded: object) -> Tensor:
    """Quality in JOD, (N,): 10 is identical, and one less means that 75 % prefer the reference.

    Images are taken as sRGB, gray as three equal channels. Sides of at least 16 pixels. Inputs as
    in `inputs.pair`; computed in float32, without a gradient. Raises `MissingExtraError` without
    the package, and where it cannot be imported because torchvision does not fit torch.
    """
    with torch.no_grad():
        x, y = pair(reference, decoded, smallest=SMALLEST_SIDE, colour=True)
        model = _model(str(x.device))
        return torch.stack(
            [
                model.predict(b.float(), a.float(), dim_order="CHW")[0].reshape(())
                for a, b in zip(x, y, strict=True)
            ]
        )


@cache
def _model(device: str) -> Any:
    """The authors' metric for `DISPLAY`."""
    try:
        package = extras.require("pycvvdp", extra="cvvdp")
    except (ImportError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise MissingExtraError(
            f"cvvdp is installed but cannot be imported: {reason} (torchvision must fit torch)"
        ) from None
    return package.cvvdp(display_name=DISPLAY, device=torch.device(device), quiet=True)
