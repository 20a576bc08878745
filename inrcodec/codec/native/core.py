"""The compiled decoder core (src/core/inr.h): sections of a file in, symbols and samples out.

Whoever calls has read the container. Errors are those of the package; whatever the bytes are, no
memory is asked for before the limits of the format are checked.
"""

from __future__ import annotations

import ctypes
import math
import threading
import weakref
from collections.abc import Callable, Sequence
from ctypes import c_char_p, c_double, c_int32, c_int64, c_size_t, c_void_p
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import inrcodec.codec.native as native
from inrcodec.codec.native import at
from inrcodec.codec.native.denormals import flushed
from inrcodec.codec.native.pool import kernel_threads, run
from inrcodec.errors import FormatError, InrCodecError, LimitError, OptionError, TruncatedError

FAMILIES = frozenset(range(1, 13))
"""Numbers of the families that it decodes."""

NO_MEMORY, STOPPED = -1, -13
SAMPLES = 0
"""As in inr.h: errors, and the layout of samples of all channels."""

ERRORS: dict[int, tuple[type[InrCodecError], str]] = {
    -2: (FormatError, "the dimensions of the header describe no network of its family"),
    -3: (LimitError, "more symbols than its bytes can hold, or symbols beyond 32767"),
    -4: (FormatError, "out of order, repeated, or of no such image"),
    -5: (FormatError, "too short, or not of its form"),
    -6: (FormatError, "not a valid range coder stream"),
    -7: (FormatError, "the context network has a step or a value that is no multiple of 2^-8"),
    -8: (FormatError, "the initial values are those of another network"),
    -9: (OptionError, "the view lies outside of the image, or is too large"),
    -10: (LimitError, "more work than allowed"),
    -11: (TruncatedError, "a section that an image needs is not there"),
    -12: (LimitError, "the context network could overflow 32 bits"),
}
"""What a code of inr.h means, behind the name of the section that it is about."""

WORK = ctypes.CFUNCTYPE(None, c_void_p, c_int32)
RUN = ctypes.CFUNCTYPE(c_int32, c_void_p, WORK, c_void_p, c_int32)


class Fields(ctypes.Structure):
    """`inr_header`."""

    _fields_ = [
        *((n, c_int32) for n in ("width", "height", "channels", "depth", "family", "slice")),
        *((n, c_int32) for n in ("initial", "count")),
        ("dimensions", c_int32 * 16),
    ]


class Threads(ctypes.Structure):
    """`inr_threads`."""

    _fields_ = [("run", RUN), ("user", c_void_p)]


class Latents(ctypes.Structure):
    """`inr_section`."""

    _fields_ = [
        ("payload", c_char_p),
        ("size", c_size_t),
        ("plane", c_int32),
        ("whole", c_int32),
        ("gap", c_int32),
    ]


SIGNATURES = {
    "inr_open": (c_void_p, [c_void_p] * 3),
    "inr_close": (None, [c_void_p]),
    "inr_allow": (None, [c_void_p, c_double]),
    "inr_use_threads": (None, [c_void_p] * 2),
    "inr_initial": (c_int32, [c_void_p] * 2 + [c_int32]),
    "inr_parameters": (c_int32, [c_void_p, c_int32, c_void_p, c_size_t]),
    "inr_layer": (c_int32, [c_void_p] * 2 + [c_size_t]),
    "inr_latents": (c_int32, [c_void_p] * 2 + [c_int32]),
    "inr_end": (c_int32, [c_void_p] + [c_int32] * 2),
    "inr_lost": (c_int32, [c_void_p, c_int32]),
    "inr_decoded": (c_int64, [c_void_p, c_int32]),
    "inr_layers": (c_int32, [c_void_p]),
    "inr_render": (c_int32, [c_void_p] * 2 + [c_int32] * 2 + [c_void_p]),
    "inr_symbols": (c_int64, [c_void_p] * 2 + [c_int64]),
    "inr_put_symbols": (c_int32, [c_void_p] * 2 + [c_int64]),
    "inr_values": (c_int32, [c_void_p, c_int32, c_void_p, c_int32]),
    "inr_put_values": (c_int32, [c_void_p, c_int32, c_void_p, c_int32]),
}
"""Results and arguments of the functions that are called from here, as ctypes has them."""


class Header(NamedTuple):
    """What the core must know before the first section: fields of the header of a file; `slice` is
    0 without one, `initial` one of `ZEROS`, `TABLE` and `PHASES`."""

    width: int
    height: int
    channels: int
    depth: int
    family: int
    slice: int
    initial: int
    dimensions: tuple[int, ...]


ZEROS, TABLE, PHASES = range(3)
"""What parameters add to: nothing, numbers that are given, evenly spread phases."""


class Section(NamedTuple):
    """A section of latents of a plane, cut short if not `whole`; bytes are missing between the last
    one and it if `gap`."""

    payload: bytes
    plane: int
    whole: bool
    gap: bool


