"""The networks of a file as integers, and the PARAMETERS payload that stores them.

`fitting` decides the quantisation steps; here they are only read and written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from inrcodec.codec.entropy import prior
from inrcodec.codec.entropy.prior import PRIOR_BYTES, Symbols, TensorCode
from inrcodec.errors import FormatError, LimitError

MAX_PARAMETERS = 1 << 22
"""Largest number of parameters of one network."""

MAX_PARAMETERS_PER_BYTE = 16
"""A payload says at least half a bit a parameter, so that a tiny file cannot ask for vast work."""

Tensors = Mapping[str, NDArray[np.float32]]
"""Parameters by name."""

Change = Callable[[Tensors, Mapping[str, float]], Tensors]
"""(parameters, units) -> other parameters; units by name of those that may change, in which the
papers count changes (`CoordinateModel.units`)."""


def check_parameters(count: int, label: str) -> None:
    """Raise `LimitError` for a network of more than `MAX_PARAMETERS` of the family `label`."""
    if count > MAX_PARAMETERS:
        raise LimitError(f"{count} parameters of {label}; the limit is {MAX_PARAMETERS}")


def least_payload(count: int) -> int:
    """The fewest bytes that a reader takes for so many parameters of a coordinate network."""
    return -(-count // MAX_PARAMETERS_PER_BYTE)


@dataclass(frozen=True, slots=True)
class Quantized:
    """What a file stores of a network: integers and, per tensor, the step code.

    `init` are the initial values that symbol x step adds to, by name; None for zeros.
    """

    symbols: dict[str, Symbols]
    steps: dict[str, int]
    init: Tensors | None = None

    def values(self) -> dict[str, NDArray[np.float32]]:
        """The parameters a decoder computes with: init + symbol x step, float32."""
        values = {}
        for name, symbols in self.symbols.items():
            value = (symbols * prior.step_size(self.steps[name])).astype(np.float32)
            values[name] = value if self.init is None else value + self.init[name]
        return values

    def changed(self, change: Callable[[Symbols], Symbols], kept: str = "-") -> Quantized:
        """A copy with the symbols changed of all tensors whose names do not begin with `kept`."""
        symbols = {n: s if n.startswith(kept) else change(s) for n, s in self.symbols.items()}
        return replace(self, symbols=symbols)

    def to_bytes(self) -> bytes:
        """The PARAMETERS payload: a code per tensor, then one range coder stream."""
        codes = [prior.fit_prior(s, self.steps[name]) for name, s in self.symbols.items()]
        stream = prior.encode(list(self.symbols.values()), codes)
        return b"".join(code.to_bytes() for code in codes) + stream

    @classmethod
    def from_bytes(
        cls,
        payload: bytes,
        shapes: Mapping[str, tuple[int, ...]],
        most_per_byte: float = MAX_PARAMETERS_PER_BYTE,
    ) -> Quantized:
        """Parse a PARAMETERS payload for a network with these shapes; raises `FormatError`.

        More than `most_per_byte` parameters a byte raise `LimitError`.
        """
        table = len(shapes) * PRIOR_BYTES
        if len(payload) < table:
            raise FormatError(f"the parameters need at least {table} bytes, got {len(payload)}")
        sizes = [int(np.prod(shape)) for shape in shapes.values()]
        if sum(sizes) > most_per_byte * len(payload):
            raise LimitError(f"{sum(sizes)} parameters in {len(payload)} bytes")
        codes = [
            TensorCode.from_bytes(payload[at : at + PRIOR_BYTES])
            for at in range(0, table, PRIOR_BYTES)
        ]
        tensors = prior.decode(payload[table:], sizes, codes)
        named = zip(shapes.items(), tensors, strict=True)
        symbols = {name: tensor.reshape(shape) for (name, shape), tensor in named}
        return cls(symbols, {name: c.step for name, c in zip(shapes, codes, strict=True)})
