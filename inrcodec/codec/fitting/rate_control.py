"""The size or quality asked for, turned into a lambda, which is corrected as a fit runs.

Bits fall and error grows about as powers of the lambda, so every measurement gives a correction; in
the fit they are free, and what is missing at its end takes a few short refinements.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from inrcodec.codec.options import DEFAULT_QUALITY, EncodeOptions
from inrcodec.pixels import Picture

BITS_EXPONENT = -0.65
ERROR_EXPONENT = 0.55
"""d log(bits) and d log(error) over d log(lambda): typical of photographs."""

FIRST_LAMBDA, LAST_LAMBDA = 1e-8, 10.0
"""Lambdas a search stays within."""

FALL_OF_BITS, FALL_HALVES = 1.5, 0.6
"""At a position p of a fit at one lambda, bits are about 1 + a (1 - p)^2 times those at its end; a
is the first for the fewest bits, and halves with every so many bits a pixel (crops and wholes of
three Kodak photographs, efforts 1 to 7, with and without trained initialisation)."""

FALL_OF_ERROR = 0.6
"""a of the squared error, likewise."""


def over_end(fall: float, position: float) -> float:
    """Bits (or error) at a position in [0, 1] of a fit at one lambda over those at its end, where
    `fall` is the a of 1 + a (1 - p)^2."""
    return 1 + fall * (1 - position) ** 2


def measured_fall(ratio: float, position: float) -> float:
    """The `fall` of which `over_end` is `ratio` at a position below 1."""
    return (ratio - 1) / (1 - position) ** 2


LARGEST_CORRECTION = 1.0
"""Most that one correction changes the logarithm of lambda."""

AIM = 0.985
"""Share of a byte target aimed at."""

LEAST_SHARE = 0.97
"""Share of a size asked for from which on a file has met it."""

LEAST_USED = 0.95
"""Share of a size asked for below which the user is warned."""

WORTH_DB = 0.3
"""A file of the size asked for is taken before a smaller one of up to so many dB more: a fit that
went astray is no better for its bytes."""

LARGEST_LAMBDA, LAMBDAS = 3e-2, 1e3
"""Lambda of quality 1, and its ratio to that of quality 100."""

PSNR_SLACK_DB = 0.1
"""A PSNR asked for is exceeded by at most so many dB."""

ONE_BIT_LAMBDA = 4e-4
"""Lambda at which a photograph takes about one bit a pixel: a rough guess that the search
corrects."""

PSNR_LAMBDA, PSNR_LAMBDA_DB, DB_PER_DECADE = 0.05, 24.0, 5.5
"""The first lambda gives a photograph about so many dB, and a tenth of it so many more: rough
guesses that the search corrects."""


@dataclass(frozen=True, slots=True)
class Goal:
    """A file size in bytes, a PSNR in dB, or neither: then the lambda itself is the goal."""

    lmbda: float
    size_bytes: int | None = None
    psnr_db: float | None = None

    @property
    def fixed(self) -> bool:
        """Whether the lambda is given."""
        return self.size_bytes is None and self.psnr_db is None

    def met(self, size_bytes: int, psnr_db: float) -> bool:
        """Whether a file of this size and quality is what was asked for."""
        if self.size_bytes is not None:
            return LEAST_SHARE * self.size_bytes <= size_bytes <= self.size_bytes
        if self.psnr_db is not None:
            return self.psnr_db <= psnr_db <= self.psnr_db + PSNR_SLACK_DB
        return True

    def kept(self, size_bytes: int, psnr_db: float) -> bool:
        """Whether a file is within the size, or of the quality at least, that was asked for."""
        if self.size_bytes is not None:
            return size_bytes <= self.size_bytes
        return self.psnr_db is None or psnr_db >= self.psnr_db

    def better(self, first: tuple[int, float], second: tuple[int, float]) -> bool:
        """Whether (bytes, dB) `first` comes nearer to the goal than `second`: of two files within
        the size, the one of more quality."""
        if self.size_bytes is not None:
            fits = self.kept(*first), self.kept(*second)
            if fits[0] != fits[1]:
                return fits[0]
            if not fits[0]:
                return first[0] < second[0]
            bonus = [WORTH_DB * self.met(*rank) for rank in (first, second)]
            return first[1] + bonus[0] > second[1] + bonus[1]
        if self.psnr_db is not None:
            fits = self.kept(*first), self.kept(*second)
            if fits[0] != fits[1]:
                return fits[0]
            return first[0] < second[0] if fits[0] else first[1] > second[1]
        return True

    def fall(self, bits_per_pixel: float) -> float:
        """How much what is asked for, bytes or error, falls in a fit: a of the above."""
        if self.psnr_db is not None:
            return FALL_OF_ERROR
        return FALL_OF_BITS * float(2 ** (-bits_per_pixel / FALL_HALVES))

    def miss(self, size_bytes: float, error: float) -> float:
        """Logarithm of what is wanted over what there is: of bytes, or of error (full range 1)."""
        if self.size_bytes is not None:
            return math.log(AIM * self.size_bytes / max(size_bytes, 1))
        if self.psnr_db is not None:
            wanted = 10 ** (-(self.psnr_db + PSNR_SLACK_DB / 2) / 10)
            return math.log(wanted / max(error, 1e-12))
        return 0.0

    @property
    def exponent(self) -> float:
        """How the logarithm of bytes or error usually moves with that of the lambda."""
        return BITS_EXPONENT if self.psnr_db is None else ERROR_EXPONENT


def corrected(
    lmbda: float, miss: float, exponent: float, largest: float = LARGEST_CORRECTION
) -> float:
    """A lambda nearer to the goal, which is `miss` away at `lmbda`; its logarithm moves by
    `largest` at most."""
    change = max(-largest, min(largest, miss / exponent))
    return max(FIRST_LAMBDA, min(LAST_LAMBDA, lmbda * math.exp(change)))


def measured_exponent(before: tuple[float, float], now: tuple[float, float], usual: float) -> float:
    """The exponent by two measurements (lambda, miss). Where the goal lies between them it is taken
    as it is, so that the next lambda lies between theirs; elsewhere within a factor of 2 of the
    usual one: a fit that has not settled moves by itself too, and a lambda corrected by far too
    much is never found back from."""
    moved = math.log(now[0] / before[0])
    if abs(moved) < 1e-3:
        return usual
    ratio = (before[1] - now[1]) / moved / usual
    if ratio > 0 and before[1] * now[1] < 0:
        return usual * ratio
    return usual * max(0.5, min(2.0, ratio))


def goal_of(options: EncodeOptions, picture: Picture) -> Goal:
    """The goal that the options name, with a first guess of the lambda where they do not."""
    if options.lmbda is not None:
        return Goal(options.lmbda)
    pixels = picture.width * picture.height
    size = options.asked_bytes(pixels)
    if size is not None:
        guess = ONE_BIT_LAMBDA * max(size * 8 / pixels, 1e-3) ** (1 / BITS_EXPONENT)
        return Goal(min(1.0, max(1e-7, guess)), size_bytes=size)
    if options.psnr is not None:
        guess = PSNR_LAMBDA * 10 ** (-(options.psnr - PSNR_LAMBDA_DB) / DB_PER_DECADE)
        return Goal(min(1.0, guess), psnr_db=options.psnr)
    quality = DEFAULT_QUALITY if options.quality is None else options.quality
    return Goal(lambda_of_quality(quality))


def lambda_of_quality(quality: int) -> float:
    """Lambda of a quality: 0.03 at 1, 0.00003 at 100, even ratios between."""
    return float(LARGEST_LAMBDA * LAMBDAS ** (-(quality - 1) / 99))
