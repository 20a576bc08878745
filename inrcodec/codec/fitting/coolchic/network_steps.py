"""Which quantisation step for which group of network parameters, by measured rate and distortion.

Six numbers decide, and each is found by moving it while the measured cost falls. The ARM moves only
the bits of the latents, the others only the error of the image, so a trial computes one of the
two. What a file stores of a group is the residual to its trained initialisation, in units of the
step: after fits that are worth the time rounded with compensation (compensation.py), which allows
coarser steps at the same harm, else each parameter for itself.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise, product

import numpy as np
from numpy.typing import NDArray

from inrcodec.codec.coolchic import windows
from inrcodec.codec.coolchic.model import CoolChic
from inrcodec.codec.coolchic.planes import group_values
from inrcodec.codec.entropy import prior
from inrcodec.codec.entropy.prior import PRIOR_BYTES, Symbols
from inrcodec.codec.entropy.quantized import Quantized
from inrcodec.codec.fitting.coolchic import curvature
from inrcodec.codec.fitting.coolchic.backend import Backend, empty
from inrcodec.codec.fitting.coolchic.compensation import Compensation
from inrcodec.codec.fitting.coolchic.network_cost import COMMON_STEPS
from inrcodec.codec.fitting.coolchic.step import rate_pixels
from inrcodec.codec.fitting.losses import Distortion
from inrcodec.errors import FitError, LimitError

Values = dict[str, NDArray[np.float32]]

ARM_STEPS = range(-8, 1)
"""log2 of the steps tried for the ARM: its integers are multiples of 2^-8."""

PIXEL_STEPS = range(-16, -1)
"""log2 of the steps tried for the networks that make pixels."""

BALANCE_ROUNDS, LEAST_BALANCED = 20, 1e-4
"""Each round evens every layer with the next. A feature that is hardly made, or hardly read, stays
as it is."""

COMPENSATED_STEPS = {
    "arm.weight": -5,
    "arm.bias": -4,
    "synthesis.weight": -8,
    "synthesis.bias": -8,
    "conv": -8,
}
"""log2 of usual steps of groups that are rounded with compensation."""

MOST_COMPENSATED = 4096
"""Most parameters of a model that are rounded with compensation: its time goes with their cube."""

SWEEPS = 2
"""Times that the steps of a network, rounded with compensation, are moved in turn."""

MOST_WORSE = 2
"""Finer steps in a row that may round worse, by chance, before the search for another ends."""

MUCH_LOST = 1.1
"""Cost with rounded networks over that with exact ones which take no bytes from which on rounding
each parameter for itself is searched too. Features that are never active in the samples, but would
be with other parameters, are what compensation does not know of: 96 x 96 pixels of Kodak 23 at
lambda 1e-6 had 43 dB so, and 52 without."""

LARGEST_ROW, LARGEST_BIAS = 220.0, 240.0
"""Bounds of an ARM before rounding: `arm.MAX_ROW` and `arm.MAX_BIAS` less what rounding may add, a
bias being a sum of two."""


class NetworkSearch:
    """Finds the steps of one fitted plane.

    `init` are the parameters a decoder has before the file (zeros without a trained
    initialisation), `latents` the rounded latents; `distortion`, `lmbda` and `backend` are those of
    the fit. `compensating` says whether errors of rounding are made good.
    """

    def __init__(
        self,
        model: CoolChic,
        init: Mapping[str, NDArray[np.float32]],
        latents: Sequence[Symbols],
        distortion: Distortion,
        lmbda: float,
        backend: Backend,
        *,
        compensating: bool = False,
    ) -> None:
        self.model, self.init, self.lmbda = model, init, lmbda
        self._distortion, self._backend = distortion, backend
        self._latents, self._empty, self._compensating = latents, empty(latents), compensating
        self._window = top, bottom, left, right = windows.middle(model)
        self._share = (bottom - top) * (right - left) / (model.width * model.height)
        self._pixels = rate_pixels(model) * self._share

    def run(self, values: Values) -> Quantized:
        """Quantise the networks `values` at the steps of the lowest cost."""
        for name, value in values.items():
            if not np.isfinite(value).all():
                raise FitError(f"tensor {name} is not finite: the fit diverged; try another seed")
        if not any(tensor.any() for tensor in self.init.values()):
            values = balanced(self.model, values)
        values = within_limits(self.model, values)
        symbols: dict[str, Symbols] = {}
        steps: dict[str, int] = {}
        current = dict(values)
        for rounding in self._compensations(values):
            steps |= (best := self._compensated(rounding, values))
            symbols |= rounding.symbols(best) if best else {}
        for group in self.model.groups:
            if group not in steps:
                steps[group] = self._best_step(group, current, values)
                symbols[group] = residual(self.model, group, values, self.init, steps[group])
            current |= self._read_back(group, symbols[group], steps[group])
        codes = {group: prior.step_code(2.0 ** steps[group]) for group in self.model.groups}
        in_order = {group: symbols[group] for group in self.model.groups}
        return Quantized(in_order, codes)

    def _compensations(self, values: Values) -> Iterator[Compensation]:
        """What rounds the ARM, and what rounds the networks that make pixels, with compensation;
        none where that is not worth the time."""
        if not self._compensating or self.model.parameter_count > MOST_COMPENSATED:
            return
        residuals = {name: values[name] - self.init[name] for name in values}
        worth = self.lmbda / self._pixels
        given = self.model, values, self._latents, self._window
        for found, unit in (
            (curvature.of_bits(*given), worth),
            (curvature.of_error(*given), 1.0),
        ):
            if found.names:
                yield Compensation(self.model, found, residuals, unit, worth * self._share)

    def _compensated(self, rounding: Compensation, values: Values) -> dict[str, int]:
        """log2 of the steps at which the groups of a network, rounded with compensation, have the
        lowest cost, each moved in turn from usual ones; none where rounding each parameter for
        itself costs less, at usual steps or, where much is lost, at the best."""
        costs: dict[tuple[int, ...], float] = {}
        harmless = self._harm(values, *rounding.groups)

        def cost(at: Mapping[str, int], below: float = math.inf) -> float:
            """The cost, or `below` where one that rounded without harm would not cost less."""
            key = tuple(at.values())
            if key not in costs:
                symbols = rounding.symbols(at)
                if harmless + self._rate_cost(symbols, at) >= below:
                    return below
                costs[key] = self._cost(symbols, at, values)
            return costs[key]

        best = {group: COMPENSATED_STEPS[group] for group in rounding.groups}
        for group, by in SWEEPS * list(product(rounding.groups, (1, -1))):
            trial, worse = best, 0
            while worse < (1 if by > 0 else MOST_WORSE):
                if (step := trial[group] + by) not in steps_tried(group):
                    break
                trial = trial | {group: step}
                cheaper = cost(trial, cost(best)) < cost(best)
                best, worse = (trial, 0) if cheaper else (best, worse + 1)
        steps = {group: COMMON_STEPS[group.split(".")[0]] for group in rounding.groups}
        if cost(best) > MUCH_LOST * harmless:
            steps = {group: self._best_step(group, values, values) for group in rounding.groups}
        for_itself = {g: residual(self.model, g, values, self.init, steps[g]) for g in steps}
        return best if cost(best) < self._cost(for_itself, steps, values) else {}

    def _best_step(self, group: str, current: Values, values: Values) -> int:
        """log2 of the step of a group at which the cost is lowest: coarser ones from a usual one
        while it falls, then finer ones as long as one that did no harm would cost less, since by
        chance a finer one may round worse."""
        tried = steps_tried(group)
        costs: dict[int, float] = {}

        def cost(step: int) -> float:
            if step not in costs:
                costs[step] = self._cost(group_symbols(step), {group: step}, current)
            return costs[step]

        def group_symbols(step: int) -> dict[str, Symbols]:
            return {group: residual(self.model, group, values, self.init, step)}

        first = best = COMMON_STEPS[group.split(".")[0]]
        if not group_symbols(min(tried))[group].any():
            return best
        while best + 1 in tried and cost(best + 1) < cost(best):
            best += 1
        harmless = self._harm(current | {n: values[n] for n in self.model.groups[group]}, group)
        for step in range(first - 1, min(tried) - 1, -1):
            if harmless + self._rate_cost(group_symbols(step), {group: step}) >= cost(best):
                break
            if cost(step) < cost(best):
                best = step
        return best

    def _read_back(self, group: str, symbols: Symbols, step: int) -> Values:
        """The tensors of a group as a decoder will compute with them."""
        values = group_values(self.model, group, symbols, self.init, 2.0**step)
        return {name: value.astype(np.float32) for name, value in values.items()}

    def _cost(
        self, symbols: Mapping[str, Symbols], steps: Mapping[str, int], current: Values
    ) -> float:
        """Rate-distortion cost with these groups, of the ARM or of the networks that make pixels,
        as given and the others as they are; infinite for an ARM beyond its integers."""
        trial = dict(current)
        for group, own in symbols.items():
            trial |= self._read_back(group, own, steps[group])
        return self._harm(trial, *symbols) + self._rate_cost(symbols, steps)

    def _rate_cost(self, symbols: Mapping[str, Symbols], steps: Mapping[str, int]) -> float:
        """Lambda times the bits a pixel of these groups."""
        rate = 0.0
        for group, own in symbols.items():
            code = prior.fit_prior(own, prior.step_code(2.0 ** steps[group]))
            rate += prior.cost_bits(own, code) + 8 * PRIOR_BYTES
        return self.lmbda * rate * self._share / self._pixels

    def _harm(self, trial: Values, *groups: str) -> float:
        """What networks cost, without their own bytes, in the part that these groups change: of an
        ARM lambda times the bits a pixel of the latents, of the others the error of the image."""
        given = self.model, trial, self._latents, self._window
        if any(group.startswith("arm") for group in groups):
            try:
                self.model.integer_arm(trial)
            except LimitError:
                return math.inf
            return self.lmbda * self._backend.bits(*given, self._empty) / self._pixels
        made = self._backend.colours(*given).clip(0, 1)
        return self._distortion(made, self._window)


def steps_tried(group: str) -> range:
    """log2 of the steps that are tried for a group."""
    return ARM_STEPS if group.startswith("arm") else PIXEL_STEPS


def balanced(model: CoolChic, values: Values) -> Values:
    """Networks that compute the same, every hidden feature scaled so that the weights which make it
    are as large as those which read it: ReLU lets a scale through, and all weights share a step.

    Fits without a trained initialisation leave features of hundreds read by weights of thousandths,
    finer than an ARM can have them; a file of Kodak 23 by `coolchic-v2` (10,000 steps) is 7 %
    smaller so.
    """
    made = {name: value.astype(np.float64) for name, value in values.items()}
    for part, widths in (("arm", model.arm_widths), ("synthesis", model.synthesis_widths)):
        layers = [*map(str, range(len(widths))), "out"]
        for _ in range(BALANCE_ROUNDS):
            for before, after in pairwise(layers):
                into, out = f"{part}.weight.{before}", f"{part}.weight.{after}"
                rows, columns = (model.effective(name, made[name]) for name in (into, out))
                makes, reads = _rms(rows, 1), _rms(columns, 0)
                used = np.minimum(makes, reads) > LEAST_BALANCED
                factor = np.sqrt(np.where(used, reads, 1) / np.where(used, makes, 1))
                made[into] = made[into] + rows * (factor[:, None] - 1)
                made[out] = made[out] + columns * (1 / factor - 1)
                made[f"{part}.bias.{before}"] = made[f"{part}.bias.{before}"] * factor
                if "arm.level" in made and into == "arm.weight.0":
                    made["arm.level"] = made["arm.level"] * factor
    return {name: value.astype(np.float32) for name, value in made.items()}


def _rms(matrix: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    return np.asarray(np.sqrt(np.square(matrix).mean(axis)))


def within_limits(model: CoolChic, values: Values) -> Values:
    """The parameters, with rows and biases of an ARM too large for its integers scaled down.

    Fits of ordinary images come nowhere near; long ones of a few pixels can.
    """
    layers = [*map(str, range(len(model.arm_widths))), "out"]
    held = dict(values)
    for layer in layers:
        name = f"arm.weight.{layer}"
        same = model.effective(name, np.zeros_like(values[name]))
        rows = np.abs(model.effective(name, values[name])).sum(1)
        names = [name]
        if layer == "out" and model.features.linear_branches:
            rows = rows + np.abs(values["arm.linear"]).sum(1)
            names.append("arm.linear")
        factor = np.minimum(1, LARGEST_ROW / np.maximum(rows, 1e-9)).astype(np.float32)[:, None]
        for tensor in names:
            kept = same if tensor == name else np.float32(0)
            held[tensor] = (values[tensor] + kept) * factor - kept
    for name in values:
        if name.startswith("arm") and ".weight." not in name and name != "arm.linear":
            held[name] = np.clip(values[name], -LARGEST_BIAS, LARGEST_BIAS)
    return held


def residual(
    model: CoolChic,
    group: str,
    values: Mapping[str, NDArray[np.float32]],
    init: Mapping[str, NDArray[np.float32]],
    step: int,
) -> Symbols:
    """The residual of a group to its initial values, flat, in units of 2^step, rounded."""
    flat = [(values[name] - init[name]).ravel() for name in model.groups[group]]
    rounded = np.rint(np.concatenate(flat) * 2.0**-step)
    return np.clip(rounded, -prior.MAX_MAGNITUDE, prior.MAX_MAGNITUDE).astype(np.int32)
