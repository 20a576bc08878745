"""How a fit of latent grids goes: every number of it, with the experiment it comes from.

`Schedule` holds what decides how long a fit is and what each of its steps does; `rates_for` gives
the learning rates that suit so many steps.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

from inrcodec.codec.coolchic.model import CoolChic
from inrcodec.codec.coolchic.windows import MIDDLE_PIXELS


class Rounding(NamedTuple):
    """Rounding to learn through: `synthesis.noisy_soft_round` of this temperature, with normal
    noise of this deviation."""

    temperature: float
    deviation: float


class Softening(NamedTuple):
    """Soft rounding: temperatures, and deviations of the noise, at the beginning and the end."""

    temperatures: tuple[float, float]
    noise: tuple[float, float]

    def at(self, share: float) -> Rounding:
        """The rounding at a share of the fit, ever harder as it goes from 0 to 1."""
        return Rounding(*(first + (last - first) * share for first, last in self))


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """The numbers of a fit, and of the steering towards a size or a PSNR."""

    effort_steps: tuple[int, ...] = (0, 50, 100, 200, 350, 700, 1200, 2500, 5000, 10000)
    """Steps of each effort, on a photograph of half a megapixel: each about doubles the time."""

    unlike_steps: int = 25
    """Steps of effort 0 on an image unlike photographs, whose initialisation is a bad one:
    docs/research.md, "Screens at effort 0"."""

    small_pixels: int = 1 << 17
    """Images of fewer pixels have more steps, up to twice as many, which take little time."""

    wide_effort: int = 6
    wide_bytes: int = 12000
    """Wide networks pay from this effort, or its steps in the time there is, and from so many bytes
    of latents before the fit, on: they are larger in the file too. docs/research.md, "Wider
    networks"."""

    window_pixels: int = 1 << 21
    """A step sees the whole of an image of up to so many pixels, and a window of a larger one."""

    window_side: int = 1024
    least_side: int = 192
    """Pixels that a window has about on each side, and that it has at least, which every loss
    takes."""

    most_norm: float = 0.1
    """Norm of the gradient of the networks, in units of the cost, beyond which it is clipped."""

    hard_share: float = 0.05
    """Last share of a fit, in which latents are rounded for good and only networks learn."""

    noise_every: int = 25
    looks_at_noise: tuple[float, float] = (0.05, 0.93)
    rounding_gap: tuple[float, float] = (0.2, 0.05)
    noise_gain: float = 0.25
    """What controls the noise of the rounding (noise_control.py): steps between two looks, the
    shares of a fit at which it looks, by how much the error of rounded latents may exceed that of a
    step at the beginning and at the end, and the power of what it exceeds that by which noise
    grows. docs/research.md, "Noise that suits the image"."""

    retreat_steps: int = 1000
    retreat_every: int = 50
    retreat_from: float = 0.4
    retreat_cost: float = 1.04
    noise_of_retreat: float = 1.4
    """When a fit goes back to its best state (retreat.py): the steps of the fits that do, the steps
    between two looks, the share of a fit from which it is looked at, the cost that is too high, as
    a multiple of the least so far (in fits that end well it falls from look to look), and the
    factor by which noise then grows. docs/research.md, "Rates of long fits"."""

    compensated_rounds: int = 150
    """How often a fit must have seen each latent for its networks to be rounded with compensation
    (compensation.py). docs/research.md, "Compensated rounding"."""

    report_every: int = 5
    """Steps between two reports of progress."""

    worth_little: float = 0.05
    worth_nothing: float = 0.002
    """Early stopping, in bits a pixel. Where the whole cost of a noisy step is worth less than the
    first, that of rounded latents is looked at; once that is worth less than the second, a fit goes
    on to its last share: more steps could gain no more than that."""

    rehearsal_share: float = 0.25
    """Share of a fit that rehearses another loss by squared error (rehearsal.py)."""

    correct_from: float = 0.25
    correct_every: float = 0.06
    correct_until: float = 0.9
    """Shares of a fit at which its lambda is first corrected, between corrections, and at the last:
    what is left must suffice to settle."""

    corrected_share: float = 0.7
    most_correction: float = 1.0
    lag_steps: float = 20.0
    """Share of a miss that a correction makes good, and the largest change of the logarithm of
    lambda. Bits follow a new lambda late: what they have not followed yet falls by a factor of e in
    the last number of steps, and is not corrected again."""

    refit_pace: float = 1.5
    """How fast a further fit runs through the end of the schedule, beside the fit, from its middle
    on at most. After 500 steps on a low rate (`flowers`, crop), 85 more under 1.15 times the lambda
    cost 3 % less from .9 than from .5 of it, under twice the lambda 1 % less from .7; after 50
    steps, 30 more from .5 give .13 dB more than from .75."""

    refit_share: float = 0.17
    least_refit: int = 30
    """Share of the steps of a fit that a further one has for a goal that was missed, and the fewest
    steps of such a one: it must last longer than the lag. 13 photographs at 0.12, 0.4 and 1.2 bits
    a pixel (effort 1): with `lag_steps`, refits of 30 steps in place of 4, and `measured_exponent`
    within a factor of 2 in place of 4, the files have .45 dB more in .93 of the time, and 1 of 39
    is below 97 % of the size asked for (92 %) in place of 5 (least 68 %)."""

    hurry_s: float = 1.5
    hurried_share: float = 0.3
    hurried_rounds: int = 2
    least_hurried: int = 4
    most_hurried: int = 8
    least_fit: int = 20
    """An encode that is left is to end after about so many seconds: the share of them for a
    further fit, how many of these come first, the fewest and the most steps of one, and the
    steps below which a fit has not yet made good what it undid of its trained initialisation,
    which is then written. Of Kodak 5 at 0.3 bits a pixel (effort 5, after 120 of 800 steps), 4
    steps under a corrected lambda take the file from 23.6 to 17.0 KB at the same PSNR."""

    show_every: int = 4
    """Reports of progress between two looks at what would be written."""

    searched: float = 0.2
    """Share of an encode that the search for a size or a PSNR takes, roughly."""

    near_inits_short: int = 1
    near_inits_long: int = 12
    """Trained initialisations between the lambda under which a fit of up to `FULL_RATE_STEPS`, or a
    longer one, was initialised and another under which it still goes on: for one farther away it is
    initialised anew. A long fit has found its own way, and goes on 1 dB better than anew; for a
    short one that is better only near by. 48 files of crops of 48 to 192 pixels (four photographs,
    .5 to 4 bits a pixel, effort 1), short 4, 2, 1 and 0: 19, 12, 3 and 1 are below 95 % of the size
    asked for, with 37.36, 37.48, 37.57 and 37.60 dB; twelve of whole photographs (.12, .4, 1.2 bits
    a pixel): none, with 32.50, 32.50, 32.47 and 32.45 dB."""

    foreseen_over: float = 1.003
    """How much larger the file of another rounding is taken to be than a sample of a large image
    foresees: it must not exceed the size asked for."""

    reserve_s: float = 0.9
    compensation_s: float = 1.3
    write_s_per_pixel: float = 5e-7
    search_steps: float = 10.0
    """Kept of a time limit for what follows the fit: seconds, most of them for the start of a
    command; seconds for each plane of which the networks are rounded with compensation; seconds a
    pixel of the image that is written; and as long as so many steps of the fit take, for the choice
    of network steps."""

    usual_attempts: int = 3
    """Files that a search for a size or a PSNR writes, roughly."""

    step_s_per_pixel: float = 1.5e-7
    torch_step_s_per_pixel: float = 9e-7
    """Seconds a pixel of a training step, with and without the compiled kernels, roughly."""

    def steps(self, effort: int, model: CoolChic, *, unlike: bool = False) -> int:
        """Steps for an image: more for a large one, of which a step sees a window, and for a small
        one; `unlike` says that it is unlike photographs, and is fitted at effort 0 too."""
        pixels = model.width * model.height
        count = self.unlike_steps if unlike else self.effort_steps[effort]
        windows, small = pixels / MIDDLE_PIXELS, math.sqrt(self.small_pixels / pixels)
        return round(count * max(1.0, windows, min(2.0, small)))

    def near_inits(self, rounds: float) -> int:
        """`near_inits_short` or `near_inits_long`, for a fit that sees each latent so often."""
        return self.near_inits_long if rounds > FULL_RATE_STEPS else self.near_inits_short

    def in_windows(self, model: CoolChic) -> bool:
        """Whether an image is too large to be seen as a whole."""
        return model.height * model.width > self.window_pixels

    def windows_a_round(self, model: CoolChic) -> float:
        """Steps after which each latent has been seen once, on average."""
        return model.width * model.height / self.window_side**2 if self.in_windows(model) else 1.0


