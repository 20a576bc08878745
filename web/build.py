"""Builds what the npm package ships beside its JavaScript: the decoder core as WebAssembly, and the
pretrained and meta-learned initial values as small files.

    python web/build.py FOLDER [FLAG ...]

writes inr.wasm, inr-scalar.wasm and initial/ into FOLDER, with further flags of the compiler. It
needs clang, wasm-ld and wasi-libc.
"""

from __future__ import annotations

import struct
import subprocess
import sys
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inrcodec.codec.coolchic import init_tables
from inrcodec.codec.coolchic.features import COMPLEXITIES
from inrcodec.codec.coolchic.model import grids_model
from inrcodec.codec.format.header import Family
from inrcodec.codec.native import SOURCES
from inrcodec.codec.networks.init_tables import shipped

KERNELS = ("networks.c", "pictures.c", "sines.c", "upsampling.c", "wavelets.c", "waves.c")
"""Kernels that the core is made of; those of fits are left out."""

HOST = Path(__file__).parent / "wasm.c"

FLAGS = ["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-Wno-psabi"]
FLAGS += ["-fno-math-errno", "-fno-trapping-math"]
WASM = [
    "clang",
    "--target=wasm32-wasi",
    "-mexec-model=reactor",
    "-O3",
    "-flto",
    "-fvisibility=hidden",
]
WASM += ["-mbulk-memory", "-mnontrapping-fptoint", "-ffunction-sections", "-fdata-sections"]
WASM += ["-Wl,--gc-sections", "-Wl,--strip-all", "-Wl,-z,stack-size=1048576", "-Wl,--stack-first"]
EXPORTS = ("open", "close", "allow", "allow_memory", "in_use", "obtain", "release")
EXPORTS += ("initial_count", "initial", "parameters", "layer", "latents", "latents_size")
EXPORTS += ("end", "share", "band", "size", "empty_levels", "draft", "symbols")

MAGIC = b"INRI\1"
"""Begins a file of initial values: docs/format.md knows the numbers, web/README.md the file."""


def compile_wasm(target: Path, flags: Sequence[str], *, simd: bool) -> None:
    """The core as a module that imports nothing."""
    sources = [*sorted((SOURCES / "core").glob("*.c")), *(SOURCES / name for name in KERNELS), HOST]
    options = [*FLAGS, *flags, "-I", str(SOURCES), *(f"-Wl,--export=inr_{e}" for e in EXPORTS)]
    level = ["-msimd128"] if simd else []
    target.parent.mkdir(parents=True, exist_ok=True)
    command = [*WASM, *level, *options, *map(str, sources), "-o", str(target), "-lm"]
    subprocess.run(command, check=True)


def initial_file(
    family: int,
    channels: int,
    dimensions: Sequence[int],
    name: tuple[int, int],
    numbers: NDArray[np.int16],
) -> bytes:
    """A file of one set of initial values: what it is of, its numbers, a CRC-32 of all that."""
    head = struct.pack("<BBBB", family, channels, len(dimensions), name[1])
    head += struct.pack(f"<{len(dimensions)}II", *dimensions, name[0])
    data = MAGIC + head + numbers.astype("<i2").tobytes()
    return data + struct.pack("<I", zlib.crc32(data))


def initial_files() -> Iterator[tuple[str, bytes]]:
    """(name, bytes) of every set of initial values of the Python package."""
    for tier, sizes in COMPLEXITIES.items():
        model = grids_model(Family.COOLCHIC, 64, 64, **sizes)
        identity = init_tables.identity(tier)
        for index in range(init_tables.SETS):
            numbers = init_tables.initial_numbers(identity, index, model)
            data = initial_file(Family.COOLCHIC, 0, model.dimensions, (identity, index), numbers)
            yield f"{identity:08x}-{index}.bin", data
    for init in shipped():
        name = (init.identity, 0)
        data = initial_file(init.family, init.channels, init.dimensions, name, init.numbers)
        yield f"{init.identity:08x}-0.bin", data


def write_initial_values(folder: Path) -> None:
    """Write them all, and remove those of earlier tables."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.bin"):
        old.unlink()
    for name, data in initial_files():
        (folder / name).write_bytes(data)


def main() -> int:
    """Run from the command line."""
    folder, flags = Path(sys.argv[1]).absolute(), sys.argv[2:]
    compile_wasm(folder / "inr.wasm", flags, simd=True)
    compile_wasm(folder / "inr-scalar.wasm", flags, simd=False)
    write_initial_values(folder / "initial")
    return 0


if __name__ == "__main__":
    sys.exit(main())
