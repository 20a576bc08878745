"""A simulated link: which packets are lost, and when the others arrive.

Losses are independent (Bernoulli), in bursts (Gilbert 1960, Elliott 1963: a good state that loses
nothing and a bad one that loses all) or those of a recorded trace. Everything is seeded, and every
link records what it lost.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path

from inrcodec.errors import InputError, OptionError

MAX_TRACE = 1 << 24
MOST_LOSS = 0.95


@dataclass(frozen=True, slots=True)
class Loss:
    """What loses packets: the share `mean` of them, in bursts of `burst` on average (None: each by
    itself), or as `trace` says, a bool a packet and from the beginning again at its end."""

    mean: float = 0.0
    burst: float | None = None
    trace: tuple[bool, ...] = ()

    @classmethod
    def of(cls, text: str) -> Loss:
        """Parse `none`, `bernoulli:10%`, `ge:10%:4` (mean loss, mean burst in packets) or
        `trace:FILE` (a text of 0s and 1s, 1 for lost). Raises `OptionError`, `InputError`."""
        kind, *parts = text.split(":")
        if kind == "none" and not parts:
            return cls()
        if kind == "bernoulli" and len(parts) == 1:
            return cls(_share(parts[0], text))
        if kind == "ge" and len(parts) == 2:
            mean, burst = _share(parts[0], text), _number(parts[1], text)
            if burst < 1 or mean / (1 - mean) > burst:
                raise OptionError(f"bursts of {burst:g} packets cannot make a loss of {mean:.0%}")
            return cls(mean, burst)
        if kind == "trace" and parts:
            trace = _read_trace(Path(":".join(parts)))
            return cls(sum(trace) / len(trace), None, trace)
        raise OptionError(
            f"{text!r} is not a loss: none, bernoulli:10%, ge:10%:4 (mean, burst) or trace:FILE"
        )

    def losses(self, seed: int) -> Iterator[bool]:
        """Whether packet after packet is lost, without end."""
        if self.trace:
            yield from cycle(self.trace)
        draw = random.Random(seed).random
        if self.burst is None:
            while True:
                yield draw() < self.mean
        recover = 1 / self.burst
        fail = self.mean * recover / (1 - self.mean)
        bad = draw() < self.mean
        while True:
            yield bad
            bad = draw() >= recover if bad else draw() < fail


NO_LOSS = Loss()


@dataclass(slots=True)
class Link:
    """One direction of a link: packets go out one after the other at `bytes_per_s` (None: at once),
    arrive `delay_s` later, or never. `mask` records which were lost."""

    loss: Loss
    seed: int = 0
    delay_s: float = 0.0
    bytes_per_s: float | None = None
    mask: list[bool] = field(default_factory=list)
    _free_s: float = 0.0
    _losses: Iterator[bool] | None = None

    def send(self, now_s: float, size_bytes: int) -> tuple[float, float | None]:
        """(when the link is free again, when the packet arrives or None if it is lost)."""
        if self._losses is None:
            self._losses = self.loss.losses(self.seed)
        start = max(now_s, self._free_s)
        took = size_bytes / self.bytes_per_s if self.bytes_per_s else 0.0
        self._free_s = start + took
        lost = next(self._losses)
        self.mask.append(lost)
        return self._free_s, None if lost else self._free_s + self.delay_s


def bytes_per_s(text: str) -> float:
    """A rate such as 1M, 500k or 64000 bits a second, in bytes a second; raises `OptionError`."""
    unit = {"k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9}.get(text[-1:], 0.0)
    value = _number(text[:-1] if unit else text, text) * (unit or 1.0) / 8
    if not 100 <= value <= 1e10:
        raise OptionError(f"{text!r} is not a rate in bits a second, such as 500k or 1M")
    return value


def share_of(text: str) -> float:
    """A share such as 10% or 0.1, in [0, 0.95]; raises `OptionError`."""
    return _share(text, text)


def _share(text: str, whole: str) -> float:
    """The same as a part of a longer word."""
    value = _number(text[:-1], whole) / 100 if text.endswith("%") else _number(text, whole)
    if not 0 <= value <= MOST_LOSS:
        raise OptionError(f"{whole!r}: a loss of {value:.0%} is outside 0 .. 95 %")
    return value


def _number(text: str, whole: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise OptionError(f"{whole!r}: {text!r} is not a number") from None
    if value != value or abs(value) == float("inf"):
        raise OptionError(f"{whole!r}: {text!r} is not a number")
    return value


def _read_trace(path: Path) -> tuple[bool, ...]:
    """The losses a file lists."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_TRACE + 1)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None
    marks = data.translate(None, b" \t\r\n,")
    if marks and marks.count(b"1") > MOST_LOSS * len(marks):
        raise InputError(f"{path}: a trace loses at most {MOST_LOSS:.0%}")
    if len(data) > MAX_TRACE or not marks or set(marks) - set(b"01"):
        raise InputError(f"{path} is not a trace: at most {MAX_TRACE} 0s and 1s, 1 for lost")
    return tuple(mark == ord("1") for mark in marks)
