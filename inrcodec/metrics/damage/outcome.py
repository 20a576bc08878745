"""What trials of one kind and level of damage leave of a file; without torch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import fmean, pstdev
from typing import Any

MOST_SEEDS = 10_000
"""The most trials at one level of damage."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The values of one metric at one level of damage, one for each seed.

    `lost` counts the trials that left no image. `mean` is the mean of the values, `spread` their
    standard deviation, `worst` the worst of them.
    """

    kind: str
    level: float
    metric: str
    values: tuple[float, ...]
    lost: int
    worst: float

    @property
    def mean(self) -> float:
        """Average the values over seeds."""
        return fmean(self.values)

    @property
    def spread(self) -> float:
        """Standard deviation over seeds; NaN where some images are perfect and some are not."""
        if len(set(self.values)) == 1:
            return 0.0
        return pstdev(self.values) if all(map(math.isfinite, self.values)) else math.nan

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, ready for JSON."""
        return {
            "damage": self.kind,
            "level": self.level,
            "metric": self.metric,
            "mean": self.mean,
            "spread": self.spread,
            "worst": self.worst,
            "lost": self.lost,
            "values": list(self.values),
        }
