"""Compiles inrcodec/codec/native/src into the package when it is installed or built as a wheel, and
adds the page of `inrcodec serve` to wheels if `make web` has built it.

Without a C compiler that takes GCC's vector types, or with INRCODEC_NATIVE=0, there is nothing to
compile: the package is pure Python then and fits several times slower.

    python hatch_build.py FOLDER [FLAG ...]
    python hatch_build.py kernels.wasm [FLAG ...]

compile the libraries into FOLDER, or one WebAssembly module (with clang, wasm-ld and wasi-libc),
with further flags of the compiler, and fail if it fails.
"""

from __future__ import annotations

import os
import platform
import shlex
import subprocess
import sys
import sysconfig
import zlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PAGE = "web/dist"
PAGE_IN_WHEEL = "inrcodec/web"
PAGE_TYPES = (".html", ".css", ".js", ".wasm", ".bin")
"""Where the page is, where it goes (web_files.py finds it), and which of its files."""

SOURCES = Path(__file__).parent / "inrcodec" / "codec" / "native" / "src"
PROBE = "probe.c"

FLAGS = ["-O3", "-std=gnu11", "-fvisibility=hidden", "-Wno-psabi"]
FLAGS += ["-ffp-contract=fast", "-fno-math-errno", "-fno-trapping-math"]
LIBRARY = ["-shared", "-fPIC"]
X86_LEVELS = ("v2", "v3", "v4")
WASM = ["clang", "--target=wasm32-wasi", "-mexec-model=reactor", "-msimd128"]
WASM += [f"-Wl,--export{name}" for name in ("-dynamic", "=malloc", "=free")]


class NativeBuildHook(BuildHookInterface[Any]):
    """Adds the shared libraries to wheels and to editable installations."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, then mark the wheel as one for this platform."""
        if self.target_name == "wheel" and version != "editable":
            for path in sorted((Path(self.root) / PAGE).rglob("*")):
                if path.suffix in PAGE_TYPES:
                    target = path.relative_to(Path(self.root) / PAGE)
                    build_data["force_include"][str(path)] = f"{PAGE_IN_WHEEL}/{target.as_posix()}"
        if self.target_name != "wheel" or os.environ.get("INRCODEC_NATIVE") == "0":
            return
        folder = SOURCES.parent
        for old in folder.glob("*.so"):
            old.unlink()
        built = compile_all(folder)
        if not built:
            self.app.display_warning("no C compiler: installing without the fast kernels")
            return
        build_data["artifacts"] += [str(path.relative_to(self.root)) for path in built]
        build_data["pure_python"] = False
        system = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["tag"] = f"py3-none-{system}"


def source_crc(folder: Path) -> int:
    """CRC-32 of all sources and headers, as native/__init__.py computes it."""
    paths = sorted(folder.rglob("*.[ch]"), key=lambda path: path.relative_to(folder).as_posix())
    return zlib.crc32(b"".join(path.read_bytes() for path in paths))


def library_sources() -> list[str]:
    """What makes one library, the kernels and the decoder core: paths below `SOURCES`."""
    paths = sorted(SOURCES.rglob("*.c"))
    return [path.relative_to(SOURCES).as_posix() for path in paths if path.name != PROBE]


def compile_wasm(target: Path, flags: Sequence[str] = ()) -> None:
    """The kernels as a WebAssembly module of 32-bit addresses that imports nothing."""
    options = [*FLAGS, *flags, f"-DSOURCE_CRC={source_crc(SOURCES)}u"]
    command = [*WASM, *options, *library_sources(), "-o", str(target.absolute()), "-lm"]
    subprocess.run(command, check=True, cwd=SOURCES)


def compile_all(folder: Path, flags: Sequence[str] = ()) -> list[Path]:
    """The libraries of this kind of machine, compiled into `folder`: all, or none if one fails."""
    kernels = library_sources()
    if platform.machine().lower() in ("x86_64", "amd64"):
        jobs = [([PROBE], "probe.so", [])]
        jobs += [
            (kernels, f"kernels_{level}.so", [f"-march=x86-64-{level}"]) for level in X86_LEVELS
        ]
    else:
        jobs = [(kernels, "kernels_base.so", [])]
    crc = source_crc(SOURCES)
    compiler = shlex.split(os.environ.get("CC", "cc"))

    def compiled(job: tuple[list[str], str, list[str]]) -> Path | None:
        sources, name, level = job
        target, fresh = folder / name, folder / f"{name}.{os.getpid()}"
        options = [*FLAGS, *LIBRARY, *level, *flags, f"-DSOURCE_CRC={crc}u"]
        command = [*compiler, *options, *sources, "-o", str(fresh.absolute()), "-lm"]
        try:
            subprocess.run(command, check=True, stdout=sys.stderr, cwd=SOURCES)
        except (OSError, subprocess.CalledProcessError):
            fresh.unlink(missing_ok=True)
            return None
        fresh.replace(target)
        return target

    with ThreadPoolExecutor() as pool:
        built = list(pool.map(compiled, jobs))
    return [path for path in built if path] if all(built) else []


def main() -> int:
    """Run from the command line."""
    name, *flags = sys.argv[1:] or [str(SOURCES.parent)]
    target = Path(name)
    if target.suffix == ".wasm":
        target.parent.mkdir(parents=True, exist_ok=True)
        compile_wasm(target, flags)
        return 0
    target.mkdir(parents=True, exist_ok=True)
    return 0 if compile_all(target, flags) else 1


if __name__ == "__main__":
    sys.exit(main())
