"""The compiled kernels (src/kernels.h), if this installation has them, for the CPU it runs on.

hatch_build.py compiles them once for each level of the instruction set; the best one that the
machine runs is loaded when first asked for. INRCODEC_NATIVE=0 does without; INRCODEC_KERNELS names
another folder of libraries, such as those of `make sanitize`. Modules of this folder take arrays
and import nothing else of the package but its errors; nothing here imports torch.
"""

from __future__ import annotations

import ctypes
import os
import zlib
from collections.abc import Callable, Sequence
from ctypes import c_double, c_float, c_int32, c_int64, c_uint32, c_void_p
from functools import cache
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from inrcodec.errors import StaleKernelsWarning, warn

FOLDER = Path(__file__).parent
SOURCES = FOLDER / "src"
SWITCH = "INRCODEC_NATIVE"
ELSEWHERE = "INRCODEC_KERNELS"
LEVELS = ("v4", "v3", "v2", "base")
"""Of x86-64, best first; "base" is the one level of other machines."""

_SIGNATURES = {
    "flush_denormals": (c_int32, [c_int32]),
    "context_bits": (c_double, [c_void_p] * 10),
    "pixel_network": (c_int32, [c_void_p] * 2 + [c_int64] * 3 + [c_void_p] * 2),
    "pixel_network_back": (c_int32, [c_void_p] * 2 + [c_int64] * 3 + [c_void_p] * 4),
    "sine_layers": (c_int32, [c_void_p] * 2 + [c_int32] * 4 + [c_void_p] * 4),
    "sine_layers_back": (c_int32, [c_void_p] * 2 + [c_int32] * 4 + [c_void_p] * 9),
    "wavelets": (None, [c_int64] * 2 + [c_float] + [c_void_p] * 4),
    "wavelets_back": (None, [c_int64] * 2 + [c_float] + [c_void_p] * 8),
    "residual_convolution": (None, [c_int32] * 4 + [c_void_p] * 5),
    "residual_convolution_back": (None, [c_int32] * 4 + [c_void_p] * 7),
    "convolution": (None, [c_void_p, c_int32, c_int32] + [c_void_p] * 6),
    "upsample": (None, [c_int32] * 2 + [c_void_p] * 2 + [c_int32] * 4 + [c_void_p] * 3),
    "upsample_back": (None, [c_int32] * 2 + [c_void_p] * 2 + [c_int32] * 4 + [c_void_p] * 4),
    "upsample_shared": (None, [c_int32] * 2 + [c_void_p] * 4),
    "upsample_shared_back": (None, [c_int32] * 2 + [c_void_p] * 6),
    "distributions": (
        c_int32,
        [c_void_p] * 4 + [c_int64] + [c_void_p] * 2 + [c_int64] + [c_void_p] * 2,
    ),
    "decode_waves": (
        c_int64,
        [c_void_p] * 4 + [c_int64] + [c_void_p] * 2 + [c_int64, c_void_p, c_void_p, c_int32],
    ),
    "range_begin": (c_int32, [c_void_p, c_void_p, c_int64]),
    "similarity": (
        c_double,
        [c_int32] * 3 + [c_void_p] * 3 + [c_int32, c_float, c_float] + [c_void_p] * 4,
    ),
    "similarity_back": (None, [c_int32] * 4 + [c_void_p] * 6 + [c_float] + [c_void_p] * 2),
    "soften": (
        None,
        [c_int32] * 3 + [c_int64, c_void_p, c_float, c_float, c_uint32, c_void_p, c_void_p],
    ),
    "squares_update": (c_double, [c_int32] * 2 + [c_int64, c_void_p, c_float, c_void_p]),
    "squares_step": (
        None,
        [c_int32] * 2 + [c_int64, c_void_p, c_void_p, c_float, c_float, c_float, c_void_p],
    ),
}


MOST_LAYERS, MOST_WIDTH, MOST_LANES, MOST_ACROSS = 5, 64, 16, 4
"""Limits of networks as in kernels.h, the most lanes a vector has and the most vectors of a block
(vectors.h)."""

MOST_SINE_LAYERS = 16
"""As in kernels.h."""


@cache
def library() -> ctypes.CDLL | None:
    """The kernels, or None where there are none or `INRCODEC_NATIVE` is 0."""
    if os.environ.get(SWITCH) == "0":
        return None
    return next(filter(None, map(load, LEVELS)), None)


def takes(widths: Sequence[int]) -> bool:
    """Whether there are kernels and they take a network of these widths, from inputs to outputs."""
    return library() is not None and len(widths) <= MOST_LAYERS + 1 and max(widths) <= MOST_WIDTH


def kernel(name: str) -> Callable[..., Any]:
    """One of the kernels; only where `library` has them."""
    function: Callable[..., Any] = getattr(library(), name)
    return function


def at(array: NDArray[Any] | None) -> int | None:
    """Where the elements of an array lie, which must be kept while a kernel works on them."""
    if array is None:
        return None
    address: int = array.__array_interface__["data"][0]  # sooner there than `ctypes.data`
    return address


def integers(values: Sequence[int]) -> ctypes.Array[ctypes.c_int32]:
    """An array of 32-bit integers."""
    return (ctypes.c_int32 * len(values))(*values)


def load(level: str, sources: Path = SOURCES) -> ctypes.CDLL | None:
    """The library of one level, or None where it is missing, does not run, or was not compiled from
    the files in `sources`."""
    path = _folder() / f"kernels_{level}.so"
    if not path.exists() or not _runs(level):
        return None
    try:
        loaded = ctypes.CDLL(str(path))
    except OSError:  # built for another kind of machine
        return None
    if _told_crc(loaded) != _source_crc(sources):
        text = "the kernels were not compiled from native/src as it is; install the package again"
        warn(text, StaleKernelsWarning)
        return None
    for name, (result, arguments) in _SIGNATURES.items():
        function = getattr(loaded, name)
        function.restype, function.argtypes = result, arguments
    return loaded


def _folder() -> Path:
    """The folder of the libraries."""
    return Path(os.environ.get(ELSEWHERE) or FOLDER)


def _source_crc(sources: Path) -> int:
    """CRC-32 of all sources and headers, as hatch_build.py computes it when it compiles them."""
    paths = sorted(sources.rglob("*.[ch]"), key=lambda path: path.relative_to(sources).as_posix())
    return zlib.crc32(b"".join(path.read_bytes() for path in paths))


def _told_crc(loaded: ctypes.CDLL) -> int | None:
    """CRC-32 of the source that a library was compiled from, if it tells."""
    try:
        told = loaded.source_crc
    except AttributeError:
        return None
    told.restype = c_uint32
    return int(told())


def _runs(level: str) -> bool:
    """Whether this CPU has the instructions of a level of x86-64, as the C compiler tells."""
    if level == "base":
        return True
    probe = _folder() / "probe.so"
    if not probe.exists():
        return False
    try:
        return bool(getattr(ctypes.CDLL(str(probe)), f"runs_{level}")())
    except OSError:
        return False