SCHEDULE = Schedule()


UNTRAINED = Softening((0.5, 0.05), (0.35, 0.15))
"""Latents that are zero at first must try what they are for: on crops of two Kodak photographs
(`coolchic-v1`, 1200 steps) the cost is 7 % below that of `SHORT`."""

SHORT = Softening((0.3, 0.1), (0.15, 0.15))
LONG = Softening((0.4, 0.08), (0.15, 0.15))
LONGEST, LONGEST_STEPS = Softening((0.4, 0.05), (0.15, 0.15)), 1000
"""From a trained initialisation, up to `FULL_RATE_STEPS`, beyond, and from `LONGEST_STEPS` on.
More noise undoes what it knows, where noise_control.py does not find it needed. With 800 steps
`LONG` and `LEAST_DAMPING` save 0.9, 2.3 and 0.8 % of the cost of Kodak 15, 19 and 8; with 50 steps
`LONG` costs 0.3 % (four photographs). `LONGEST` saves 0.7 % with 1200 steps, nothing with 600, and
costs 1 % with 200 (six crops)."""


class Rates(NamedTuple):
    """Peak learning rates: RMSprop on latents, in quantisation steps, and SOAP on networks, those
    that make pixels times `pixels`, reached in so many steps.

    `damping` holds back latents of small gradients, which are mostly noise: with 0 all move alike,
    with much a latent moves by what its gradients are to the mean of its grid. `regained` is the
    share of the cost that a fit may lose at first by leaving out fine chroma grids, and
    `most_noise` the deviation up to which noise_control.py raises the noise.
    """

    latents: float
    networks: float
    pixels: float
    damping: float
    softening: Softening
    warm_up_steps: float
    regained: float = 0.0
    most_noise: float = 0.0


