"""Measure how an image suffers when its file's weights, symbols or packets are damaged.

    judge = Judge(reference, ["psnr", "ssim"])
    bench = DamageBench(data, judge)
    for outcome in bench.outcomes(LADDER, seeds=10):
        print(outcome.kind, outcome.level, outcome.metric, outcome.mean, outcome.worst)

A trial damages what `operations.py` names, decodes as the decoder does, rounds to samples and
scores. A seed draws the same numbers at every level of a kind: what is lost at one level is lost at
the next. A trial that leaves no image counts as a mid-gray one.

Networks are damaged as they compute, after dequantisation, those of an alpha plane too. Bits flip
in symbols: in those of coordinate networks; of latent-grid models in all grids and in the networks
behind them. Packets hold the file in order, and a decoder shows what came before the first lost.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from functools import partial

import numpy as np

from inrcodec.codec.decode import check_cost
from inrcodec.codec.entropy.quantized import Change
from inrcodec.codec.families import Stored, read
from inrcodec.codec.format import bitstream
from inrcodec.codec.limits import Limits
from inrcodec.codec.runtime import torch_threads
from inrcodec.codec.view import view_of
from inrcodec.errors import FormatError, OptionError, TruncatedError
from inrcodec.metrics.damage.operations import (
    NETWORK_DAMAGE,
    arrived,
    flipped,
)
from inrcodec.metrics.damage.outcome import MOST_SEEDS, Outcome
from inrcodec.metrics.judge import Judge
from inrcodec.metrics.metric_table import metric
from inrcodec.pixels import Picture, Samples
from inrcodec.signals.records import channels_as_rows

Ladder = Mapping[str, Sequence[float]]
Scores = dict[str, float] | None
"""The metrics of one trial; None if it left no image."""

LADDER: dict[str, tuple[float, ...]] = {
    "gaussian": (1e-4, 3e-4, 1e-3, 3e-3),
    "gaussian-relative": (1e-3, 3e-3, 1e-2, 3e-2),
    "binary": (1e-4, 1e-3, 1e-2),
    "neurons": (1.0, 2.0, 4.0),
    "layers": (1.0,),
    "bits": (1e-5, 1e-4, 1e-3),
    "packets": (0.01, 0.03, 0.1),
}
"""Every kind of damage, and the levels of each that say how a file stands it."""

MIDDLE: Ladder = {kind: (levels[len(levels) // 2],) for kind, levels in LADDER.items()}
"""One level of each kind: enough for a summary."""

COUNTS = ("neurons", "layers")
MOST_COUNTED = 4096


def check(ladder: Ladder, seeds: int) -> None:
    """Raise `OptionError` for damage that does not exist."""
    if isinstance(seeds, bool) or not isinstance(seeds, int):
        raise OptionError(f"seeds must be a whole number, got {seeds!r}")
    if not 1 <= seeds <= MOST_SEEDS:
        raise OptionError(f"seeds must be in [1, {MOST_SEEDS}], got {seeds}")
    for kind, levels in ladder.items():
        if kind not in LADDER:
            raise OptionError(f"unknown damage {kind!r}; known: {', '.join(LADDER)}")
        for level in levels:
            if not isinstance(level, (int, float)):
                raise OptionError(f"{kind} takes numbers, got {level!r}")
            if kind in COUNTS and not (float(level).is_integer() and 0 <= level <= MOST_COUNTED):
                raise OptionError(f"{kind} takes whole numbers up to {MOST_COUNTED}, got {level}")
            most = 100.0 if kind.startswith("gaussian") else 1.0
            if kind not in COUNTS and not 0 <= level <= most:
                raise OptionError(f"{kind} takes levels in [0, {most:g}], got {level}")


class DamageBench:
    """One file and the judge of its reference, ready to be damaged. Of sound and of clips, the
    reference and what is judged are sheets (`report.signals.judged`).

    `metrics` chooses some of the judge's (default: all). `clean` has the metrics of the undamaged
    file, `lost` those of a mid-gray image. `device` evaluates coordinate networks. `max_pixels` and
    `max_work` bound each decode, as in `inrcodec.decode_picture`. Raises what decoding raises.
    """

    def __init__(
        self,
        data: bytes,
        judge: Judge,
        *,
        metrics: Sequence[str] | None = None,
        threads: int | None = None,
        device: str = "cpu",
        max_pixels: int | None = None,
        max_work: float | None = None,
    ) -> None:
        limits = Limits.of(max_pixels, max_work)
        self.metrics = tuple(judge.names if metrics is None else metrics)
        self._judge, self._threads, self._data = judge, threads, data
        container = bitstream.read(data)
        if not container.complete:
            raise TruncatedError("the file is cut short; damage is measured on whole files")
        self._header = header = container.header
        self._view = view_of(header.width, header.height, None, None, None, header.frames)
        check_cost(container, self._view, limits)
        self._read = partial(read, threads=threads, device=device)
        self._stored = self._read(container)
        self.clean = self._score(self._stored, None)
        shape = header.frames * header.height, header.width, header.channels
        middle = 1 << (header.bit_depth - 1)
        if header.bit_depth == 8:
            self.lost = self._values(np.full(shape, middle, np.uint8))
        else:
            self.lost = self._values(np.full(shape, middle, np.uint16))

    def outcomes(self, ladder: Ladder = LADDER, seeds: int = 10) -> Iterator[Outcome]:
        """Yield the outcome of every level of every kind for every metric, in order; raises as
        `check` does."""
        check(ladder, seeds)
        for kind, levels in ladder.items():
            for level in levels:
                scores = [self._trial(kind, level, seed) for seed in range(seeds)]
                for name in self.metrics:
                    yield self._outcome(kind, level, name, scores)

    def _outcome(self, kind: str, level: float, name: str, scores: Sequence[Scores]) -> Outcome:
        """What one metric says of the trials at one level."""
        values = tuple((self.lost if score is None else score)[name] for score in scores)
        worst = min(values) if metric(name).higher_is_better else max(values)
        return Outcome(kind, level, name, values, scores.count(None), worst)

    def _trial(self, kind: str, level: float, seed: int) -> Scores:
        """Run one trial and return its scores; None if it leaves no image."""
        random = np.random.default_rng([seed, zlib.crc32(kind.encode())])
        if kind == "packets":
            return self._streamed(arrived(self._data, level, random))
        if kind == "bits":
            return self._score(self._stored.changed(lambda s: flipped(s, level, random)), None)
        return self._score(self._stored, lambda v, u: NETWORK_DAMAGE[kind](v, u, level, random))

    def _streamed(self, data: bytes) -> Scores:
        """Score a file that was cut short; None if nothing can be decoded."""
        try:
            return self._score(self._read(bitstream.read_runs([data])), None)
        except FormatError:
            return None

    def _score(self, stored: Stored, damage: Change | None) -> dict[str, float]:
        """Score the image of what is stored, its networks damaged by `damage`."""
        depth, threads = self._header.bit_depth, self._threads
        return self._values(stored.render(self._view, depth, threads=threads, change=damage))

    def _values(self, samples: Samples) -> dict[str, float]:
        """Score an image, or the sheet of a signal."""
        picture = Picture(channels_as_rows(samples) if self._header.axes == 1 else samples)
        with torch_threads(self._threads):
            return self._judge.score(picture, self.metrics)
