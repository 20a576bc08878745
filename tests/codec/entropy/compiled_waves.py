"""One grid as a stream and back: `decode_grid` and `decode_prefix` by the kernel of the decoder
core where `native.library` has one, else by entropy/waves.py."""

import numpy as np

from inrcodec.codec import native
from inrcodec.codec.entropy import waves
from inrcodec.codec.entropy.arm import IntegerArm
from inrcodec.codec.entropy.laplace import boundaries
from inrcodec.codec.entropy.wave_grid import PORTION, Grid, Sides, Symbols, kernel_network
from inrcodec.codec.native import at, kernel
from inrcodec.errors import FormatError

Shape = tuple[int, int]


def encode_grid(
    symbols: Symbols, sides: Sides | None, arm: IntegerArm, level: int, portion: int = PORTION
) -> bytes:
    return waves.encode_grids([waves.Part(symbols, sides, level)], arm, portion)


def decode_grid(
    data: bytes, shape: Shape, sides: Sides | None, arm: IntegerArm, level: int
) -> Symbols:
    if native.library() is None or not data or len(data) % 4:
        return waves.GridReader(data, whole=True).grid(shape, sides, arm, level)
    symbols, decoded = decoded_by_kernel(data, shape, sides, arm, level, prefix=False)
    if decoded < 0:
        raise FormatError("a latent stream is not a valid range coder stream")
    return symbols


def decode_prefix(
    data: bytes, shape: Shape, sides: Sides | None, arm: IntegerArm, level: int
) -> tuple[Symbols, int]:
    if native.library() is None:
        reader = waves.GridReader(data, whole=False)
        return reader.grid(shape, sides, arm, level), reader.decoded
    symbols, decoded = decoded_by_kernel(data, shape, sides, arm, level, prefix=True)
    return symbols, decoded if decoded >= 0 else -1 - decoded


def decoded_by_kernel(
    data: bytes, shape: Shape, sides: Sides | None, arm: IntegerArm, level: int, *, prefix: bool
) -> tuple[Symbols, int]:
    """Symbols, and how many are decoded; of an invalid stream -1 less them."""
    grid, stream = Grid(shape, sides, arm), np.frombuffer(data, np.uint8)
    network, lie, tables = kernel_network(arm, level), grid.waves(), boundaries()
    begin = kernel("range_begin")
    coder = np.zeros(begin(None, None, 0), np.uint8)
    begin(at(coder), at(stream), len(stream))
    decoded = kernel("decode_waves")(
        at(network.shape), at(network.parameters), *lie.addresses(), at(coder), at(tables), prefix
    )
    return grid.symbols(), decoded
