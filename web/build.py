"""Builds what the npm package ships beside its JavaScript: the decoder core as WebAssembly, and the
pretrained and meta-learned initial values as small files.

    python web/build.py FOLDER          inr.wasm, inr-scalar.wasm and initial/ into FOLDER
    python web/build.py --library FILE  the core as a shared library of this machine, for tests

Further arguments are flags of the compiler. WebAssembly needs clang, wasm-ld and wasi-libc.
"""

from __future__ import annotations

import os
import shlex
import struct
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inrcodec.codec.coolchic import init_tables
from inrcodec.codec.coolchic.features import COMPLEXITIES
from inrcodec.codec.coolchic.model import grids_model
from inrcodec.codec.entropy.laplace import EXPONENTIALS
from inrcodec.codec.format.header import Family
from inrcodec.codec.native import SOURCES
from inrcodec.codec.networks.init_tables import shipped

CORE = Path(__file__).parent / "core"
KERNELS = ("networks.c", "pictures.c", "sines.c", "upsampling.c", "wavelets.c", "waves.c")
"""Kernels of the Python package that the core is made of, too."""

FLAGS = ["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-Wno-psabi", "-DINRCODEC_GIVEN_MEMORY"]
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
EXPORTS = ("begin", "close", "allow", "allow_memory", "in_use", "obtain", "release")
EXPORTS += ("initial_count", "initial", "parameters", "layer", "latents", "latents_size", "gap")
EXPORTS += ("end", "share", "band", "size", "empty_levels", "draft", "symbols")

MAGIC = b"INRI\1"
"""Begins a file of initial values: docs/format.md knows the numbers, web/README.md the file."""


def constants(folder: Path) -> None:
    """Write the constants of the Laplace tables as C."""
    numbers = np.frombuffer(EXPONENTIALS.read_bytes(), "<u4").reshape(-1, 3)
    rows = ["{" + ", ".join(f"{int(number)}u" for number in row) + "},\n" for row in numbers]
    (folder / "laplace_exponentials.inc").write_text("".join(rows))


def compile_core(command: Sequence[str], target: Path, leave_out: str) -> None:
    """Compile the core and its kernels by a command into a file."""
    own = sorted(path for path in CORE.glob("*.c") if path.name != leave_out)
    sources = [str(path) for path in [*own, *(SOURCES / name for name in KERNELS)]]
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        constants(Path(folder))
        given = ["-I", str(CORE), "-I", str(SOURCES), "-I", folder]
        subprocess.run([*command, *FLAGS, *given, *sources, "-o", str(target), "-lm"], check=True)


def compile_wasm(target: Path, flags: Sequence[str], *, simd: bool) -> None:
    """The core as a module that imports nothing."""
    exports = [f"-Wl,--export=inr_{name}" for name in EXPORTS]
    level = ["-msimd128"] if simd else []
    compile_core([*WASM, *level, *flags, *exports], target, "")


def compile_library(target: Path, flags: Sequence[str]) -> None:
    """The core as a shared library."""
    compiler = shlex.split(os.environ.get("CC", "cc"))
    command = [*compiler, "-O2", "-shared", "-fPIC", *flags]
    compile_core(command, target, "wasm.c")


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
            values = init_tables.initial_parameters(identity, index, model)
            numbers = init_tables.pack(model, values)
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
    first, *rest = sys.argv[1:]
    if first == "--library":
        compile_library(Path(rest[0]).absolute(), rest[1:])
        return 0
    folder = Path(first).absolute()
    compile_wasm(folder / "inr.wasm", rest, simd=True)
    compile_wasm(folder / "inr-scalar.wasm", rest, simd=False)
    write_initial_values(folder / "initial")
    return 0


if __name__ == "__main__":
    sys.exit(main())
