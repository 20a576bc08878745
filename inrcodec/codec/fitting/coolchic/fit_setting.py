"""What a fit of latent grids is given, and what it tells while it runs."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from inrcodec.codec.fitting.coolchic.schedule import Rates, Schedule
from inrcodec.codec.native.networks import Array


@dataclass(frozen=True, slots=True)
class Step:
    """One look at a running fit: `share` done in [0, 1], loss terms of the last step."""

    share: float
    step: int
    mse: float
    bits_per_pixel: float


@dataclass(frozen=True, slots=True)
class Initial:
    """The initialisation of a fit: `parameters` by name and `latents`, one float array per grid.

    `trained` are the networks that a file stores the residual to, by name: what moves away from
    them costs bits too, and is pulled back as hard as it costs. None without.
    """

    parameters: Mapping[str, Array]
    latents: Sequence[Array]
    trained: Mapping[str, Array] | None = None


@dataclass(frozen=True, slots=True)
class Budget:
    """What a fit may spend: training steps, and seconds if there is a time limit, of which what
    follows the fit needs as long as `kept_steps` steps take."""

    steps: int
    seconds: float | None = None
    kept_steps: float = 0.0


class Setting(NamedTuple):
    """What a fit was begun with: its networks' trained values, by name (zeros without), the grids
    that it leaves out, and what says how it goes."""

    trained: Mapping[str, Array]
    left_out: Collection[int]
    rates: Rates
    schedule: Schedule
    budget: Budget
    seed: int
