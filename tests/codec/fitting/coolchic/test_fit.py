"""The fit of latents and networks, the choice of network steps, the trained initialisation."""

import math

import numpy as np
import pytest

from inrcodec.codec.coolchic import init_tables, windows
from inrcodec.codec.coolchic.features import COMPLEXITIES
from inrcodec.codec.coolchic.model import CoolChic
from inrcodec.codec.coolchic.planes import LatentPlane, group_values
from inrcodec.codec.entropy import prior
from inrcodec.codec.fitting.coolchic import analysis
from inrcodec.codec.fitting.coolchic.backends import backend_of
from inrcodec.codec.fitting.coolchic.fit import GridFit
from inrcodec.codec.fitting.coolchic.fit_setting import Budget, Initial
from inrcodec.codec.fitting.coolchic.initialisation import init_index, init_lambda, untrained
from inrcodec.codec.fitting.coolchic.network_steps import (
    ARM_STEPS,
    NetworkSearch,
    balanced,
    residual,
    within_limits,
)
from inrcodec.codec.fitting.coolchic.schedule import (
    FULL_RATE_LAMBDA,
    FULL_RATES,
    SCHEDULE,
    Schedule,
    rates_for,
)
from inrcodec.codec.fitting.coolchic.torch_backend import TorchBackend
from inrcodec.codec.fitting.losses import MSE, Distortion
from inrcodec.errors import FitError, FormatError
from tests.latent_files import coolchic, coolchic_v1, coolchic_v2

LAMBDA = 1e-3


IN_WINDOWS = Schedule(window_pixels=1000, window_side=128, least_side=64)


def a_target(height: int = 64, width: int = 80) -> np.ndarray:
    """A smooth picture with an edge and a little texture, (3, H, W) in [0, 1]."""
    y, x = np.mgrid[:height, :width] / 64.0
    waves = [np.sin(3 * x + k) * np.cos(5 * y - k) + 0.5 * (x > 0.6) for k in range(3)]
    noise = np.random.default_rng(0).normal(0, 0.05, (3, height, width))
    return np.clip(0.5 + 0.25 * np.array(waves) + noise, 0, 1).astype(np.float32)


def a_fit(target: np.ndarray, model: CoolChic, lmbda: float = LAMBDA, **options) -> GridFit:
    mean = target.mean((1, 2))
    latents = [np.zeros(shape, np.float32) for shape in model.grids]
    initial = Initial(untrained(model, 0, mean), latents)
    budget = Budget(options.pop("steps", 40), options.pop("seconds", None))
    options = {"backend": backend_of(model), **options}
    return GridFit(target, model, initial, budget, lmbda=lmbda, rates=FULL_RATES, **options)


def table(model: CoolChic, index: int) -> dict[str, np.ndarray]:
    """The trained networks of a set."""
    return init_tables.initial_parameters(init_tables.identity("high"), index, model)


def cost(fit: GridFit, lmbda: float = LAMBDA) -> tuple[float, float]:
    """(cost, bits) of the rounded latents."""
    rounded = [np.rint(y) for y in fit.latents]
    given = fit.model, fit.parameters, rounded, windows.whole(fit.model)
    bits = TorchBackend().bits(*given)
    error = float(np.square(TorchBackend().colours(*given) - fit.target).mean())
    return error + lmbda * bits / (fit.model.width * fit.model.height), bits


@pytest.mark.parametrize("build", [coolchic, coolchic_v1, coolchic_v2])
def test_a_fit_lowers_the_cost_and_repeats(build) -> None:
    target = a_target()
    fit = a_fit(target, build(80, 64))
    before, _ = cost(fit)
    steps = list(fit)
    assert cost(fit)[0] < 0.5 * before
    assert steps[-1].share == 1
    assert steps[-1].step == 40
    again = a_fit(target, build(80, 64))
    for _ in again:
        pass
    pairs = zip(fit.rounded(), again.rounded(), strict=True)
    assert all((a == b).all() for a, b in pairs)


def test_a_larger_lambda_spends_fewer_bits() -> None:
    target, spent = a_target(), []
    for lmbda in (1e-4, 1e-2):
        fit = a_fit(target, coolchic(80, 64), lmbda)
        for _ in fit:
            pass
        spent.append(cost(fit)[1])
    assert spent[1] < 0.5 * spent[0]


