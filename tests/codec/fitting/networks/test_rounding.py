"""Rounded networks: what a fit trains through is what a file holds, and only the best is kept."""

import math

import numpy as np
import pytest
import torch

from inrcodec.codec.fitting.losses import MSE
from inrcodec.codec.fitting.networks.rounding import Rounding
from inrcodec.codec.fitting.networks.schedule import SCHEDULE, cosine
from inrcodec.codec.networks.siren import Siren

MODEL = Siren(16, 3, 4, 3)


def parameters_of(seed: int) -> dict[str, torch.Tensor]:
    start = MODEL.initial(np.random.default_rng(seed), np.zeros(3))
    return {name: torch.from_numpy(value).requires_grad_() for name, value in start.items()}


def rounding(pixels: np.ndarray, target: int = 700, *, residual: bool = False) -> Rounding:
    return Rounding(
        model=MODEL,
        pixels=pixels,
        target_bytes=target,
        loss=MSE,
        residual_to=MODEL.initial(np.random.default_rng(9), np.zeros(3)) if residual else None,
        schedule=SCHEDULE,
        frames=1,
    )


@pytest.mark.parametrize("residual", [False, True])
def test_a_fit_trains_through_what_a_file_holds(small: np.ndarray, residual: bool) -> None:
    parameters, made = parameters_of(0), rounding(small, residual=residual)
    steps = made.choose_steps(parameters)
    stored = made.measure(parameters, steps).network
    assert stored.steps == steps
    seen = made.straight_through(parameters, steps)
    for name, value in stored.values().items():
        np.testing.assert_allclose(seen[name].detach().numpy(), value, atol=1e-5)
    assert any(not torch.equal(seen[name], parameters[name]) for name in seen)
    sum(2 * tensor.sum() for tensor in seen.values()).backward()
    assert all(bool((tensor.grad == 2).all()) for tensor in parameters.values())


@pytest.mark.parametrize("share", [1.0, 0.8])
def test_chosen_steps_fill_their_share_of_the_target(small: np.ndarray, share: float) -> None:
    parameters, made = parameters_of(0), rounding(small)
    stored = made.measure(parameters, made.choose_steps(parameters, share)).network
    assert 0.9 * share * 700 < len(stored.to_bytes()) <= share * 700


def test_steps_that_break_the_budget_are_chosen_anew(small: np.ndarray) -> None:
    parameters, made = parameters_of(0), rounding(small, 500)
    fine = rounding(small, 900).choose_steps(parameters)
    stored = made.measure(parameters, fine).network
    assert stored.steps != fine
    assert len(stored.to_bytes()) <= 500


def test_the_best_network_measured_is_kept(small: np.ndarray) -> None:
    made = rounding(small)
    assert math.isinf(made.score)
    scores = {}
    for seed in range(4):
        parameters = parameters_of(seed)
        alone = rounding(small)
        steps = alone.choose_steps(parameters)
        scores[seed] = alone.measure(parameters, steps).score
        best = made.measure(parameters, steps)
        assert made.best is best
        assert made.score == min(scores.values())
    assert len(set(scores.values())) == 4


def test_learning_rates_rise_and_fall() -> None:
    assert [cosine(share) for share in (0, 0.5, 1)] == pytest.approx([1, 0.5, 0])
    first = [SCHEDULE.rate(step, step / 10_000) for step in range(SCHEDULE.warm_up_steps)]
    assert first == sorted(first)
    assert first[0] == 1 / SCHEDULE.warm_up_steps
    rest = [SCHEDULE.rate(5000, share) for share in np.linspace(0, 1, 20)]
    assert rest == sorted(rest, reverse=True)
    timed = SCHEDULE.rate(0, SCHEDULE.warm_up_share)  # few steps, as under a short time limit
    assert timed == cosine(SCHEDULE.warm_up_share)
