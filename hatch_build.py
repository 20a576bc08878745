"""Compiles inrcodec/codec/native/*.c into the package when it is installed or built as a wheel.

Without a C compiler that takes GCC's vector types, or with INRCODEC_NATIVE=0, there is nothing to
compile: the package is pure Python then and fits several times slower.
"""

from __future__ import annotations

import os
import platform
import shlex
import subprocess
import sys
import sysconfig
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FLAGS = ["-O3", "-std=gnu11", "-shared", "-fPIC", "-fvisibility=hidden", "-Wno-psabi"]
FLAGS += ["-ffp-contract=fast", "-fno-math-errno", "-fno-trapping-math"]
X86_LEVELS = ("v2", "v3", "v4")


class NativeBuildHook(BuildHookInterface[Any]):
    """Adds the shared libraries to wheels and to editable installations."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, then mark the wheel as one for this platform."""
        del version
        if self.target_name != "wheel" or os.environ.get("INRCODEC_NATIVE") == "0":
            return
        folder = Path(self.root) / "inrcodec" / "codec" / "native"
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


def compile_all(folder: Path) -> list[Path]:
    """The libraries of this kind of machine, compiled in `folder`: all, or none if one fails."""
    if platform.machine().lower() in ("x86_64", "amd64"):
        jobs = [("probe.c", "probe.so", [])]
        jobs += [
            ("kernels.c", f"kernels_{level}.so", [f"-march=x86-64-{level}"]) for level in X86_LEVELS
        ]
    else:
        jobs = [("kernels.c", "kernels_base.so", [])]
    crc = zlib.crc32((folder / "kernels.c").read_bytes())
    compiler = shlex.split(os.environ.get("CC", "cc"))

    def compiled(job: tuple[str, str, list[str]]) -> Path | None:
        source, name, flags = job
        target, fresh = folder / name, folder / f"{name}.{os.getpid()}"
        command = [
            *compiler,
            *FLAGS,
            *flags,
            f"-DSOURCE_CRC={crc}u",
            str(folder / source),
            "-o",
            str(fresh),
            "-lm",
        ]
        try:
            subprocess.run(command, check=True, stdout=sys.stderr)
        except (OSError, subprocess.CalledProcessError):
            fresh.unlink(missing_ok=True)
            return None
        fresh.replace(target)
        return target

    with ThreadPoolExecutor() as pool:
        built = list(pool.map(compiled, jobs))
    return [path for path in built if path] if all(built) else []