def test_windows_of_a_large_picture_are_all_visited() -> None:
    target = a_target(200, 300)
    fit = a_fit(target, coolchic(300, 200), steps=60, schedule=IN_WINDOWS)
    before, _ = cost(fit)
    for _ in fit:
        pass
    assert cost(fit)[0] < 0.6 * before
    corners = [grid[-1, -1] for grid in fit.latents[:2]]
    assert all(float(corner) != 0 for corner in corners)


def test_windows_of_a_round_cost_what_the_whole_picture_costs() -> None:
    """What lies around a window counts, so there is no border between two; and only then does a
    round of them pull a latent where the whole picture does."""
    target = a_target(320, 256)
    model = coolchic(256, 320)
    lmbda, networks = init_lambda(20), table(model, 20)
    latents = analysis.initial_latents(model, target, lmbda)
    still = rates_for(10, lmbda)._replace(latents=0.0, networks=0.0)
    initial, budget = Initial(networks, latents), Budget(99)
    fit = GridFit(
        target,
        model,
        initial,
        budget,
        lmbda=lmbda,
        rates=still,
        backend=backend_of(model),
        schedule=IN_WINDOWS,
    )
    seen = [next(fit._windows)]
    while fit._windows.round < 2:
        seen.append(next(fit._windows))
    seen = seen[:-1]
    assert len(seen) > 5
    fit._windows = iter(seen)
    total = 0.0
    for top, bottom, left, right in seen:
        _, error, bits = fit._train(0.99)  # so late that latents are rounded
        total += (error + lmbda * bits) * (bottom - top) * (right - left)
    assert total == pytest.approx(cost(fit, lmbda)[0] * 320 * 256, rel=1e-4)


@pytest.mark.slow
def test_a_fit_in_windows_gains_nearly_what_one_of_the_whole_gains() -> None:
    target = a_target(320, 256)
    model = coolchic(256, 320)
    lmbda, networks = init_lambda(20), table(model, 20)
    costs = []
    for schedule, steps in ((SCHEDULE, 0), (SCHEDULE, 30), (IN_WINDOWS, 150)):
        latents = analysis.initial_latents(model, target, lmbda)
        fit = GridFit(
            target,
            model,
            Initial(networks, latents, networks),
            Budget(steps),
            lmbda=lmbda,
            rates=rates_for(30, lmbda),
            backend=backend_of(model),
            schedule=schedule,
        )
        list(fit)
        costs.append(cost(fit, lmbda)[0])
    assert costs[0] - costs[2] > 0.75 * (costs[0] - costs[1]) > 0, costs


def test_windows_tile_the_picture() -> None:
    fit = a_fit(a_target(200, 300), coolchic(300, 200), schedule=IN_WINDOWS)
    seen, area = np.zeros((200, 300), int), 0
    while area < 200 * 300:
        top, bottom, left, right = next(fit._windows)
        assert top % 64 == 0
        assert left % 64 == 0
        seen[top:bottom, left:right] += 1
        area += (bottom - top) * (right - left)
    assert (seen == 1).all()


def test_a_time_limit_keeps_as_long_as_so_many_steps_take() -> None:
    now = [0.0]
    model = coolchic(80, 64)
    latents = [np.zeros(shape, np.float32) for shape in model.grids]
    initial = Initial(untrained(model, 0, np.zeros(3, np.float32)), latents)
    given = {"lmbda": LAMBDA, "rates": FULL_RATES, "backend": backend_of(model)}
    fit = GridFit(
        a_target(), model, initial, Budget(1000, 10.0, 8.0), clock=lambda: now[0], **given
    )
    assert fit.share() == 0
    while fit.share() < 1:
        fit._train(fit.share())
        now[0] += 0.25
    assert fit.step == pytest.approx((10 - 8 * 0.25) / 0.25, abs=1)


def test_a_fit_of_no_steps_changes_nothing() -> None:
    fit = a_fit(a_target(), coolchic(80, 64), steps=0)
    before = fit.values()
    assert list(fit) == []
    assert all((fit.values()[name] == value).all() for name, value in before.items())


def test_in_the_last_share_latents_stay_and_networks_adapt() -> None:
    fit = a_fit(a_target(), coolchic(80, 64), steps=40, schedule=Schedule(hard_share=0.5))
    steps = iter(fit)
    while next(steps).step < 20:
        pass
    latents, networks = [y.copy() for y in fit.latents], fit.values()
    before, _ = cost(fit)
    list(steps)
    assert all(np.array_equal(y, kept) for y, kept in zip(fit.latents, latents, strict=True))
    assert not np.array_equal(fit.values()["arm.weight.0"], networks["arm.weight.0"])
    assert cost(fit)[0] < before


