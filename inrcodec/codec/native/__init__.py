"""The compiled kernels, if this installation has them: kernels.c, for the CPU it runs on.

hatch_build.py compiles them once for each level of the instruction set; the best one that the
machine runs is loaded when first asked for. INRCODEC_NATIVE=0 does without. Nothing here imports
torch.
"""

from __future__ import annotations

import ctypes
import os
from ctypes import c_double, c_float, c_int32, c_int64, c_uint32, c_void_p
from functools import cache
from pathlib import Path

SWITCH = "INRCODEC_NATIVE"
LEVELS = ("v4", "v3", "v2", "base")
"""Of x86-64, best first; "base" is the one level of other machines."""

_SIGNATURES = {
    "context_bits": (c_double, [c_void_p] * 10),
    "pixel_network": (c_int32, [c_void_p] * 2 + [c_int64] * 3 + [c_void_p] * 2),
    "pixel_network_back": (c_int32, [c_void_p] * 2 + [c_int64] * 3 + [c_void_p] * 4),
    "residual_convolution": (None, [c_int32] * 4 + [c_void_p] * 5),
    "residual_convolution_back": (None, [c_int32] * 4 + [c_void_p] * 7),
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
        [c_void_p] * 4
        + [c_int64]
        + [c_void_p] * 2
        + [c_int64, c_void_p, c_int64, c_void_p, c_int32],
    ),
    "soften": (
        None,
        [c_int64, c_int64, c_void_p, c_float, c_float, c_uint32, c_void_p, c_void_p],
    ),
    "squares_update": (c_double, [c_int32] * 2 + [c_int64, c_void_p, c_float, c_void_p]),
    "squares_step": (
        None,
        [c_int32] * 2 + [c_int64, c_void_p, c_void_p, c_float, c_float, c_float, c_void_p],
    ),
}


@cache
def library() -> ctypes.CDLL | None:
    """The kernels, or None where there are none or `INRCODEC_NATIVE` is 0."""
    if os.environ.get(SWITCH) == "0":
        return None
    return next(filter(None, map(load, LEVELS)), None)


def load(level: str) -> ctypes.CDLL | None:
    """The library of one level, or None where it is missing or does not run."""
    path = Path(__file__).parent / f"kernels_{level}.so"
    if not path.exists() or not _runs(level):
        return None
    try:
        loaded = ctypes.CDLL(str(path))
    except OSError:  # built for another kind of machine
        return None
    for name, (result, arguments) in _SIGNATURES.items():
        function = getattr(loaded, name)
        function.restype, function.argtypes = result, arguments
    return loaded


def _runs(level: str) -> bool:
    """Whether this CPU has the instructions of a level of x86-64, as the C compiler tells."""
    if level == "base":
        return True
    probe = Path(__file__).parent / "probe.so"
    if not probe.exists():
        return False
    try:
        return bool(getattr(ctypes.CDLL(str(probe)), f"runs_{level}")())
    except OSError:
        return False