FULL_RATES, FULL_RATE_STEPS = Rates(0.15, 0.045, 1.0, 0.0, UNTRAINED, 10), 100
"""Rates of a fit without a trained initialisation. With 400 steps and 0.045 in place of 0.02 the
cost of `coolchic-v1` is 6 % less and that of `coolchic-v2` the same (crops of three photographs);
the papers' 0.01 for both, with Adam, takes about four times the steps."""

NETWORKS, SHORT_FITS = 0.022, 0.75
"""Rate of networks from a trained initialisation; below `FULL_RATE_STEPS` less by this power of the
share of them. docs/research.md, "SOAP with clipped gradients"."""

WARM_UP, LEAST_WARM_UP = 1 / 8, 3
"""Share of a fit in which learning rates rise, up to the steps of `FULL_RATES`, and the least
steps."""

FULL_RATE_LAMBDA, SHORT_POWER, LONG_POWER = 1e-2, 0.5, 0.3
"""From a trained initialisation, networks that make pixels learn by a power of the lambda below it,
up to `FULL_RATE_STEPS` and beyond: so does the error go that an image may have, and a step of one
rate costs a fine image its quality."""

LEAST_DAMPING, MOST_DAMPING = 0.5, 2.0
"""Damping from a trained initialisation: of a fit of 75 steps or more, and of the shortest."""


MOST_NOISE = 0.3
"""Of photographs. Sharp screens, whose error also rises by rounding, cost up to a tenth more if
they are fitted with more noise."""

REGAINED, REGAINED_FROM = 0.02, 75
"""Share of the cost that a fit makes up for with every doubling of its steps, from so many on:
docs/research.md, "Fine chroma grids"."""


def rates_for(rounds: float, lmbda: float) -> Rates:
    """Rates for a fit under a lambda from a trained initialisation that visits each latent so many
    times, which is once a step but in large images: in 25, the full ones undo much of what it knows
    (two Kodak crops, three lambdas, mean cost: initialisation 2.45, full rates 2.37, these 2.29).
    """
    share, is_long = min(1.0, rounds / FULL_RATE_STEPS), rounds > FULL_RATE_STEPS
    return Rates(
        FULL_RATES.latents * share,
        NETWORKS * share**SHORT_FITS,
        min(1.0, (lmbda / FULL_RATE_LAMBDA) ** (LONG_POWER if is_long else SHORT_POWER)),
        max(LEAST_DAMPING, MOST_DAMPING * (1 - share)),
        SHORT if not is_long else LONG if rounds < LONGEST_STEPS else LONGEST,
        max(LEAST_WARM_UP, min(FULL_RATES.warm_up_steps, WARM_UP * rounds)),
        REGAINED * max(0.0, math.log2(max(rounds, 1.0) / REGAINED_FROM)),
        MOST_NOISE,
    )


BIAS_RATE = 0.3
"""Rate of biases, which take Adam steps, times that of matrices: 0.6 % below the cost with 1, and
0.5 % below that with 0.1 (100 steps, six crops)."""


def network_rates(model: CoolChic, rates: Rates) -> dict[str, float]:
    """Learning rate of every tensor."""
    return {
        name: rates.networks
        * (1.0 if name.startswith("arm.") else rates.pixels)
        * (BIAS_RATE if len(shape) == 1 else 1.0)
        for name, shape in model.shapes.items()
    }
