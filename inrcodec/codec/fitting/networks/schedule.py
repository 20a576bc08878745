"""How a fit of a coordinate network goes: every number of it, with the experiment it comes from."""

from __future__ import annotations

import math
from dataclasses import dataclass

from inrcodec.codec.format.header import Family


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """The numbers of a fit, and of several fits from different random initialisations."""

    fewest_steps: int = 300
    """Training steps of effort 1 on a photograph; each further effort doubles them."""

    batch_pixels: int = 6144
    """Pixels that a training step sees, about."""

    measured_pixels: int = 1 << 20
    least_measured: int = 192
    """Most pixels that a measurement of the whole image sees, and the fewest on a side."""

    warm_up_steps: int = 100
    warm_up_share: float = 0.1
    """Learning rates rise to their peaks in so many steps, or this share of the fit."""

    finish_share: float = 0.2
    """Last share of a fit, in which training goes on through the rounding."""

    finish_budget: float = 0.992
    """Share of the byte budget with which the finish chooses its steps, since training through the
    rounding moves it."""

    evaluations: int = 12
    evaluate_every: int = 100
    """How often the rounded network is measured in the finish, at most, and the fewest steps
    between two measurements."""

    report_every: int = 25
    """Steps between two reports of progress."""

    init_rate: float = 0.5
    """Learning rates from a meta-learned initialisation beside those from a random one."""

    reserve_s: float = 0.3
    """Kept of a time limit for the last measurement and writing, in seconds."""

    longest: tuple[tuple[int, int], ...] = ((400, 2), (1000, 4))
    longest_of_nif: tuple[tuple[int, int], ...] = ((120, 2), (1000, 8))
    """Payloads below so many bytes take random initialisations fitted for at most so many times the
    steps of effort 1. The narrowing layers of NIF learn more slowly: 288 bytes by twice or eight
    times, efforts 3 and 4, the middle 48 x 48 pixels of four Kodak photographs: 27.4 and 27.9 or
    28.2 and 28.6 dB."""

    most_fits: int = 64
    """Random initialisations that are fitted, at most."""

    def rate(self, step: int, share: float) -> float:
        """Learning rates beside their peaks in a step, counted from 0, of a fit of which this share
        is done: they rise linearly, and fall as a cosine."""
        warm = max((step + 1) / self.warm_up_steps, share / self.warm_up_share)
        return min(1.0, warm) * cosine(share)

    def steps(self, effort: int, pixels: int) -> int:
        """Training steps for an image of so many pixels: double with each effort, and more where a
        step sees fewer pixels than usual."""
        cheap = math.sqrt(max(1.0, self.batch_pixels / pixels))
        return round(self.fewest_steps * float(2 ** (effort - 1)) * min(4.0, cheap))

    def steps_of_fit(self, family: Family, payload_bytes: int, shortest: int, steps: int) -> int:
        """Steps of one fit, of `steps` in all; `shortest` are those of effort 1."""
        limits = self.longest_of_nif if family == Family.NIF else self.longest
        longest = next((times * shortest for most, times in limits if payload_bytes < most), steps)
        return min(steps, longest)


def cosine(share: float) -> float:
    """Return half a wave: 1 at share 0, 0 at share 1."""
    return 0.5 * (1 + math.cos(math.pi * share))


SCHEDULE = Schedule()
