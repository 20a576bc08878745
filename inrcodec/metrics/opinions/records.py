"""What a data set of opinions holds: rated images, or pairs of which people chose the nearer."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Rating:
    """A distorted image, its reference, the type of its distortion, and its opinion score."""

    image: Path
    reference: Path
    type: str
    opinion: float


@dataclass(frozen=True, slots=True)
class Choice:
    """Two distorted versions of a reference, and the share of people to whom the second is nearer.

    `share` is in [0, 1].
    """

    first: Path
    second: Path
    reference: Path
    type: str
    share: float


@dataclass(frozen=True, slots=True)
class RatedSet:
    """Ratings of one data set below a folder. `higher_is_better` says which way opinions point."""

    name: str
    folder: Path
    ratings: tuple[Rating, ...]
    higher_is_better: bool


@dataclass(frozen=True, slots=True)
class ChoiceSet:
    """Choices of one data set below a folder (two alternatives, forced choice: 2AFC)."""

    name: str
    folder: Path
    choices: tuple[Choice, ...]


DataSet = RatedSet | ChoiceSet
