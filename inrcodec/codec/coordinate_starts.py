"""What the parameters of a coordinate network add to, so that a file stores only the rest.

A header names a start by its identity. `PHASES` is one without a table: sine layers begin with
biases spread evenly over the circle, which a fit moves little, and all else is 0. Trained starts
are meta-learned networks (start_training.py), each a file.
"""

from __future__ import annotations

import io
import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from inrcodec.codec.header import PHASES, Family, Header
from inrcodec.codec.models.coolchic import CoolChic
from inrcodec.codec.models.coordinate import Arrays, CoordinateModel
from inrcodec.codec.models.registry import model_of
from inrcodec.codec.quantize import Tensors
from inrcodec.errors import FitError, FormatError

PREFIX = "start_"
"""Of the names of start files in the package."""

FRACTION = 12

GOLDEN = (math.sqrt(5) - 1) / 2


def phases(count: int) -> NDArray[np.float32]:
    """(count,) angles in [-pi, pi): multiples of the golden ratio, as even as any so many."""
    turns = (np.arange(count) + 0.5) * GOLDEN % 1.0
    return ((2 * turns - 1) * math.pi).astype(np.float32)


@dataclass(frozen=True, slots=True)
class TrainedStart:
    """A meta-learned start of one network: `numbers` are its parameters in units of 2^-12, in file
    order; `rates` the learned rate of each, for the first `inner_steps` steps of a fit."""

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
    ) -> TrainedStart:
        """From arrays by name; raises `FitError` for values out of range."""
        flat = np.concatenate([np.ravel(values[name]) for name in model.shapes])
        numbers = np.rint(flat.astype(np.float64) * 2.0**FRACTION)
        if not np.abs(numbers).max() <= np.iinfo(np.int16).max:
            raise FitError("a parameter of the start does not fit 16 bits")
        log_rates = np.concatenate([np.ravel(rates[name]) for name in model.shapes])
        return cls(
            model.family,
            model.dimensions,
            model.channels,
            numbers.astype(np.int16),
            log_rates.astype(np.float16),
            inner_steps,
        )

    def model_for(self, width: int, height: int) -> CoordinateModel:
        """Its network for a picture of this size; raises `FormatError`."""
        header = Header(width, height, self.channels, 8, self.family, self.dimensions)
        model = model_of(header)
        if isinstance(model, CoolChic):
            raise FormatError(f"{self.family.name} has no starts of this kind")
        return model

    def suits(self, model: CoordinateModel) -> bool:
        """Whether it is a start of this network."""
        mine = (self.family, self.dimensions, self.channels)
        return mine == (model.family, model.dimensions, model.channels)

    def values(self, model: CoordinateModel) -> Arrays:
        """The parameters by name."""
        return split(model, self.numbers.astype(np.float32) * np.float32(2.0**-FRACTION))

    def learned_rates(self, model: CoordinateModel) -> Arrays:
        """The rates by name."""
        return split(model, self.rates.astype(np.float32))

    def to_bytes(self) -> bytes:
        """A start file: an npz of its fields."""
        stream = io.BytesIO()
        head = np.array([self.family, self.channels, self.inner_steps, *self.dimensions], np.int64)
        np.savez_compressed(stream, head=head, numbers=self.numbers, rates=self.rates)
        return stream.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> TrainedStart:
        """Parse a start file; raises `FormatError`."""
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
                head, numbers, rates = (arrays[n] for n in ("head", "numbers", "rates"))
        except Exception:  # numpy and zipfile raise a dozen unrelated types on garbage
            raise FormatError("this is not a file of a trained start") from None
        sound = head.dtype == np.int64 and head.ndim == 1 and 4 <= len(head) <= 19
        sound = sound and numbers.dtype == np.int16 and rates.dtype == np.float16
        if not sound or numbers.ndim != 1 or numbers.shape != rates.shape:
            raise FormatError("this is not a file of a trained start")
        family, channels, inner_steps, *dimensions = (int(n) for n in head)
        if family not in set(Family):
            raise FormatError(f"a start of the unknown model family {family}")
        return cls(Family(family), tuple(dimensions), channels, numbers, rates, inner_steps)


def split(model: CoordinateModel, flat: NDArray[np.float32]) -> Arrays:
    """Tensors by name of all parameters in file order; raises `FormatError` for a wrong number."""
    sizes = [math.prod(shape) for shape in model.shapes.values()]
    if len(flat) != sum(sizes):
        raise FormatError(f"a start of {len(flat)} parameters for a network of {sum(sizes)}")
    parts = np.split(flat, np.cumsum(sizes)[:-1])
    return {n: p.reshape(s) for (n, s), p in zip(model.shapes.items(), parts, strict=True)}


@cache
def shipped() -> tuple[TrainedStart, ...]:
    """The starts that come with the package, small networks first."""
    folder = resources.files("inrcodec.codec") / "data"
    found = [f for f in folder.iterdir() if f.name.startswith(PREFIX) and f.name.endswith(".npz")]
    starts = [TrainedStart.from_bytes(file.read_bytes()) for file in found]
    return tuple(sorted(starts, key=lambda start: len(start.numbers)))


def start_of(
    named: tuple[int, int] | None, model: CoordinateModel, given: Sequence[TrainedStart] = ()
) -> Arrays | None:
    """The start that a header names, by tensor, of those shipped and those given; raises
    `FormatError` for one that is not among them."""
    if named is None:
        return None
    identity, index = named
    if index:
        raise FormatError(f"the start {identity:08x} has no networks {index}")
    if identity == PHASES:
        return phase_start(model)
    for start in (*given, *shipped()):
        if start.identity == identity and start.suits(model):
            return start.values(model)
    raise FormatError(
        f"the file needs the trained start {identity:08x}, which this installation does not have; "
        "give its file"
    )


def phase_start(model: CoordinateModel) -> Arrays:
    """Evenly spread biases of sine layers, zeros else."""
    return {
        name: phases(shape[0]) if name in model.phases else np.zeros(shape, np.float32)
        for name, shape in model.shapes.items()
    }
