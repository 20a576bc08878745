"""The decoder core as web/ uses it, with an allocator of the caller, in the package's library."""

import ctypes
from collections.abc import Iterator
from ctypes import POINTER, c_double, c_int32, c_int64, c_size_t, c_void_p

import numpy as np

from inrcodec.codec import native
from inrcodec.codec.coolchic import init_tables
from inrcodec.codec.families import decoder_of
from inrcodec.codec.format import bitstream
from inrcodec.codec.format.bitstream import Container, Family, Kind
from inrcodec.codec.format.header import PHASES, Header
from inrcodec.codec.native.core import Fields, Latents
from inrcodec.codec.networks.init_tables import shipped

LATENT = (Family.COOLCHIC_V1, Family.COOLCHIC_V2, Family.COOLCHIC)
PLANES = {Kind.PARAMETERS: 0, Kind.ALPHA_PARAMETERS: 1, Kind.LATENTS: 0, Kind.ALPHA_LATENTS: 1}


BAD_VIEW = -9


class Refused(Exception):
    """The core returned an error; `code` as in inr.h."""

    def __init__(self, code: int):
        super().__init__(f"error {code}")
        self.code = code


OBTAIN = ctypes.CFUNCTYPE(c_void_p, c_void_p, c_size_t)
RELEASE = ctypes.CFUNCTYPE(None, c_void_p, c_void_p)


class Allocator(ctypes.Structure):
    """inr_allocator, which counts."""

    _fields_ = [("obtain", OBTAIN), ("release", RELEASE), ("user", c_void_p)]


class Core:
    """The library."""

    def __init__(self):
        self.library = ctypes.CDLL(native.library()._name)  # with signatures of its own
        system = ctypes.CDLL(None)
        system.aligned_alloc.restype, system.free.argtypes = c_void_p, [c_void_p]
        system.aligned_alloc.argtypes = [c_size_t, c_size_t]
        self.sizes: dict[int, int] = {}
        self.peak, self.refuse_after = 0, -1

        def obtain(_user: int, size: int) -> int | None:
            if self.refuse_after == 0:
                return None
            self.refuse_after -= 1
            address = system.aligned_alloc(64, size)
            self.sizes[address] = size
            self.peak = max(self.peak, sum(self.sizes.values()))
            return address

        def release(_user: int, address: int) -> None:
            del self.sizes[address]
            system.free(address)

        self.allocator = Allocator(OBTAIN(obtain), RELEASE(release), None)
        lib = self.library
        lib.inr_open.restype = c_void_p
        lib.inr_open.argtypes = [POINTER(Allocator), POINTER(Fields), POINTER(c_int32)]
        lib.inr_close.argtypes = lib.inr_initial_count.argtypes = [c_void_p]
        lib.inr_allow.argtypes = [c_void_p, c_double]
        lib.inr_initial.argtypes = [c_void_p, c_void_p, c_int32]
        lib.inr_parameters.argtypes = [c_void_p, c_int32, ctypes.c_char_p, c_size_t]
        lib.inr_layer.argtypes = [c_void_p, ctypes.c_char_p, c_size_t]
        lib.inr_latents.argtypes = [c_void_p, POINTER(Latents), c_int32]
        lib.inr_end.argtypes = [c_void_p, c_int32, c_int32]
        lib.inr_share.argtypes, lib.inr_share.restype = [c_void_p], c_double
        lib.inr_render.argtypes = [c_void_p, c_void_p, c_int32, c_int32, c_void_p]
        lib.inr_empty_levels.argtypes = [c_void_p]
        lib.inr_draft.argtypes = [c_void_p, c_int32, c_void_p, c_int32, c_int32, c_void_p]
        lib.inr_symbols.argtypes, lib.inr_symbols.restype = [c_void_p, c_void_p, c_int64], c_int64

    def decode(self, container: Container, most_work: float = 2.0**38) -> "Decoder":
        """Feed a decoder with all sections of a container."""
        decoder = Decoder(self, container.header)
        try:
            decoder.feed(container, most_work)
        except Refused:
            decoder.close()
            raise
        return decoder


