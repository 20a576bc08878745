"""The kernels compiled for wasm32 (`make kernels-wasm`) give the same integers as those loaded."""

import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inrcodec.codec import native
from inrcodec.codec.coolchic.neighbours import NEIGHBOURS
from inrcodec.codec.entropy.arm import IntegerArm
from inrcodec.codec.entropy.laplace import boundaries
from inrcodec.codec.entropy.wave_grid import Grid
from inrcodec.codec.entropy.waves import GridReader, Part, encode_grids
from inrcodec.codec.native import waves

MODULE = Path(__file__).parents[2] / "build" / "wasm" / "kernels.wasm"
wasmtime = pytest.importorskip("wasmtime")
pytestmark = pytest.mark.skipif(
    not MODULE.exists() or sys.byteorder != "little", reason="`make kernels-wasm` compiles it"
)


class Machine:
    """An instance of the module; arrays go into its memory and come back from there."""

    def __init__(self) -> None:
        self.store = wasmtime.Store()
        module = wasmtime.Module.from_file(self.store.engine, str(MODULE))
        assert not module.imports  # nothing of a system
        exports = wasmtime.Instance(self.store, module, []).exports(self.store)
        self.memory, self.exports = exports["memory"], exports
        self.call("_initialize")

    def call(self, name: str, *arguments: Any) -> Any:
        return self.exports[name](self.store, *arguments)

    def put(self, array: np.ndarray) -> int:
        address: int = self.call("malloc", max(1, array.nbytes))
        self.memory.write(self.store, array.tobytes(), address)
        return address

    def get(self, address: int, like: np.ndarray) -> np.ndarray:
        data = self.memory.read(self.store, address, address + like.nbytes)
        return np.frombuffer(data, like.dtype).reshape(like.shape)


@pytest.fixture(scope="module")
def machine() -> Machine:
    return Machine()


def test_it_is_compiled_from_this_source(machine: Machine) -> None:
    assert machine.call("source_crc") & 0xFFFFFFFF == native._source_crc()


def test_it_decodes_a_grid_to_the_same_symbols(machine: Machine) -> None:
    random = np.random.default_rng(3)
    sizes = (16, 20, 2)
    weights = [random.integers(-90, 90, (b, a)).astype(np.int32) for a, b in pairwise(sizes)]
    biases = [random.integers(-300, 300, n).astype(np.int32) for n in sizes[1:]]
    arm = IntegerArm(NEIGHBOURS[16], 0, tuple(weights), tuple(biases))
    symbols = np.rint(random.laplace(0, 6, (31, 23))).astype(np.int32)
    symbols[3, 4] = 20000  # an escape
    data = encode_grids([Part(symbols, None, 0)], arm)
    grid, stream = Grid(symbols.shape, None, arm), np.frombuffer(data, np.uint8)
    lie, network = grid.waves(), waves.network_of(arm.weights, arm.biases, None)
    put: Callable[[np.ndarray], int] = machine.put
    flat = put(lie.flat)
    coder = put(np.zeros(machine.call("range_begin", 0, 0, 0), np.uint8))
    machine.call("range_begin", coder, put(stream), len(stream))
    decoded = machine.call(
        "decode_waves", put(network.shape), put(network.parameters), flat, put(lie.offsets),
        len(lie.starts), put(lie.starts), put(lie.counts), lie.step, coder, put(boundaries()), 0,
    )  # fmt: skip
    assert decoded == symbols.size
    grid.flat[:] = machine.get(flat, lie.flat)
    assert (grid.symbols() == symbols).all()
    reader = GridReader(data, whole=True)
    assert (reader.grid(symbols.shape, None, arm, 0) == symbols).all()


def test_its_wavelets_are_the_same_to_single_precision(machine: Machine) -> None:
    u, v = np.random.default_rng(4).normal(0, 3, (2, 1001)).astype(np.float32)
    real, imaginary = machine.put(u), machine.put(v)
    machine.call("wavelets", 0, u.size, 0.25, machine.put(u), machine.put(v), real, imaginary)
    made = np.exp(1j * (u + 1j * v).astype(complex) - 0.25 * (u.astype(float) ** 2 + v**2))
    assert np.abs(machine.get(real, u) - made.real).max() < 1e-5 * np.abs(made).max()
    assert np.abs(machine.get(imaginary, v) - made.imag).max() < 1e-5 * np.abs(made).max()
