"""Which models there are by name, and what the encoder of each can be told.

What is said here of a model serves the checks of options; its networks are in `codec.coolchic` and
`codec.networks`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

ROBUST_STRENGTHS = {
    "jacobian": 3e-4,
    "gradient-norm": 3e-3,
    "gradient-norm-exact": 3e-3,
    "l1": 1e-6,
    "lipschitz": 1e-7,
    "noise": 3e-4,
    "neurons": 0.01,
}
"""Ways to fit weights that survive damage (fitting/robust.py), and their default strengths."""


@dataclass(frozen=True, slots=True)
class ModelTraits:
    """What an encoder can be told of one model beside what it can be told of all.

    `encoder` is the room of `fitting` that encodes it, `takes` the options that not every model
    has, `robust` the ways to fit weights that survive damage, and `least_effort` its smallest
    effort.
    """

    encoder: Literal["coolchic", "networks"]
    takes: frozenset[str]
    robust: tuple[str, ...]
    least_effort: int = 1


_GRIDS = ModelTraits(
    "coolchic",
    frozenset({"psnr", "lmbda", "slices"}),
    # penalties on weights would count against a trained initialisation, and compiled kernels have
    # one derivative
    ("jacobian", "gradient-norm", "noise"),
)
_TRAINED_GRIDS = ModelTraits(
    "coolchic", _GRIDS.takes | {"complexity"}, _GRIDS.robust, least_effort=0
)
_NETWORK = ModelTraits("networks", frozenset({"init"}), tuple(ROBUST_STRENGTHS))

MODELS: Mapping[str, ModelTraits] = {
    "coolchic": _TRAINED_GRIDS,
    "coolchic-v1": _GRIDS,
    "coolchic-v2": _GRIDS,
    "pe-siren": _NETWORK,
    "siren": _NETWORK,
    "nif": _NETWORK,
    "spinr": _NETWORK,
    "fourier": _NETWORK,
    "mfn-fourier": _NETWORK,
    "mfn-gabor": _NETWORK,
    "wire": _NETWORK,
    "diner": _NETWORK,
}
"""The traits of every model by its name."""

DEFAULT_MODEL = "coolchic"

SIGNAL_MODELS = ("pe-siren", "siren", "nif", "spinr")
"""The models of sound and of clips; the first is their default."""

AUTO = "auto"
"""The model that is chosen by the size asked for; it takes what `coolchic` takes."""

TAKEN_BY = {
    "psnr": "a coolchic model",
    "lmbda": "a coolchic model",
    "slices": "a coolchic model",
    "complexity": "the coolchic model",
    "init": "a coordinate network",
}
"""Which models take an option that not every model has, in words for a message."""
