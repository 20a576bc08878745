"""Curvatures of the cost by the networks, and rounding that makes its errors good."""

import math

import numpy as np
import pytest
import torch

from inrcodec.codec.coolchic import colours, windows
from inrcodec.codec.coolchic.model import CoolChic
from inrcodec.codec.entropy import prior
from inrcodec.codec.fitting.coolchic import compensation, curvature
from inrcodec.codec.fitting.coolchic.backends import backend_of
from inrcodec.codec.fitting.coolchic.compensation import Compensation
from inrcodec.codec.fitting.coolchic.curvature import Curvature, of_bits, of_error
from inrcodec.codec.fitting.coolchic.initialisation import untrained
from inrcodec.codec.fitting.coolchic.network_steps import NetworkSearch
from inrcodec.codec.fitting.coolchic.rate import laplace_nats
from inrcodec.codec.fitting.losses import MSE, Distortion
from tests.latent_files import coolchic, coolchic_v1, coolchic_v2

MODELS = [coolchic, coolchic_v1, coolchic_v2]
WIDTH, HEIGHT = 48, 40


def networks(model: CoolChic) -> dict[str, np.ndarray]:
    """Networks of which every parameter matters."""
    random = np.random.default_rng(3)
    mean = np.full(3, 0.5, np.float32)
    return {
        name: (value + random.normal(0, 0.03, value.shape)).astype(np.float32)
        for name, value in untrained(model, 0, mean).items()
    }


def symbols(model: CoolChic) -> list[np.ndarray]:
    random = np.random.default_rng(4)
    return [np.rint(random.laplace(0, 1, shape)).astype(np.int32) for shape in model.grids]


def flat(tensors: dict[str, np.ndarray], names: tuple[str, ...]) -> np.ndarray:
    return np.concatenate([tensors[name].ravel() for name in names])


def changed(values: dict[str, np.ndarray], names: tuple[str, ...], by: np.ndarray) -> dict:
    """The networks with a flat change of the tensors named."""
    found, at = dict(values), 0
    for name in names:
        size = values[name].size
        found[name] = values[name] + by[at : at + size].reshape(values[name].shape)
        at += size
    return {name: value.astype(np.float32) for name, value in found.items()}


@pytest.mark.parametrize("build", MODELS)
def test_the_curvature_of_the_error_is_that_of_the_colours(build, monkeypatch) -> None:
    model = build(WIDTH, HEIGHT)
    values, grids, window = networks(model), symbols(model), windows.whole(model)
    monkeypatch.setattr(curvature, "PIXELS", WIDTH * HEIGHT)
    found = of_error(model, values, grids, window)
    reach = model.features.convolutions
    inside = slice(reach, HEIGHT - reach), slice(reach, WIDTH - reach)
    before = colours.colours(model, values, grids, window)
    for seed in range(3):
        change = np.random.default_rng(seed).normal(0, 1e-4, len(found.matrix))
        after = colours.colours(model, changed(values, found.names, change), grids, window)
        moved = (after - before)[:, inside[0], inside[1]].astype(np.float64)
        expected = np.square(moved).mean()
        assert change @ found.matrix @ change / 2 == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize("build", MODELS)
def test_gradients_of_bits_add_up_to_those_of_torch(build, monkeypatch) -> None:
    """The samples' own gradients are inside; where all symbols are sampled, their sum is known."""
    model = build(WIDTH, HEIGHT)
    values, grids, window = networks(model), symbols(model), windows.whole(model)
    monkeypatch.setattr(curvature, "SYMBOLS", 1 << 20)
    sums: list[np.ndarray] = []

    def add(self, jacobian, weight) -> None:
        rows = [jacobian[name].reshape(-1, jacobian[name].shape[-1]) for name in self._names]
        if "arm.level" in jacobian:
            rows = [jacobian[n].reshape(len(jacobian[n]), -1) for n in self._names]
        sums.append(weight * np.concatenate(rows, axis=1).sum(0))

    monkeypatch.setattr(curvature._Total, "add", add)
    names = of_bits(model, values, grids, window).names
    found = np.sum(sums, axis=0)
    from inrcodec.codec.fitting.coolchic import forward

    tensors = {n: torch.tensor(v, requires_grad=True) for n, v in values.items()}
    forward.bits(model, tensors, [torch.tensor(y) for y in grids], window).backward()
    expected = flat({n: tensors[n].grad.numpy() for n in names}, names)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3 * np.abs(expected).max())


def test_nats_have_the_derivatives_of_the_rate() -> None:
    random = np.random.default_rng(0)
    outputs = random.normal(0, 2, (500, 2)).astype(np.float32)
    outputs[:3, 1] = -9, 14, 0  # beyond the range of scales
    drawn = np.rint(random.laplace(0, 3, 500)).astype(np.float32)
    found = curvature._nats_by_outputs(drawn, outputs)
    difference = torch.tensor(drawn - outputs[:, 0])
    _, by_value, by_log_scale = laplace_nats(difference, torch.tensor(outputs[:, 1]))
    np.testing.assert_allclose(found[:, 0], -by_value.numpy(), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found[:, 1], by_log_scale.numpy(), rtol=1e-4, atol=1e-5)


