"""The smallest file of an image in latent grids: every latent and every residual is 0."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from inrcodec.codec.coolchic.model import CoolChic
from inrcodec.codec.coolchic.planes import LatentPlane, file_sections
from inrcodec.codec.entropy import prior
from inrcodec.codec.entropy.quantized import Quantized, Tensors
from inrcodec.codec.format import bitstream
from inrcodec.codec.format.header import Header

STEP = prior.step_code(2.0**-5)
"""A step that every network may have; of nothing but zeros it costs nothing."""


def least_size(
    model: CoolChic, header: Header, trained: Tensors, metadata: Mapping[str, bytes | None]
) -> int:
    """Bytes of that file, with one plane, or two where the image has alpha."""
    symbols = {
        group: np.zeros(sum(math.prod(model.shapes[name]) for name in names), np.int32)
        for group, names in model.groups.items()
    }
    networks = Quantized(symbols, dict.fromkeys(symbols, STEP))
    latents = tuple(np.zeros(shape, np.int32) for shape in model.grids)
    planes = [LatentPlane(model, networks, trained, latents)] * (2 - header.channels % 2)
    return len(bitstream.write(header, file_sections(planes, header.slice_side), dict(metadata)))
