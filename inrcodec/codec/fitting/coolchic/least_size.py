"""What the smallest files of an image in latent grids take, known before anything is fitted."""

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

REACHED = 0.03
"""No fit leaves less of the bytes of the latents that a trained initialisation has at the largest
lambda. Six photographs of CID22, crops of 256 x 256 and 512 x 512, lambdas 0.3 to 10: what files
have above `least_size` is 0.20 to 1.5 of those bytes or more at effort 1, 0.05 to 0.31 at effort 3;
single crops 0.15 at effort 2, 0.41 and 0.28 at 4 and 5."""


def least_size(
    model: CoolChic, header: Header, trained: Tensors, metadata: Mapping[str, bytes | None]
) -> int:
    """Bytes of a file of which every latent and every residual is 0, with one plane, or two where
    the image has alpha."""
    symbols = {
        group: np.zeros(sum(math.prod(model.shapes[name]) for name in names), np.int32)
        for group, names in model.groups.items()
    }
    networks = Quantized(symbols, dict.fromkeys(symbols, STEP))
    latents = tuple(np.zeros(shape, np.int32) for shape in model.grids)
    planes = [LatentPlane(model, networks, trained, latents)] * (2 - header.channels % 2)
    return len(bitstream.write(header, file_sections(planes, header.slice_side), dict(metadata)))
