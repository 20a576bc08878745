"""How much noise latents are rounded with while a fit runs.

Soft rounding lets more through than a file does: latents between two integers can carry what will
be lost once they are rounded. Most images make little use of that and give it up as the rounding
hardens. Fine textures do not, and a long fit then ends with a larger cost than a short one (a crop
of Kodak 13, lambda 0.0015: 3.20 thousandths after 200 steps, 3.38 after 1200, 3.11 with this
control after 600). More noise makes such use of soft rounding unattractive, but takes from images
that do not need it up to 3 %. So it is raised where the error of rounded latents stays too far
above that of a step; but not on screens and drawings.
"""

from __future__ import annotations

from inrcodec.codec.fitting.coolchic.schedule import Rates, Rounding, Schedule


class NoiseControl:
    """The rounding of a fit at each share of its schedule: as planned, but with noise up to
    `Rates.most_noise`, while the fit tells what it `saw`."""

    def __init__(self, rates: Rates, schedule: Schedule) -> None:
        self._planned, self._most, self._schedule = rates.softening, rates.most_noise, schedule
        self._more = self._floor = 1.0

    def at(self, share: float) -> Rounding:
        """The rounding at a share of the schedule."""
        rounding = self._planned.at(share)
        deviation = max(rounding.deviation, min(self._most, rounding.deviation * self._more))
        return rounding._replace(deviation=deviation)

    def wants(self, step: int, share: float) -> bool:
        """Whether to look now: a look takes a third of a step."""
        schedule = self._schedule
        first, last = schedule.looks_at_noise
        return self._most > 0 and step % schedule.noise_every == 0 and first < share < last

    def raised(self) -> None:
        """From now on take more noise: the fit went astray with what there was."""
        self._floor *= self._schedule.noise_of_retreat
        self._more = max(self._more, self._floor)

    def saw(self, share: float, noisy: float, rounded: float) -> None:
        """Take the squared error of a step, and that of the same latents rounded."""
        if noisy <= 0:
            return
        first, last = self._schedule.rounding_gap
        wanted, gap = first + (last - first) * share, max(0.0, rounded / noisy - 1)
        change = (gap / wanted) ** self._schedule.noise_gain
        most = self._most / self._planned.at(share).deviation
        self._more = min(max(self._floor, self._more * change), max(1.0, most))
