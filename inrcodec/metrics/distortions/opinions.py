"""Mean opinion scores by type and level of distortion, as a table of KADID-10k has them."""

from __future__ import annotations

import csv
import os

from inrcodec.errors import InputError
from inrcodec.metrics.distortions.kadid import DISTORTIONS, LEVELS

Opinions = dict[tuple[str, int], float]
"""(distortion, level) -> mean opinion score, higher is better."""

MAX_BYTES = 1 << 20


def read_opinions(path: str | os.PathLike[str]) -> Opinions:
    """Read a CSV with the columns type (name or KADID's number), L1, ..., L5.

    Raises `InputError` for one that cannot be read, lacks a column or holds no numbers.
    """
    names = {str(each.number): name for name, each in DISTORTIONS.items()}
    names |= {name: name for name in DISTORTIONS}
    try:
        with open(path, encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file.read(MAX_BYTES).splitlines()))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not a text"
        raise InputError(f"{path}: cannot be read: {reason}") from None
    found: Opinions = {}
    for number, row in enumerate(rows, 2):
        try:
            name = names[row["type"]]
            found |= {(name, level): float(row[f"L{level}"]) for level in LEVELS}
        except (KeyError, TypeError, ValueError):
            raise InputError(
                f"{path}: line {number} is not type, L1, ..., L5 of a known distortion"
            ) from None
    if not found:
        raise InputError(f"{path}: holds no opinion scores")
    return found
