"""A simulated link: which packets it loses, and when the others arrive.

Packets are lost independently (Bernoulli), in bursts (Gilbert 1960, Elliott 1963: a good state
that loses no packet and a bad one that loses all), or as a recorded trace says. Everything is
seeded, and every link records which packets it lost.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path

from inrcodec.errors import InputError, OptionError

MAX_TRACE = 1 << 24
"""Most bytes of a trace."""

MOST_PACKET_LOSS = 0.95
"""Beyond it nothing gets through in a reasonable time."""


@dataclass(frozen=True, slots=True)
class PacketLoss:
    """Which packets are lost: the share `mean` of them, in bursts of `burst` packets on average
    (None: each independently); or as `trace` says, a bool for each packet, over and over again."""

    mean: float = 0.0
    burst: float | None = None
    trace: tuple[bool, ...] = ()

    @classmethod
    def of(cls, text: str) -> PacketLoss:
        """Parse `none`, `bernoulli:10%`, `ge:10%:4` (mean packet loss, mean burst in packets) or
        `trace:FILE` (a text of 0s and 1s, 1 for lost). Raises `OptionError` for another text and
        `InputError` for a file that cannot be read or is no trace."""
        kind, *parts = text.split(":")
        if kind == "none" and not parts:
            return cls()
        if kind == "bernoulli" and len(parts) == 1:
            return cls(_share(parts[0], text))
        if kind == "ge" and len(parts) == 2:
            mean, burst = _share(parts[0], text), _number(parts[1], text)
            if burst < 1 or mean / (1 - mean) > burst:
                raise OptionError(f"bursts of {burst:g} packets cannot lose {mean:.0%} of them")
            return cls(mean, burst)
        if kind == "trace" and parts:
            trace = _read_trace(Path(":".join(parts)))
            return cls(sum(trace) / len(trace), None, trace)
        raise OptionError(
            f"{text!r} is no packet loss: none, bernoulli:10%, ge:10%:4 (mean, burst) or trace:FILE"
        )

    def draws(self, seed: int) -> Iterator[bool]:
        """Yield for packet after packet whether it is lost, without end."""
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


NO_PACKET_LOSS = PacketLoss()


@dataclass(slots=True)
class Link:
    """One direction of a link: packets go out one after another at `bytes_per_s` (None: at once),
    and arrive `delay_s` later, or never. `mask` records which were lost."""

    packet_loss: PacketLoss
    seed: int = 0
    delay_s: float = 0.0
    bytes_per_s: float | None = None
    mask: list[bool] = field(default_factory=list)
    _free_s: float = 0.0
    _draws: Iterator[bool] | None = None

    def send(self, now_s: float, size_bytes: int) -> tuple[float, float | None]:
        """Send a packet; return when the link is free again, and when the packet arrives or None if
        it is lost, in seconds."""
        if self._draws is None:
            self._draws = self.packet_loss.draws(self.seed)
        start = max(now_s, self._free_s)
        took = size_bytes / self.bytes_per_s if self.bytes_per_s else 0.0
        self._free_s = start + took
        lost = next(self._draws)
        self.mask.append(lost)
        return self._free_s, None if lost else self._free_s + self.delay_s


def bytes_per_s(text: str) -> float:
    """Parse a rate such as 1M, 500k or 64000 bits a second to bytes a second; raises
    `OptionError`."""
    unit = {"k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9}.get(text[-1:], 0.0)
    value = _number(text[:-1] if unit else text, text) * (unit or 1.0) / 8
    if not 100 <= value <= 1e10:
        raise OptionError(f"{text!r} is not a rate in bits a second, such as 500k or 1M")
    return value


def share_of(text: str) -> float:
    """Parse a share of packets such as 10% or 0.1, in [0, 0.95]; raises `OptionError`."""
    return _share(text, text)


def _share(text: str, whole: str) -> float:
    """Parse a share that is a part of the text `whole`, which an error names."""
    value = _number(text[:-1], whole) / 100 if text.endswith("%") else _number(text, whole)
    if not 0 <= value <= MOST_PACKET_LOSS:
        raise OptionError(f"{whole!r}: a packet loss of {value:.0%} is outside 0 .. 95 %")
    return value


def _number(text: str, whole: str) -> float:
    """Parse a finite number that is a part of the text `whole`, which an error names."""
    try:
        value = float(text)
    except ValueError:
        raise OptionError(f"{whole!r}: {text!r} is not a number") from None
    if value != value or abs(value) == float("inf"):
        raise OptionError(f"{whole!r}: {text!r} is not a number")
    return value


def _read_trace(path: Path) -> tuple[bool, ...]:
    """Read a trace: for each packet whether it is lost."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_TRACE + 1)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None
    marks = data.translate(None, b" \t\r\n,")
    if marks and marks.count(b"1") > MOST_PACKET_LOSS * len(marks):
        raise InputError(f"{path}: a trace loses at most {MOST_PACKET_LOSS:.0%}")
    if len(data) > MAX_TRACE or not marks or set(marks) - set(b"01"):
        raise InputError(f"{path} is not a trace: at most {MAX_TRACE} 0s and 1s, 1 for lost")
    return tuple(mark == ord("1") for mark in marks)