def initial_numbers(header: Header) -> np.ndarray | None:
    """The numbers that a header names, as the files that web/build.py makes hold them; None if they
    are not known."""
    identity, index = header.init
    model = decoder_of(header).model
    if header.family in LATENT:
        tier = model.complexity
        if tier is None or init_tables.identity(tier) != identity or index >= init_tables.SETS:
            return None
        return init_tables.pack(model, init_tables.initial_parameters(identity, index, model))
    known = [init for init in shipped() if init.identity == identity and init.suits(model)]
    return known[0].numbers if known and index == 0 else None


class Decoder:
    """One decoder."""

    def __init__(self, core: Core, header: Header):
        self.core, self.library, self.header = core, core.library, header
        kind = 0 if header.init is None else 1
        if header.init is not None and header.init[0] == PHASES and header.family not in LATENT:
            kind = 2 if header.init[1] == 0 else 99
        size = (header.width, header.height, header.channels, header.bit_depth)
        dimensions = (c_int32 * 16)(*header.dimensions)
        fields = Fields(
            *size, header.family, header.slice_side or 0, kind, len(header.dimensions), dimensions
        )
        error = c_int32()
        self.address = self.library.inr_open(core.allocator, fields, error)
        if not self.address:
            raise Refused(error.value)
        if kind == 1 and (numbers := initial_numbers(header)) is not None:
            numbers = np.ascontiguousarray(numbers, np.int16)
            self._check(self.library.inr_initial(self.address, numbers.ctypes.data, len(numbers)))

    def feed(self, container: Container, most_work: float = 2.0**38) -> None:
        self.library.inr_allow(self.address, most_work)
        hole = False
        for whole, gap, section in parts(container):
            kind, payload = section.kind, section.payload
            hole |= gap
            if kind in (Kind.LATENTS, Kind.ALPHA_LATENTS):
                given = Latents(payload, len(payload), PLANES[kind], whole, hole)
                self._check(self.library.inr_latents(self.address, given, 1))
                hole = False
            elif whole and kind in PLANES:
                self._check(
                    self.library.inr_parameters(self.address, PLANES[kind], payload, len(payload))
                )
            elif whole and kind == Kind.LAYER:
                self._check(self.library.inr_layer(self.address, payload, len(payload)))
        hole |= len(container.sections) in container.gaps
        self._check(self.library.inr_end(self.address, container.complete, hole))

    def symbols(self) -> np.ndarray:
        count = self.library.inr_symbols(self.address, None, 0)
        symbols = np.empty(count, "<i4")
        self.library.inr_symbols(self.address, symbols.ctypes.data, count)
        return symbols

    def render(self, view: tuple[int, ...], depth: int = 8, rgba: bool = False) -> np.ndarray:
        fields = (c_int32 * 6)(*view)
        channels = 4 if rgba else self.header.channels
        out = np.empty((view[5], view[4], channels), np.uint16 if depth == 16 else np.uint8)
        self._check(self.library.inr_render(self.address, fields, rgba, depth, out.ctypes.data))
        return out

    def draft(self) -> np.ndarray:
        """The image as quickly as its empty levels allow, at its size divided by 2^levels."""
        levels = self.library.inr_empty_levels(self.address)
        width, height = (-(-side >> levels) for side in (self.header.width, self.header.height))
        fields = (c_int32 * 6)(width, height, 0, 0, width, height)
        out = np.empty((height, width, self.header.channels), np.uint8)
        address = out.ctypes.data
        self._check(self.library.inr_draft(self.address, levels, fields, 0, 8, address))
        beyond = self.library.inr_draft(self.address, levels + 1, fields, 0, 8, address)
        if beyond != BAD_VIEW:
            raise AssertionError("a draft without grids that are there")
        return out

    def picture(self) -> np.ndarray:
        width, height = self.header.width, self.header.height
        return self.render((width, height, 0, 0, width, height), self.header.bit_depth)

    def share(self) -> float:
        share: float = self.library.inr_share(self.address)
        return share

    def close(self) -> None:
        self.library.inr_close(self.address)

    def _check(self, code: int) -> None:
        if code < 0:
            raise Refused(code)


def parts(container: Container) -> Iterator[tuple[bool, bool, bitstream.Section]]:
    """(whole, whether bytes are missing before it, section) of all that a file has."""
    for number, section in enumerate(container.sections):
        if section.kind < 0x80:
            yield section.intact, number in container.gaps, section
    if container.partial is not None:
        yield False, False, container.partial
