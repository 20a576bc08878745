"""How much memory an encode or a decode takes, measured in a process of its own.

    encode_memory_bytes("avif", pixels, 60)
    decode_memory_bytes("avif", data)          # "inrcodec" for a .inr file

In the process that asks, memory that was freed before would be taken again and not be seen. What
is reported is by how much the fresh process grows at most: libraries that are loaded count for
nobody, and neither does the input. Only Linux says it.
"""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from pathlib import Path

import numpy as np

from inrcodec.errors import OptionError
from inrcodec.pixels import Samples

INRCODEC = "inrcodec"
TIMEOUT_S = 600.0


def encode_memory_bytes(codec: str, pixels: Samples, quality: float) -> int | None:
    """Peak memory of an encode with a reference codec, in bytes; None where it is not known."""
    file = io.BytesIO()
    np.save(file, pixels, allow_pickle=False)
    return _in_a_process(file.getvalue(), "encode", codec, repr(quality))


def decode_memory_bytes(codec: str, data: bytes, *, threads: int = 1) -> int | None:
    """Peak memory of a decode, in bytes; None where it is not known."""
    return _in_a_process(data, "decode", codec, str(threads))


def _in_a_process(data: bytes, *words: str) -> int | None:
    """Run this module in a fresh process; None if it fails or this system has no measure."""
    command = [sys.executable, "-m", "inrcodec.metrics.references.memory", *words]
    try:
        done = subprocess.run(command, input=data, capture_output=True, timeout=TIMEOUT_S)
    except (OSError, subprocess.TimeoutExpired):
        return None
    text = done.stdout.decode("ascii", "replace").strip()
    return int(text) if done.returncode == 0 and text.isdigit() else None


def _grown_bytes(work: Callable[[], object]) -> int:
    """By how much the memory of this process grows at most during some work (Linux)."""
    with suppress(OSError):  # forget the peak of what was loaded until now
        Path("/proc/self/clear_refs").write_text("5")
    before = _memory_bytes("VmRSS")
    work()
    return max(0, _memory_bytes("VmHWM") - before)


def _memory_bytes(name: str) -> int:
    """A line of /proc/self/status. What getrusage gives would count what the parent held."""
    lines = Path("/proc/self/status").read_text().splitlines()
    [line] = [line for line in lines if line.startswith(f"{name}:")]
    return 1024 * int(line.split()[1])


def _encode(codec: str, data: bytes, quality: float) -> int:
    """Growth of the peak while this codec encodes; a small image first loads what it needs."""
    from inrcodec.metrics.references.baselines import codec_named

    pixels: Samples = np.load(io.BytesIO(data), allow_pickle=False)
    chosen = codec_named(codec)
    small = np.ascontiguousarray(pixels[:16, :16])
    chosen.encode(small, chosen.grid[len(chosen.grid) // 2])  # type: ignore[arg-type]
    wanted = int(quality) if chosen.integer else quality
    return _grown_bytes(lambda: chosen.encode(pixels, wanted))


def _decode(codec: str, data: bytes, threads: int) -> int:
    """Growth of the peak while this file is decoded."""
    if codec == INRCODEC:
        from inrcodec.codec.decode import decode_picture

        import_module("inrcodec.codec.families")  # counts as loaded
        return _grown_bytes(lambda: decode_picture(data, threads=threads))
    from inrcodec.metrics.references.baselines import codec_named

    chosen = codec_named(codec)
    small = np.zeros((16, 16, 3), np.uint8)
    chosen.decode(chosen.encode(small, chosen.grid[len(chosen.grid) // 2]))
    return _grown_bytes(lambda: chosen.decode(data))


def _main(arguments: list[str]) -> None:
    """Write the bytes of one job to stdout."""
    what, codec, value = arguments
    data = sys.stdin.buffer.read()
    if what not in ("encode", "decode"):
        raise OptionError(f"encode or decode, not {what!r}")
    grown = (
        _encode(codec, data, float(value)) if what == "encode" else _decode(codec, data, int(value))
    )
    sys.stdout.write(str(grown))


if __name__ == "__main__":
    _main(sys.argv[1:])
