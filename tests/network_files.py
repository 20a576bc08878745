"""Files of coordinate networks that nobody fitted: random parameters of a given size."""

import numpy as np

from inrcodec.codec.entropy.prior import step_code
from inrcodec.codec.entropy.quantized import Quantized
from inrcodec.codec.format import bitstream
from inrcodec.codec.format.header import Family, Header
from inrcodec.codec.networks.families import network_from
from inrcodec.codec.networks.sections import sections_of


def random_file(
    family: Family,
    width: int,
    height: int,
    dimensions: tuple[int, ...],
    channels: int = 3,
    bit_depth: int = 8,
    spread: float = 0.3,
) -> bytes:
    """A file whose parameters are normal of this standard deviation."""
    header = Header(width, height, channels, bit_depth, family, dimensions)
    model = network_from(header)
    random = np.random.default_rng(0)
    symbols = {
        name: np.rint(random.normal(0, 40, shape)).astype(np.int32)
        for name, shape in model.shapes.items()
    }
    network = Quantized(symbols, dict.fromkeys(symbols, step_code(spread / 40)))
    return bitstream.write(header, sections_of(model, network))
