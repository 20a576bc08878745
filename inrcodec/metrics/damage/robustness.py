"""Measure how an image suffers when its file's weights, symbols or packets are damaged.

    bench = DamageBench(data, reference)
    for outcome in bench.outcomes(LADDER, seeds=10):
        print(outcome.kind, outcome.level, outcome.mean, outcome.spread, outcome.worst)

A trial damages what `damage.py` names, decodes as the decoder does, rounds to samples and scores.
A seed draws the same numbers at every level of a kind: what is lost at one level is lost at the
next. A trial that leaves no image counts as a mid-gray one.

Networks are damaged as they compute, after dequantisation, those of an alpha plane too. Bits flip
in symbols: in those of coordinate networks; of latent-grid models in all grids and in the networks
behind them. Packets hold the file in order, and a decoder shows what came before the first lost.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean, pstdev
from typing import Any

import numpy as np

from inrcodec.codec.coolchic import render
from inrcodec.codec.coolchic.model import CoolChic
from inrcodec.codec.coolchic.planes import LatentPlane, read_latents
from inrcodec.codec.coolchic.render import Plane
from inrcodec.codec.decode import read_network
from inrcodec.codec.entropy.quantized import Quantized
from inrcodec.codec.families import model_of
from inrcodec.codec.format import bitstream
from inrcodec.codec.format.bitstream import Container, Header
from inrcodec.codec.native.pool import kernel_threads
from inrcodec.codec.networks import render
from inrcodec.codec.networks.base import CoordinateModel
from inrcodec.codec.runtime import torch_threads
from inrcodec.codec.view import view_of
from inrcodec.errors import FormatError, OptionError, TruncatedError
from inrcodec.metrics.damage.operations import (
    NETWORK_DAMAGE,
    Random,
    Tensors,
    Units,
    arrived,
    flipped,
)
from inrcodec.metrics.judge import Judge
from inrcodec.metrics.metric_table import metric
from inrcodec.pixels import Picture, Samples

Ladder = Mapping[str, Sequence[float]]
Damage = Callable[[Tensors, Units], Tensors]

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

COUNTS = ("neurons", "layers")
MOST_COUNTED, MOST_SEEDS = 4096, 10_000


@dataclass(frozen=True, slots=True)
class Outcome:
    """The values of a metric at one level of damage, one for each seed.

    `lost` counts the trials that left no image. `mean` is the mean of the values, `spread` their
    standard deviation, `worst` the worst of them.
    """

    kind: str
    level: float
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
            "mean": self.mean,
            "spread": self.spread,
            "worst": self.worst,
            "lost": self.lost,
            "values": list(self.values),
        }


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
                raise OptionError(f"{kind} takes whole numbers up to {MOST_COUNTED}, got {level:g}")
            most = 100.0 if kind.startswith("gaussian") else 1.0
            if kind not in COUNTS and not 0 <= level <= most:
                raise OptionError(f"{kind} takes levels in [0, {most:g}], got {level:g}")


class DamageBench:
    """One file against one reference, ready to be damaged.

    `clean` is the metric of the undamaged file, `lost` that of a mid-gray image. Raises what
    decoding raises, and `OptionError` for a metric that does not exist.
    """

    def __init__(
        self,
        data: bytes,
        reference: object,
        *,
        metric_name: str = "psnr",
        threads: int | None = None,
    ) -> None:
        self._higher = metric(metric_name).higher_is_better
        self._name, self._threads, self._data = metric_name, threads, data
        with torch_threads(threads):
            self._judge = Judge(reference, [metric_name])
        container = bitstream.read(data)
        if not container.complete:
            raise TruncatedError("the file is cut short; damage is measured on whole files")
        self._header = header = container.header
        self._stored = _stored(container, threads)
        self.clean = self._score(self._stored, None)
        middle = 1 << (header.bit_depth - 1)
        kind = np.uint8 if header.bit_depth == 8 else np.uint16
        gray = np.full((header.height, header.width, header.channels), middle, kind)
        self.lost = self._value(Picture(gray))

    def outcomes(self, ladder: Ladder = LADDER, seeds: int = 10) -> Iterator[Outcome]:
        """Yield the outcome of every level of every kind, in order; raises as `check` does."""
        check(ladder, seeds)
        for kind, levels in ladder.items():
            for level in levels:
                scores = [self._trial(kind, level, seed) for seed in range(seeds)]
                values = tuple(self.lost if score is None else score for score in scores)
                worst = min(values) if self._higher else max(values)
                yield Outcome(kind, level, values, scores.count(None), worst)

    def _trial(self, kind: str, level: float, seed: int) -> float | None:
        """Run one trial and return its value; None if it leaves no image."""
        random = np.random.default_rng([seed, zlib.crc32(kind.encode())])
        if kind == "packets":
            return self._streamed(arrived(self._data, level, random))
        if kind == "bits":
            return self._score(self._stored.flipped(level, random), None)
        return self._score(self._stored, lambda v, u: NETWORK_DAMAGE[kind](v, u, level, random))

    def _streamed(self, data: bytes) -> float | None:
        """Score a file that was cut short; None if nothing can be decoded."""
        try:
            stored = _stored(bitstream.read_runs([data]), self._threads)
            return self._score(stored, None)
        except FormatError:
            return None

    def _score(self, stored: _Stored, damage: Damage | None) -> float:
        """Score the image of what is stored, after damage of its networks."""
        return self._value(Picture(stored.render(self._header, damage, self._threads)))

    def _value(self, picture: Picture) -> float:
        """Score an image."""
        with torch_threads(self._threads):
            return self._judge.score(picture)[self._name]


class _Network:
    """A coordinate network as a file stores it."""

    def __init__(self, model: CoordinateModel, networks: Quantized) -> None:
        self._model, self._networks = model, networks

    def flipped(self, probability: float, random: Random) -> _Network:
        """Return a copy with flipped bits."""
        return _Network(self._model, _flipped(self._networks, probability, random))

    def render(self, header: Header, damage: Damage | None, threads: int | None) -> Samples:
        """Render the image, after damage of the network."""
        values: Tensors = self._networks.values()
        if damage is not None:
            values = damage(values, self._model.units)
        view = view_of(header.width, header.height, None, None, None)
        return render.render(self._model, values, view, header.bit_depth, threads, "cpu")


class _Grids:
    """Planes of latent grids as a file stores them."""

    def __init__(self, planes: Sequence[LatentPlane]) -> None:
        self._planes = planes

    def flipped(self, probability: float, random: Random) -> _Grids:
        """Return a copy with flipped bits, the context network as it is."""
        planes = []
        for plane in self._planes:
            networks = _flipped(plane.networks, probability, random)
            grids = tuple(flipped(grid, probability, random) for grid in plane.grids)
            planes.append(LatentPlane(plane.model, networks, plane.start, grids))
        return _Grids(planes)

    def render(self, header: Header, damage: Damage | None, threads: int | None) -> Samples:
        """Render the image, after damage of the networks."""
        planes = [Plane.of(plane) for plane in self._planes]
        if damage is not None:
            planes = [replace(p, parameters=damage(p.parameters, p.model.units)) for p in planes]
        view = view_of(header.width, header.height, None, None, None)
        with kernel_threads(threads):
            return render.render(planes, header.channels, view, header.bit_depth)


_Stored = _Network | _Grids


def _stored(container: Container, threads: int | None) -> _Stored:
    """Decode what a file stores."""
    model = model_of(container.header)
    if isinstance(model, CoolChic):
        with kernel_threads(threads):
            return _Grids(read_latents(container, model).planes)
    return _Network(*read_network(container, model))


def _flipped(networks: Quantized, probability: float, random: Random) -> Quantized:
    """Flip bits in the symbols of all networks but the context network."""
    symbols = {
        name: s if name.startswith("arm") else flipped(s, probability, random)
        for name, s in networks.symbols.items()
    }
    return replace(networks, symbols=symbols)