def test_a_fit_that_diverges_says_so() -> None:
    target = a_target()
    target[0, 0, 0] = math.nan
    with pytest.raises(FitError, match="diverged"):
        list(a_fit(target, coolchic(80, 64)))


def test_time_ends_a_fit() -> None:
    now = iter(np.arange(0, 1000, 0.1))
    fit = a_fit(a_target(), coolchic(80, 64), steps=1 << 40, seconds=2.0, clock=lambda: next(now))
    list(fit)
    assert 5 <= fit.step <= 20


def test_residuals_restore_to_within_half_a_step() -> None:
    model = coolchic(80, 64)
    values = untrained(model, 1, np.full(3, 0.5, np.float32))
    start = untrained(model, 2, np.full(3, 0.5, np.float32))
    for group in model.groups:
        symbols = residual(model, group, values, start, -6)
        for name, value in group_values(model, group, symbols, start, 2.0**-6).items():
            assert np.abs(value - values[name]).max() <= 2**-7 + 1e-6


def test_the_search_costs_little_quality_and_few_bytes() -> None:
    target, model = a_target(), coolchic(80, 64)
    fit = a_fit(target, model, steps=80)
    for _ in fit:
        pass
    zeros = {name: np.zeros(shape, np.float32) for name, shape in model.shapes.items()}
    given = Distortion(MSE, target), LAMBDA, backend_of(model)
    search = NetworkSearch(model, zeros, fit.rounded(), *given)
    networks = search.run(fit.values())
    for group in ("arm.weight", "arm.bias"):
        assert math.log2(prior.step_size(networks.steps[group])) in ARM_STEPS
    assert len(networks.to_bytes()) < sum(map(np.prod, model.shapes.values()))
    before, _ = cost(fit)
    for name, value in LatentPlane(model, networks, None, ()).parameters().items():
        fit.parameters[name] = value.astype(np.float32)
    rate = 8 * len(networks.to_bytes()) * LAMBDA / target[0].size
    assert cost(fit)[0] + rate < before + 2.5 * rate


def test_a_search_refuses_numbers_that_are_not_finite() -> None:
    target, model = a_target(), coolchic(80, 64)
    fit = a_fit(target, model)
    values = fit.values()
    values["conv.bias.0"][0] = math.nan
    with pytest.raises(FitError, match=r"conv\.bias\.0"):
        NetworkSearch(model, values, fit.rounded(), fit.distortion, LAMBDA, fit.backend).run(values)


@pytest.mark.parametrize("build", [coolchic, coolchic_v1, coolchic_v2])
def test_balanced_networks_compute_the_same_with_weights_of_like_size(build) -> None:
    target, model = a_target(), build(80, 64)
    fit = a_fit(target, model)
    list(fit)
    values = fit.values()
    for name in ("arm", "synthesis"):  # features of hundreds, read by weights of thousandths
        into, out = (
            f"{name}.weight.0",
            f"{name}.weight.{'1' if f'{name}.weight.1' in values else 'out'}",
        )
        one = model.effective(into, np.zeros_like(values[into]))
        values[into] = (values[into] + one) * 100 - one
        values[f"{name}.bias.0"] *= 100
        one = model.effective(out, np.zeros_like(values[out]))
        values[out] = (values[out] + one) / 100 - one
    if "arm.level" in values:
        values["arm.level"] *= 100
    values["arm.weight.out"][:, 0] = 0  # a feature that nothing reads
    fit.parameters = values
    expected, _ = cost(fit)
    even = balanced(model, values)
    unread = f"arm.bias.{len(model.arm_widths) - 1}"
    assert even[unread][0] == pytest.approx(values[unread][0], rel=1e-4)
    for kept in (values, even):
        fit.parameters = kept
        assert cost(fit)[0] == pytest.approx(expected, rel=1e-3)
    for name in ("arm.weight.0", "synthesis.weight.0"):
        assert np.median(np.abs(even[name])) < 0.2 * np.median(np.abs(values[name]))


