"""What the parameters of a coordinate network add to, so that a file stores only the rest.

A header names an initialisation by its identity. `PHASES` is one without a table: the biases of
sine layers are spread evenly over the circle, and a fit moves them little; all else is 0. The
others are meta-learned networks (fitting/networks/init_training.py), each in a file of its own.
"""

from __future__ import annotations

import math
import os
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

import msgpack
import numpy as np
import zstandard
from numpy.typing import NDArray

from inrcodec.codec.entropy.quantized import MAX_PARAMETERS, Tensors
from inrcodec.codec.format.header import MOST_DIMENSIONS, PHASES, Family, Header
from inrcodec.codec.format.packed import PackedReader
from inrcodec.codec.networks.base import Arrays, CoordinateModel
from inrcodec.codec.networks.families import network_from
from inrcodec.errors import FitError, FormatError, OptionError
from inrcodec.files import read_bytes

SUFFIX = ".start"
"""Ending of the names of initialisation files."""

SIGNATURE = "inrcodec start 1"
NOT_VALID = "this is not a file of an initialisation"
FIELDS = 7

MOST_UNPACKED = 4 * MAX_PARAMETERS + 256
"""Bytes of the largest network's numbers and rates, and of the fields before them."""

MAX_BYTES = MOST_UNPACKED + (1 << 10)
"""Most bytes of an initialisation file."""

MOST_STEPS = 100
"""Most inner steps that a file may ask for."""

FRACTION = 12
"""Numbers of a file are multiples of 2^-12."""

GOLDEN = (math.sqrt(5) - 1) / 2
"""Golden ratio less one: its multiples, modulo 1, spread most evenly."""


def phases(count: int) -> NDArray[np.float32]:
    """(count,) angles in [-pi, pi): multiples of the golden ratio, as even as any so many."""
    turns = (np.arange(count) + 0.5) * GOLDEN % 1.0
    return ((2 * turns - 1) * math.pi).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Initialisation:
    """A meta-learned initialisation of one network: `numbers` are its parameters in units of 2^-12,
    in file order; `rates` the learned rate of each, for the first `inner_steps` steps of a fit."""

    family: Family
    dimensions: tuple[int, ...]
    channels: int
    numbers: NDArray[np.int16]
    rates: NDArray[np.float16]
    inner_steps: int

    @property
    def identity(self) -> int:
        """CRC-32 of the numbers as little-endian 16-bit integers, what a header names."""
        return zlib.crc32(self.numbers.astype("<i2").tobytes())

    @classmethod
    def of(
        cls, model: CoordinateModel, values: Tensors, rates: Tensors, inner_steps: int
    ) -> Initialisation:
        """Build one from arrays by name; raises `FitError` for values out of range."""
        flat = np.concatenate([np.ravel(values[name]) for name in model.shapes])
        numbers = np.rint(flat.astype(np.float64) * 2.0**FRACTION)
        if not np.abs(numbers).max() <= np.iinfo(np.int16).max:
            raise FitError("a parameter of the initialisation does not fit 16 bits")
        flat_rates = np.concatenate([np.ravel(rates[name]) for name in model.shapes])
        return cls(
            model.family,
            model.dimensions,
            model.channels,
            numbers.astype(np.int16),
            flat_rates.astype(np.float16),
            inner_steps,
        )

    def model_for(self, width: int, height: int) -> CoordinateModel:
        """The network it initialises, for an image of this size; raises `FormatError`."""
        return network_from(Header(width, height, self.channels, 8, self.family, self.dimensions))

    def suits(self, model: CoordinateModel) -> bool:
        """Whether it initialises this network."""
        mine = (self.family, self.dimensions, self.channels, 2)
        return mine == (model.family, model.dimensions, model.channels, model.axes)

    def values(self, model: CoordinateModel) -> Arrays:
        """The parameters by name."""
        return split(model, self.numbers.astype(np.float32) * np.float32(2.0**-FRACTION))

    def learned_rates(self, model: CoordinateModel) -> Arrays:
        """The rates by name."""
        return split(model, self.rates.astype(np.float32))

    def to_bytes(self) -> bytes:
        """The bytes of a file: a zstandard frame of a msgpack array."""
        fields = [
            SIGNATURE,
            int(self.family),
            self.channels,
            self.inner_steps,
            list(self.dimensions),
            self.numbers.astype("<i2").tobytes(),
            self.rates.astype("<f2").tobytes(),
        ]
        packed: bytes = zstandard.ZstdCompressor(level=19).compress(msgpack.packb(fields))
        return packed

    @classmethod
    def from_bytes(cls, data: bytes) -> Initialisation:
        """Parse a file; raises `FormatError`. The network is checked where it is used."""
        reader = PackedReader(
            _unpacked(data), NOT_VALID, most_text=len(SIGNATURE), most_bytes=2 * MAX_PARAMETERS
        )
        if reader.array(FIELDS) != FIELDS or reader.item() != SIGNATURE:
            raise FormatError(NOT_VALID)
        family, channels = reader.whole(min(Family), max(Family)), reader.whole(1, 4)
        inner_steps = reader.whole(0, MOST_STEPS)
        count = reader.array(MOST_DIMENSIONS)
        dimensions = tuple(reader.whole(0, MAX_PARAMETERS) for _ in range(count))
        numbers, rates = reader.item(), reader.item()
        reader.end()
        if not isinstance(numbers, bytes) or not isinstance(rates, bytes):
            raise FormatError(NOT_VALID)
        if len(numbers) % 2 or len(numbers) != len(rates):
            raise FormatError(NOT_VALID)
        learned = np.frombuffer(rates, "<f2")
        if not np.isfinite(learned).all():
            raise FormatError(NOT_VALID)
        whole = np.frombuffer(numbers, "<i2")
        return cls(Family(family), dimensions, channels, whole, learned, inner_steps)

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Initialisation:
        """Read a file; raises `FormatError`, and `OptionError` for one that cannot be read."""
        data = read_bytes(path, limit=MAX_BYTES, error=OptionError)
        try:
            return cls.from_bytes(data)
        except FormatError as error:
            error.about(path)
            raise


