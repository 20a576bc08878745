"""Parameters <-> integers: which step for which tensor, and the bytes they take.

High-rate theory (Gray and Neuhoff 1998, section IV): a step D on a tensor of n parameters adds
D^2 / 12 * trace(H) to the squared error, H = J^T J of the network, and costs -n log2 D bits. At the
best trade D^2 trace(H) / n is the same for every tensor, so one number, the `scale`, remains for
the rate, and the steps follow from each tensor's sensitivity.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from inrcodec.codec.entropy import prior
from inrcodec.codec.entropy.prior import PRIOR_BYTES, Symbols, TensorCode
from inrcodec.errors import FitError, FormatError, LimitError

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


def quantize(
    parameters: Tensors, steps: Mapping[str, int], init: Tensors | None = None
) -> Quantized:
    """Round the residual of every tensor to multiples of its step, saturating at the largest
    symbol.

    The residual is what a tensor differs from its initial values by.

    Raises `FitError` if a parameter is not finite.
    """
    symbols = {}
    most = prior.MAX_MAGNITUDE
    check_finite(parameters)
    for name, tensor in parameters.items():
        rest = tensor if init is None else tensor - init[name]
        rounded = np.rint(rest / prior.step_size(steps[name]))
        symbols[name] = np.clip(rounded, -most, most).astype(np.int32)
    return Quantized(symbols, dict(steps), init)


def check_finite(parameters: Tensors) -> None:
    """Raise `FitError` for a fit that diverged."""
    for name, tensor in parameters.items():
        if not np.isfinite(tensor).all():
            raise FitError(f"tensor {name} is not finite: the fit diverged; try another seed")


def step_codes(
    parameters: Tensors, sensitivities: Mapping[str, float], scale: float
) -> dict[str, int]:
    """The step code of every tensor at one `scale` (mean squared error a parameter may add)."""
    codes = {}
    for name, tensor in parameters.items():
        step = np.sqrt(12 * scale * tensor.size / max(sensitivities[name], 1e-30))
        smallest = float(np.abs(tensor).max(initial=0)) / prior.MAX_MAGNITUDE * 1.01
        codes[name] = prior.step_code(float(max(step, smallest, 1e-9)))
    return codes


def steps_for_size(
    parameters: Tensors,
    sensitivities: Mapping[str, float],
    target_bytes: int,
    init: Tensors | None = None,
) -> dict[str, int]:
    """The finest steps whose payload has at most `target_bytes`, by bisection on the scale; raises
    `FitError` for parameters that are not finite."""
    check_finite(parameters)
    if init is not None:
        parameters = {name: tensor - init[name] for name, tensor in parameters.items()}
    low, high = -34.0, 2.0  # log2 of the scale
    for _ in range(18):
        middle = (low + high) / 2
        quantized = quantize(parameters, step_codes(parameters, sensitivities, 2.0**middle))
        fits = len(quantized.to_bytes()) <= target_bytes
        low, high = (low, middle) if fits else (middle, high)
    return step_codes(parameters, sensitivities, 2.0**high)