class Core:
    """One decoder, used by one thread at a time; it shares its work with those of pool.py.

    Raises `FormatError`, of which `LimitError` and `TruncatedError` are kinds, and `MemoryError`.
    """

    def __init__(self, header: Header) -> None:
        *fields, dimensions = header
        given = Fields(*fields, len(dimensions), (c_int32 * 16)(*dimensions))
        error, self._library = c_int32(), native.library()
        opened = _function(self._library, "inr_open")
        self._address = opened(None, ctypes.addressof(given), ctypes.addressof(error))
        if not self._address:
            _check(error.value, "the header")
        self._channels = header.channels
        weakref.finalize(self, _function(self._library, "inr_close"), self._address)
        self._call("allow", math.inf)  # callers have limits of their own
        self._call("use_threads", ctypes.addressof(_THREADS))

    def initial(self, numbers: NDArray[np.int16]) -> None:
        """Take the numbers that parameters add to, before these."""
        numbers = np.ascontiguousarray(numbers, np.int16)
        self._do("initial", at(numbers), len(numbers), what="the header")

    def parameters(self, plane: int, payload: bytes, name: str) -> None:
        """Take the networks of a plane; `name` is that of the section, for messages."""
        self._do("parameters", plane, payload, len(payload), what=name)

    def layer(self, payload: bytes, name: str) -> None:
        """Take one more layer of a network; of those behind a missing one nothing is decoded."""
        self._do("layer", payload, len(payload), what=name)

    def latents(self, sections: Sequence[Section], threads: int | None) -> None:
        """Decode all sections of latents, in file order, on as many threads as may be."""
        given = (Latents * len(sections))()
        for each, (payload, *flags) in zip(given, sections, strict=True):
            each.payload, each.size = payload, len(payload)
            each.plane, each.whole, each.gap = flags
        with kernel_threads(threads):
            self._do("latents", ctypes.addressof(given), len(given), what="a section of latents")

    def end(self, *, complete: bool, gap: bool) -> None:
        """No more sections come; `gap` if bytes are missing at the end of a file that lost some."""
        self._do("end", complete, gap, what="the file")

    def lost(self, plane: int) -> int:
        """How many slices of a plane are lost."""
        return int(self._call("lost", plane))

    def decoded(self, plane: int) -> int:
        """How many symbols of the last section of a plane are decoded."""
        return int(self._call("decoded", plane))

    @property
    def layers(self) -> int:
        """How many layers of a network are decoded."""
        return int(self._call("layers"))

    def symbols(self) -> NDArray[np.int32]:
        """All symbols in file order, (n,)."""
        count = self._call("symbols", None, 0)
        symbols = np.empty(count, np.int32)
        self._call("symbols", at(symbols), count)
        return symbols

    def put_symbols(self, symbols: NDArray[np.int32]) -> None:
        """Other symbols in their place, as many."""
        symbols = np.ascontiguousarray(symbols, np.int32)
        self._do("put_symbols", at(symbols), len(symbols), what="symbols")

    def values(self, plane: int) -> NDArray[np.float32]:
        """The parameters of a plane that pixels are computed with, in the order of their symbols,
        (n,)."""
        values = np.empty(self._call("values", plane, None, 0), np.float32)
        self._call("values", plane, at(values), len(values))
        return values

    def put_values(self, plane: int, values: NDArray[np.float32]) -> None:
        """Other parameters in their place, as many."""
        values = np.ascontiguousarray(values, np.float32)
        self._do("put_values", plane, at(values), len(values), what="parameters")

    def render(
        self,
        size: tuple[int, int],
        crop: tuple[int, int, int, int],
        depth: int,
        threads: int | None,
    ) -> NDArray[np.uint8] | NDArray[np.uint16]:
        """Samples (rows, columns, channels), of 8 or 16 bits: the region `crop` = (x, y, width,
        height) of the image at `size` = (width, height)."""
        _, _, wide, high = crop
        out = np.empty((high, wide, self._channels), np.uint8 if depth == 8 else np.uint16)
        view = (c_int32 * 6)(*size, *crop)
        with kernel_threads(threads), flushed():
            self._do("render", ctypes.addressof(view), SAMPLES, depth, at(out), what="the image")
        return out

    def _do(self, name: str, *arguments: Any, what: str) -> None:
        _STATE.raised = None
        _check(self._call(name, *arguments), what)

    def _call(self, name: str, *arguments: Any) -> Any:
        return _function(self._library, f"inr_{name}")(self._address, *arguments)


class _State(threading.local):
    raised: BaseException | None = None


_STATE = _State()
"""What ended the work of the threads of a call, such as Ctrl-C."""


def _shared(_user: int, work: Callable[[int, int], None], context: int, parts: int) -> int:
    """`inr_threads.run` by the threads of pool.py."""
    try:
        run(lambda part: work(context, part), parts)
    except BaseException as error:  # none may pass through C
        _STATE.raised = error
        return 1
    return 0


_THREADS = Threads(RUN(_shared), None)


@cache
def _function(library: ctypes.CDLL, name: str) -> Callable[..., Any]:
    """A function of the core."""
    function: Callable[..., Any] = getattr(library, name)
    function.restype, function.argtypes = SIGNATURES[name]  # type: ignore[attr-defined]
    return function


def _check(code: int, what: str) -> None:
    """Raise the error of a code, if it is one."""
    if code >= 0:
        return
    if code == STOPPED and _STATE.raised is not None:
        raise _STATE.raised
    if code == NO_MEMORY:
        raise MemoryError(f"no memory for {what}")
    kind, text = ERRORS[code]
    raise kind(f"{what}: {text}")
