"""Damage what a decoder holds: networks, symbols, packets. Pure functions of numbers.

Weights are damaged in two readings of one sigma, since papers rarely say which they mean:

- `gaussian`: w + sigma n, in units of the papers' weights. A sine layer computes sin(w0 (W x + b))
  there with w0 = 30, and w0 is multiplied into the weights here, so that one unit is 30;
- `gaussian-relative`: w (1 + sigma n).

Damage of a network leaves the context network of the coolchic models out: it has done its work
when the symbols are there, and a decoder whose context network is damaged has none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Tensors = Mapping[str, NDArray[np.float32]]
Units = Mapping[str, float]
Random = np.random.Generator

TITLES = {
    "gaussian": "Gaussian noise, sigma in units of papers",
    "gaussian-relative": "Gaussian noise, sigma relative to each weight",
    "binary": "weights set to zero, probability",
    "neurons": "lost neurons",
    "layers": "lost layers",
    "bits": "flipped bits of symbols, probability",
    "packets": "lost packets, probability",
}
"""Every kind of damage, and what its level is, for people."""

PACKET_BYTES = 1160
"""Payload of a datagram that every path takes."""


def gaussian(values: Tensors, units: Units, sigma: float, random: Random) -> Tensors:
    """Add Gaussian noise with a standard deviation of `sigma` units of each tensor."""
    return _changed(values, units, lambda v, u: v + sigma * u * random.standard_normal(v.shape))


def gaussian_relative(values: Tensors, units: Units, sigma: float, random: Random) -> Tensors:
    """Add Gaussian noise with a standard deviation of `sigma` times each weight."""
    return _changed(values, units, lambda v, _: v * (1 + sigma * random.standard_normal(v.shape)))


def binary(values: Tensors, units: Units, probability: float, random: Random) -> Tensors:
    """Set each parameter to zero with a probability."""
    return _changed(values, units, lambda v, _: v * (random.random(v.shape) >= probability))


def lost_neurons(values: Tensors, units: Units, count: float, random: Random) -> Tensors:
    """Silence `count` hidden neurons, drawn from all: they output zero."""
    hidden = [(n, i) for n in _hidden(values, units) for i in range(values[n].shape[-2])]
    drawn = random.permutation(len(hidden))[: int(count)]
    return _silenced(values, [hidden[i] for i in drawn])


def lost_layers(values: Tensors, units: Units, count: float, random: Random) -> Tensors:
    """Silence all neurons of `count` hidden layers."""
    layers = _hidden(values, units)
    drawn = [layers[i] for i in random.permutation(len(layers))[: int(count)]]
    return _silenced(values, [(name, slice(None)) for name in drawn])


NETWORK_DAMAGE: dict[str, Callable[[Tensors, Units, float, Random], Tensors]] = {
    "gaussian": gaussian,
    "gaussian-relative": gaussian_relative,
    "binary": binary,
    "neurons": lost_neurons,
    "layers": lost_layers,
}


def flipped(symbols: NDArray[np.int32], probability: float, random: Random) -> NDArray[np.int32]:
    """Flip each bit of each symbol with a probability.

    Symbols are two's complement integers, just wide enough for the largest of them.
    """
    if not symbols.any():
        return symbols
    low, high = int(symbols.min()), int(symbols.max())
    bits = 1 + max(high, ~low).bit_length()
    flat = symbols.copy()
    for bit in range(bits):
        flat ^= (random.random(symbols.shape) < probability).astype(np.int32) << bit
    half = 1 << (bits - 1)
    wrapped = ((flat + half) & ((1 << bits) - 1)) - half
    return wrapped.astype(np.int32)


def arrived(data: bytes, probability: float, random: Random) -> bytes:
    """Return the part of a file before the first lost packet; each is lost with a probability."""
    packets = -(-len(data) // PACKET_BYTES)
    lost = np.flatnonzero(random.random(packets) < probability)
    return data if not len(lost) else data[: int(lost[0]) * PACKET_BYTES]


def _changed(
    values: Tensors, units: Units, change: Callable[[NDArray[np.float32], float], NDArray[Any]]
) -> Tensors:
    """Change the tensors that have a unit; leave the others as they are."""
    changed = {n: change(values[n], unit).astype(np.float32) for n, unit in units.items()}
    return {**values, **changed}


def _hidden(values: Tensors, units: Units) -> list[str]:
    """List the weight matrices of hidden layers, real or complex: (..., neurons, inputs)."""
    names = (n for n in units if "weight." in n and not n.endswith("out"))
    return [n for n in names if values[n].ndim in (2, 3)]


def _silenced(values: Tensors, neurons: list[tuple[str, Any]]) -> Tensors:
    """Make some neurons of some layers output zero, or, in residual layers, add nothing."""
    out = dict(values)
    for layer, neuron in neurons:
        for name, index in _silencing(values, layer, neuron):
            array = out[name].copy() if out[name] is values[name] else out[name]
            array[index] = 0
            out[name] = array
    return out


def _silencing(values: Tensors, layer: str, neuron: Any) -> list[tuple[str, Any]]:
    """What is to be zero: the weights and biases of a neuron. A wavelet of WIRE, whose matrices are
    complex, is 1 at zero; of it those that the next layer reads it with."""
    layers = [name for name in values if name.startswith("weight.")]
    if layers and values[layers[-1]].ndim == 3:
        return [(layers[layers.index(layer) + 1], (..., neuron))]
    bias = layer.replace("weight", "bias")
    return [(name, neuron) for name in (layer, bias) if name in values]
