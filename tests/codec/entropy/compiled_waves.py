"""`decode_grid` and `decode_prefix` of entropy/waves.py, by the kernel of the decoder core where
`native.library` has one."""

import numpy as np

from inrcodec.codec import native
from inrcodec.codec.entropy import waves
from inrcodec.codec.entropy.arm import IntegerArm
from inrcodec.codec.entropy.laplace import boundaries
from inrcodec.codec.entropy.wave_grid import Grid, Sides, Symbols, kernel_network
from inrcodec.codec.native import at, kernel
from inrcodec.errors import FormatError

Shape = tuple[int, int]


def decode_grid(
    data: bytes, shape: Shape, sides: Sides | None, arm: IntegerArm, level: int
) -> Symbols:
    if native.library() is None or not data or len(data) % 4:
        return waves.decode_grid(data, shape, sides, arm, level)
    symbols, decoded = decoded_by_kernel(data, shape, sides, arm, level, prefix=False)
    if decoded < 0:
        raise FormatError("a latent stream is not a valid range coder stream")
    return symbols


def decode_prefix(
    data: bytes, shape: Shape, sides: Sides | None, arm: IntegerArm, level: int
) -> tuple[Symbols, int]:
    if native.library() is None:
        return waves.decode_prefix(data, shape, sides, arm, level)
    whole = data[: len(data) // 4 * 4]
    symbols, decoded = decoded_by_kernel(whole, shape, sides, arm, level, prefix=True)
    return symbols, decoded if decoded >= 0 else -1 - decoded


def decoded_by_kernel(
    data: bytes, shape: Shape, sides: Sides | None, arm: IntegerArm, level: int, *, prefix: bool
) -> tuple[Symbols, int]:
    """Symbols, and how many are decoded; of an invalid stream -1 less them."""
    grid, words = Grid(shape, sides, arm), np.frombuffer(data, "<u4").astype(np.uint32)
    network, lie, tables = kernel_network(arm, level), grid.waves(), boundaries()
    decoded = kernel("decode_waves")(
        at(network.shape), at(network.parameters), *lie.addresses(), at(words), len(words),
        at(tables), prefix,
    )  # fmt: skip
    return grid.symbols(), decoded
