"""Files of latent grids nobody fitted: random networks of small weights, random sparse symbols."""

from functools import partial

import numpy as np

from inrcodec.codec.coolchic.layout import JOINT_BYTES
from inrcodec.codec.coolchic.model import CoolChic, grids_model
from inrcodec.codec.coolchic.planes import LatentPlane, file_sections
from inrcodec.codec.entropy.prior import step_code
from inrcodec.codec.entropy.quantized import Quantized
from inrcodec.codec.format import bitstream
from inrcodec.codec.format.bitstream import Family, Header

LATENT_FAMILIES = (Family.COOLCHIC_V1, Family.COOLCHIC_V2, Family.COOLCHIC)


coolchic = partial(grids_model, Family.COOLCHIC)
coolchic_v1 = partial(grids_model, Family.COOLCHIC_V1)
coolchic_v2 = partial(grids_model, Family.COOLCHIC_V2)


def random_plane(model: CoolChic, seed: int = 0, spread: float = 0.7) -> LatentPlane:
    """A plane without a start whose symbols are Laplacian of scale `spread`."""
    random = np.random.default_rng(seed)
    symbols, steps = {}, {}
    for group, names in model.groups.items():
        parts = []
        for name in names:
            shape = model.shapes[name]
            scale = {"arm": 30, "synthesis": 200, "conv": 60}.get(name.split(".")[0], 40)
            values = np.rint(random.normal(0, scale, shape))
            if name == "arm.bias.out":
                values[1] = -300
            if name == "up.kernel":
                values += 64 if shape[-1] == 8 else np.array([0, 256, 768, 0])
            if name == "up.gain":
                values += 500
            parts.append(values.ravel())
        symbols[group] = np.concatenate(parts).astype(np.int32)
        steps[group] = step_code(2.0**-8 if group.startswith("arm") else 2.0**-10)
    grids = [
        np.rint(random.laplace(0, spread, shape)).astype(np.int32).clip(-32767, 32767)
        for shape in model.grids
    ]
    return LatentPlane(model, Quantized(symbols, steps), None, grids)


def model_for(family: Family, width: int, height: int, **dimensions: int) -> CoolChic:
    return grids_model(family, width, height, **dimensions)


def file_of(
    planes: list[LatentPlane],
    channels: int = 3,
    bit_depth: int = 8,
    slice_side: int | None = None,
    metadata: dict | None = None,
    joint_bytes: int = JOINT_BYTES,
) -> bytes:
    """The file of these planes: colour, and alpha if `channels` is 2 or 4."""
    model = planes[0].model
    header = Header(
        model.width,
        model.height,
        channels,
        bit_depth,
        model.family,
        model.dimensions,
        slice_side=slice_side,
    )
    return bitstream.write(header, file_sections(planes, slice_side, joint_bytes), metadata)


def random_file(
    family: Family,
    width: int,
    height: int,
    channels: int = 3,
    slice_side: int | None = None,
    bit_depth: int = 8,
    spread: float = 0.7,
    joint_bytes: int = JOINT_BYTES,
    **dimensions: int,
) -> bytes:
    """A file of random planes."""
    model = model_for(family, width, height, **dimensions)
    planes = [random_plane(model, seed, spread) for seed in range(2 - channels % 2)]
    return file_of(planes, channels, bit_depth, slice_side, joint_bytes=joint_bytes)
