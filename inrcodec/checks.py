"""Checks of numbers that callers give: Python's, NumPy's, torch's, or any that count as such."""

from __future__ import annotations

import difflib
import operator
from collections.abc import Iterable
from decimal import Decimal
from numbers import Real
from typing import Any

from inrcodec.errors import OptionError

LIKENESS = 0.6
"""Of a name that may have been meant to the one that was given, by `difflib`."""


def whole(name: str, value: object, low: int, high: int) -> int:
    """`value` as an int in [low, high]; 50.0 and NumPy integers count as whole numbers. Raises
    `OptionError`."""
    number = plain = _plain(value)
    if _is_number(plain):
        _check_range(name, plain, low, high)  # first: Decimal("1E+10000000") as an int takes long
        number = int(plain) if plain == int(plain) else None
    try:
        checked = operator.index(number)
    except TypeError:
        checked = None
    if checked is None or _is_flag(plain):
        raise OptionError(f"{name} must be a whole number, got {_shown(plain)}")
    _check_range(name, checked, low, high)
    return checked


def real(name: str, value: object, low: float, high: float) -> float:
    """`value` as a float in [low, high]. Raises `OptionError`."""
    number = _plain(value)
    if not _is_number(number):
        raise OptionError(f"{name} must be a number, got {_shown(number)}")
    _check_range(name, number, low, high)
    return float(number)


def flag(name: str, value: object) -> bool:
    """`value` as a bool; raises `OptionError` for anything but True and False."""
    if not _is_flag(value):
        raise OptionError(f"{name} must be True or False, got {_shown(value)}")
    return bool(value)


def _plain(value: Any) -> Any:
    """The number in an array or tensor without dimensions; anything else as it is."""
    return value.item() if getattr(value, "ndim", None) == 0 else value


def known(what: str, name: object, names: Iterable[str]) -> None:
    """Raise `OptionError` with what may have been meant unless `name` is one of these."""
    if name in (listed := list(names)):
        return
    near = difflib.get_close_matches(str(name), listed, 2, LIKENESS)
    hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(listed)}"
    raise OptionError(f"unknown {what} {_shown(name)}; {hint}")


def _is_flag(value: object) -> bool:
    """Whether a value is a bool of Python or NumPy."""
    return type(value).__name__ in ("bool", "bool_")


def _is_number(value: Any) -> bool:
    """Whether a value is a real number, so neither a flag nor NaN."""
    if isinstance(value, Decimal):
        return not value.is_nan()
    return isinstance(value, Real) and not _is_flag(value) and bool(value == value)


def _check_range(name: str, number: float, low: float, high: float) -> None:
    if not low <= number <= high:
        bounds = ", ".join(str(b) if isinstance(b, int) else f"{b:g}" for b in (low, high))
        raise OptionError(f"{name} must be in [{bounds}], got {_shown(number)}")


def _shown(value: object) -> str:
    """The value for a message, however long."""
    text = str(value) if isinstance(value, (Real, Decimal)) else repr(value)
    return text if len(text) <= 40 else f"{text[:40]}..."