def test_starts_are_known_by_identity_and_index() -> None:
    model = coolchic(80, 64)
    identity = init_tables.identity("high")
    for index in (0, init_tables.SETS - 1):
        values = init_tables.initial_parameters(identity, index, model)
        assert {name: v.shape for name, v in values.items()} == model.shapes
        assert (init_tables.pack(model, values) == init_tables.tables()["high"][index]).all()
        model.integer_arm(values)
    assert init_index(3e-2) == 0
    assert init_index(1e-9) == init_tables.SETS - 1
    assert init_index(init_lambda(7)) == 7
    with pytest.raises(FormatError, match="needs the trained initialisation"):
        init_tables.initial_parameters(identity ^ 1, 0, model)
    with pytest.raises(FormatError, match="no networks 200"):
        init_tables.initial_parameters(identity, 200, model)
    with pytest.raises(FormatError, match="needs the trained initialisation"):
        init_tables.initial_parameters(identity, 0, coolchic(80, 64, **COMPLEXITIES["low"]))
    with pytest.raises(FormatError, match="no trained initialisation"):
        init_tables.initial_parameters(identity, 0, coolchic(80, 64, arm_width=8))
    assert not init_tables.has_table(coolchic(80, 64, arm_width=8))
    assert not init_tables.has_table(coolchic_v1(80, 64))


@pytest.mark.parametrize("build", [coolchic, coolchic_v1, coolchic_v2])
def test_a_change_of_lambda_changes_the_grain_and_not_the_picture(build) -> None:
    fit = a_fit(a_target(), build(80, 64))
    for _ in fit:
        pass
    window = windows.whole(fit.model)
    before = fit.backend.colours(fit.model, fit.parameters, fit.latents, window)
    fine = cost(fit)[1]
    fit.change_lambda(16 * LAMBDA)
    after = fit.backend.colours(fit.model, fit.parameters, fit.latents, window)
    coarse = cost(fit)[1]
    assert np.abs(before - after).max() < 1e-4
    assert coarse < 0.75 * fine


@pytest.mark.parametrize("compensating", [False, True])
@pytest.mark.parametrize("build", [coolchic, coolchic_v1, coolchic_v2])
def test_parameters_beyond_the_integers_are_brought_within_them(build, compensating) -> None:
    model = build(64, 48)
    values = untrained(model, 0, np.full(3, 0.5, np.float32))
    for name, value in within_limits(model, values).items():
        np.testing.assert_allclose(value, values[name], atol=1e-6)
    wild = {name: value * 1e4 + 300 for name, value in values.items()}
    start = {name: np.zeros_like(value) for name, value in values.items()}
    random = np.random.default_rng(1)
    latents = [np.rint(random.laplace(0, 1, shape)).astype(np.int32) for shape in model.grids]
    noise = Distortion(MSE, np.random.default_rng(0).random((3, 48, 64), np.float32))
    given = start, latents, noise, 1e-3, backend_of(model)
    chosen = NetworkSearch(model, *given, compensating=compensating).run(wild)
    plane = LatentPlane(model, chosen, None, tuple(latents))
    assert plane.arm().weights[0].any()


def test_fine_chroma_without_a_symbol_is_left_out_and_stays_empty() -> None:
    gray = np.tile(np.linspace(0, 1, 64 * 48, dtype=np.float32).reshape(48, 64), (3, 1, 1))
    model = coolchic(64, 48)
    lmbda, networks = init_lambda(0), table(model, 0)
    latents = analysis.initial_latents(model, gray, lmbda)
    rates = rates_for(3, lmbda)
    initial = Initial(networks, latents, networks)
    backend = backend_of(model)
    fit = GridFit(gray, model, initial, Budget(3), lmbda=lmbda, rates=rates, backend=backend)
    list(fit)
    fine = [g for g in range(model.levels, len(model.grids)) if model.grid_levels[g] == 1]
    assert len(fine) == 2
    for grid in fine:
        assert not fit.latents[grid].any()
    assert any(bool(y.any()) for y in fit.latents)


def test_a_picture_without_content_ends_its_fit_early() -> None:
    model = coolchic(32, 32)
    lmbda, networks = init_lambda(20), table(model, 20)
    for value, most in ((0.5, 240), (None, 400)):
        random = np.random.default_rng(0).random((3, 32, 32), np.float32)
        target = random if value is None else np.full_like(random, value)
        latents = analysis.initial_latents(model, target, lmbda)
        initial = Initial(networks, latents, networks)
        rates = rates_for(400, FULL_RATE_LAMBDA)
        given = target, model, initial, Budget(400)
        fit = GridFit(*given, lmbda=lmbda, rates=rates, backend=backend_of(model))
        list(fit)
        assert fit.step <= most
        assert value is not None or fit.step == most