def a_curvature(model: CoolChic, correlated: float) -> Curvature:
    """A curvature of the synthesis and the convolutions, the more correlated the more a common
    factor counts."""
    names = tuple(name for name in model.shapes if name.startswith(("synthesis.", "conv.")))
    size = sum(math.prod(model.shapes[name]) for name in names)
    random = np.random.default_rng(0)
    common = random.normal(size=(64, size))
    return Curvature(names, np.eye(size) + correlated * common.T @ common)


def residuals(model: CoolChic) -> dict[str, np.ndarray]:
    random = np.random.default_rng(1)
    return {name: random.laplace(0, 0.02, shape) for name, shape in model.shapes.items()}


def errors(model: CoolChic, own: Compensation, log_step: int) -> tuple[np.ndarray, np.ndarray]:
    """What rounding at one step changes, with compensation and without, by the tensors of
    `a_curvature`."""
    chosen = own.symbols(dict.fromkeys(own.groups, log_step))
    wanted, found = residuals(model), {}
    for group, flat_symbols in chosen.items():
        at = 0
        for name in model.groups[group]:
            size = wanted[name].size
            found[name] = flat_symbols[at : at + size].reshape(wanted[name].shape) * 2.0**log_step
            at += size
    names = a_curvature(model, 0).names
    target = flat(wanted, names)
    plain = np.rint(target * 2.0**-log_step) * 2.0**log_step
    return flat(found, names) - target, plain - target


def test_without_correlation_it_rounds_to_the_nearest() -> None:
    model = coolchic(WIDTH, HEIGHT)
    own = Compensation(model, a_curvature(model, 0.0), residuals(model), 1.0, 0.0)
    assert set(own.groups) == {"synthesis.weight", "synthesis.bias", "conv"}
    np.testing.assert_allclose(*errors(model, own, -6), atol=1e-12)


def test_correlated_errors_make_each_other_good(monkeypatch) -> None:
    monkeypatch.setattr(compensation, "DAMPING", 0.01)
    model = coolchic(WIDTH, HEIGHT)
    known = a_curvature(model, 1.0)
    own = Compensation(model, known, residuals(model), 1.0, 0.0)
    good, plain = (float(error @ known.matrix @ error) for error in errors(model, own, -7))
    assert good < 0.3 * plain


def test_dear_bits_make_symbols_smaller() -> None:
    model, sizes = coolchic(WIDTH, HEIGHT), []
    for worth in (0.0, 1e-4, 1.0):
        own = Compensation(model, a_curvature(model, 0.1), residuals(model), 1.0, worth)
        steps = dict.fromkeys(own.groups, -6)
        sizes.append(sum(int(np.abs(s).sum()) for s in own.symbols(steps).values()))
    assert sizes[0] > sizes[1] > sizes[2] == 0


@pytest.mark.parametrize("build", MODELS)
def test_a_search_with_compensation_costs_less(build) -> None:
    model = build(WIDTH, HEIGHT)
    values, grids, window = networks(model), symbols(model), windows.whole(model)
    made = colours.colours(model, values, grids, window)
    target = made + np.random.default_rng(5).normal(0, 0.02, made.shape).astype(np.float32)
    backend = backend_of(model)
    start = untrained(model, 0, np.full(3, 0.5, np.float32))
    lmbda, costs, sizes = 1e-4, [], []
    for compensating in (False, True):
        given = Distortion(MSE, target), lmbda, backend
        search = NetworkSearch(model, start, grids, *given, compensating=compensating)
        chosen = search.run(values)
        read = {
            name: value.astype(np.float32)
            for group in model.groups
            for name, value in search._read_back(
                group,
                chosen.symbols[group],
                round(math.log2(prior.step_size(chosen.steps[group]))),
            ).items()
        }
        bits = backend.bits(model, read, grids, window) + 8 * len(chosen.to_bytes())
        error = Distortion(MSE, target)(backend.colours(model, read, grids, window), window)
        costs.append(error + lmbda * bits / (64 * 64))
        sizes.append(len(chosen.to_bytes()))
    assert costs[1] < costs[0]
    assert sizes[1] < sizes[0]


def test_a_window_within_reach_of_the_convolutions_has_no_curvature() -> None:
    model = coolchic(4, 40)
    found = of_error(model, networks(model), symbols(model), windows.whole(model))
    assert found.names == ()


def test_networks_beyond_single_precision_have_no_curvature() -> None:
    model = coolchic(WIDTH, HEIGHT)
    wild = {name: value * np.float32(1e30) for name, value in networks(model).items()}
    given = model, wild, symbols(model), windows.whole(model)
    assert of_error(*given).names == ()
    assert of_bits(*given).names == ()
