"""What an effort stands for in the fit of latent grids: steps, and rates that suit so many."""

from __future__ import annotations

import math
from typing import NamedTuple

from inrcodec.codec.coolchic.model import CoolChic
from inrcodec.codec.coolchic.windows import MIDDLE_PIXELS

EFFORT_STEPS = (0, 50, 100, 200, 400, 800, 1600, 3200, 5000, 8000)
"""Of each effort, on a photograph of half a megapixel."""

SMALL_PIXELS = 1 << 17

WIDE_EFFORT, WIDE_BYTES = 6, 16000
"""Wide networks pay from this effort, and from so many bytes of latents before the fit, on: they
are larger in the file too. At effort 6 they save 1.9 % of the cost of Kodak 5 (29 KB) and lose
1.0 % on Kodak 23 (9.5 KB)."""


class Softening(NamedTuple):
    """Of soft rounding: temperatures, and deviations of the noise, at the begin and the end."""

    temperatures: tuple[float, float]
    noise: tuple[float, float]


FROM_NOTHING = Softening((0.5, 0.05), (0.35, 0.15))
"""Latents that begin at zero must first try what they are for: on crops of two Kodak photographs
(`coolchic-v1`, 1200 steps) the cost is 7 % below that of `SHORT`."""

SHORT = Softening((0.3, 0.1), (0.15, 0.15))
LONG = Softening((0.4, 0.08), (0.15, 0.15))
"""From a trained start, up to `FULL_RATE_STEPS` and beyond. More noise undoes what it knows. With
800 steps `LONG` and `LEAST_DAMPING` save 0.9, 2.3 and 0.8 % of the cost of Kodak 15, 19 and 8; with
50 steps `LONG` costs 0.3 % (four photographs)."""


class Rates(NamedTuple):
    """Peak learning rates: RMSprop on latents, in quantisation steps, and Muon on matrices, those
    of the networks that make pixels times `pixels`.

    `damping` holds back latents of small gradients, which are mostly noise: with 0 all move alike,
    with much a latent moves by what its gradients are to the mean of its grid.
    """

    latents: float
    networks: float
    pixels: float
    damping: float
    softening: Softening


FULL_RATES, FULL_RATE_STEPS = Rates(0.15, 0.04, 1.0, 0.0, FROM_NOTHING), 100
"""Of a fit without a trained start. The papers' 0.01 for both reaches the same cost in about four
times the steps (on Kodak)."""

LONG_FITS, WIDE_LONG_FITS = -1 / 3, -1 / 7
"""Networks learn slower by this power of the steps beyond: at 800, a rate of 0.02 costs 0.8 % less
than 0.04 (crops of two Kodak photographs, two slopes). Wide ones have farther to go: there 0.04
costs 1.1 and 0.8 % less (crops of Kodak 5 and 23)."""

FULL_RATE_SLOPE = 1e-2
"""From a trained start, networks that make pixels learn by the square root of the slope below it:
so does the error go that a picture may have, and a step of one rate costs a fine picture its
quality. Cost of Kodak 5 and 23 (512 x 512) at effort 1 under slopes of 5e-4, 1e-4 and 2e-5: 1.9
and 2.1, 5.4 and 8.1, 60 and 22 % less; at effort 3 under 5e-4 and 5e-5 0.6 and 0.2, 4.2 and 4.0 %;
at effort 5 (256 x 256) 0.2 and 0.4, 1.2 and 0.5 %."""

LEAST_DAMPING, MOST_DAMPING = 0.5, 2.0
"""From a trained start: of a fit of 75 steps or more, and of the shortest."""


def steps_of(effort: int, model: CoolChic) -> int:
    """Steps for a picture: more for a large one, of which a step sees a window, and up to twice as
    many for a small one, whose steps take little time."""
    pixels = model.width * model.height
    windows = pixels / MIDDLE_PIXELS
    return round(
        EFFORT_STEPS[effort] * max(1.0, windows, min(2.0, math.sqrt(SMALL_PIXELS / pixels)))
    )


def rates_for(rounds: float, slope: float, *, wide: bool = False) -> Rates:
    """Rates for a fit under a slope from a trained start that visits each latent so many times,
    which is once a step but in large pictures: in 25, the full ones undo much of what it knows (two
    Kodak crops, three slopes, mean cost: start 2.45, full rates 2.37, these 2.29)."""
    share = min(1.0, rounds / FULL_RATE_STEPS)
    excess = max(1.0, rounds / FULL_RATE_STEPS)
    return Rates(
        FULL_RATES.latents * share,
        FULL_RATES.networks * math.sqrt(share) * excess ** (WIDE_LONG_FITS if wide else LONG_FITS),
        min(1.0, math.sqrt(slope / FULL_RATE_SLOPE)),
        max(LEAST_DAMPING, MOST_DAMPING * (1 - share)),
        LONG if rounds > FULL_RATE_STEPS else SHORT,
    )


SMALL_RATE = 0.3
KERNEL_RATE = 0.1
"""Rates of biases, output layers and convolutions, and of upsampling, times that of matrices."""


def network_rates(model: CoolChic, rates: Rates) -> tuple[dict[str, float], set[str]]:
    """Learning rate of every tensor, and the names of those that take Muon steps."""
    hidden = {
        name
        for name, shape in model.shapes.items()
        if ".weight." in name and name.split(".")[0] in ("arm", "synthesis") and len(shape) == 2
    }
    matrices = {name for name in hidden if not name.endswith("out")}
    each = {}
    for name in model.shapes:
        kind = 1.0 if name in matrices else SMALL_RATE
        if name.startswith("up."):
            kind = KERNEL_RATE
        if not name.startswith("arm."):
            kind *= rates.pixels
        each[name] = rates.networks * kind
    return each, matrices