def _unpacked(data: bytes) -> bytes:
    """What the frame of a file holds; raises `FormatError`."""
    try:
        size = zstandard.get_frame_parameters(data).content_size
        if 0 < size <= MOST_UNPACKED:  # a frame without a size claims more
            return zstandard.ZstdDecompressor().decompress(data, allow_extra_data=False)
    except (zstandard.ZstdError, MemoryError):
        pass
    raise FormatError(NOT_VALID)


def split(model: CoordinateModel, flat: NDArray[np.float32]) -> Arrays:
    """Tensors by name of all parameters in file order; raises `FormatError` for a wrong number."""
    sizes = [math.prod(shape) for shape in model.shapes.values()]
    if len(flat) != sum(sizes):
        raise FormatError(
            f"an initialisation of {len(flat)} parameters for a network of {sum(sizes)}"
        )
    parts = np.split(flat, np.cumsum(sizes)[:-1])
    return {n: p.reshape(s) for (n, s), p in zip(model.shapes.items(), parts, strict=True)}


@cache
def shipped() -> tuple[Initialisation, ...]:
    """The initialisations that come with the package, small networks first."""
    folder = resources.files("inrcodec.codec") / "data"
    found = [file for file in folder.iterdir() if file.name.endswith(SUFFIX)]
    inits = [Initialisation.from_bytes(file.read_bytes()) for file in found]
    return tuple(sorted(inits, key=lambda init: len(init.numbers)))


def shipped_for(model: str, channels: int, parameters: float) -> Initialisation:
    """The shipped initialisation of a `model` whose size is nearest to `parameters`, by `_misfit`.

    Raises `OptionError` where there is none.
    """
    known = [s for s in shipped() if (s.family.label, s.channels) == (model, channels)]
    if not known:
        raise OptionError(
            f"there is no initialisation of {model} for images of {colours(channels)}"
        )
    return min(known, key=lambda init: _misfit(len(init.numbers) / parameters))


def _misfit(ratio: float) -> float:
    """How bad a network of `ratio` times the right size is: too few bits for each parameter cost
    about twice what too few parameters do."""
    return 2 * math.log(ratio) if ratio > 1 else -math.log(ratio)


def colours(channels: int) -> str:
    """The text for a number of channels, for a message."""
    return "1 channel" if channels == 1 else f"{channels} channels"


def initial_values(
    named: tuple[int, int] | None, model: CoordinateModel, given: Sequence[Initialisation] = ()
) -> Arrays | None:
    """The initial values, by tensor, that a header names, from the shipped and the `given` ones.

    Raises `FormatError` for an identity that is not among them.
    """
    if named is None:
        return None
    init = named_initialisation(named, model, given)
    return phase_initialisation(model) if init is None else init.values(model)


def named_initialisation(
    named: tuple[int, int], model: CoordinateModel, given: Sequence[Initialisation] = ()
) -> Initialisation | None:
    """The initialisation that a header names, None for `PHASES`; raises as `initial_values`."""
    identity, index = named
    if index:
        raise FormatError(f"the initialisation {identity:08x} has no networks {index}")
    if identity == PHASES:
        return None
    for init in (*given, *shipped()):
        if init.identity == identity and init.suits(model):
            return init
    others = ", ".join(f"{init.identity:08x}" for init in given)
    instead = f"the one given is {others}" if given else "`inrcodec decode --init FILE` takes it"
    raise FormatError(
        f"the file needs the initialisation {identity:08x}, which this installation does not have; "
        + instead
    )


def phase_initialisation(model: CoordinateModel) -> Arrays:
    """Biases of sine layers spread evenly over the circle, and zeros for all other tensors."""
    return {
        name: phases(shape[0]) if name in model.phases else np.zeros(shape, np.float32)
        for name, shape in model.shapes.items()
    }
