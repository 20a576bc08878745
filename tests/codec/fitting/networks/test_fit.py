from itertools import islice

import numpy as np
import pytest
import torch

from inrcodec.codec.fitting.networks import batches
from inrcodec.codec.fitting.networks.fit import Budget, NetworkFit
from inrcodec.codec.fitting.networks.schedule import SCHEDULE, Schedule
from inrcodec.codec.fitting.networks.sensitivity import sensitivities
from inrcodec.codec.fitting.optimizer import WIDE, MuonAdam, _orthogonal
from inrcodec.codec.networks.positions import coordinates
from inrcodec.codec.networks.siren import Siren
from inrcodec.pixels import to_unit

MODEL = Siren(16, 3, 4, 3)


def run(pixels: np.ndarray, steps: int, seed: int = 0, target: int = 900) -> NetworkFit:
    fitting = NetworkFit(pixels, MODEL, Budget(steps, target), seed=seed)
    for _ in fitting:
        pass
    return fitting


def test_more_steps_fit_better_and_the_budget_holds(small: np.ndarray) -> None:
    errors = []
    for steps in (30, 300):
        fitting = run(small, steps)
        quantized = fitting.best()
        assert len(quantized.to_bytes()) <= 900
        values = {n: torch.from_numpy(v) for n, v in quantized.values().items()}
        errors.append(batches.image_error(MODEL, values, small))
    assert errors[1] < errors[0] / 4


def test_the_same_seed_gives_the_same_bytes(small: np.ndarray) -> None:
    first, again, other = (run(small, 60, seed).best().to_bytes() for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_there_is_an_answer_at_any_moment(small: np.ndarray) -> None:
    fitting = NetworkFit(small, MODEL, Budget(100, 700))
    assert len(fitting.best().to_bytes()) <= 700
    for progress in fitting:
        assert 0 <= progress.share <= 1
        assert progress.stage in ("fit", "finish")
        assert len(fitting.best().to_bytes()) <= 700


def test_a_time_limit_ends_the_fit_by_the_clock(small: np.ndarray) -> None:
    now = [0.0]

    def clock() -> float:
        now[0] += 0.01
        return now[0]

    fitting = NetworkFit(small, MODEL, Budget(1 << 40, 700, 2.0), clock=clock)
    shares = [progress.share for progress in fitting]
    assert shares == sorted(shares)
    assert shares[-1] == 1
    assert now[0] < 2.3


def test_batches_cover_every_row_and_column_evenly() -> None:
    grids = batches.batches(300, 700, np.random.default_rng(0))
    counts_y, counts_x = np.zeros(300), np.zeros(700)
    for rows, columns in islice(grids, 4000):
        assert 0.5 < len(rows) * len(columns) / SCHEDULE.batch_pixels < 2
        assert (np.diff(rows) >= 0).all()
        assert (np.diff(columns) >= 0).all()
        counts_y[rows] += 1
        counts_x[columns] += 1
    assert counts_y.min() > 0.5 * counts_y.mean()
    assert counts_x.min() > 0.5 * counts_x.mean()


@pytest.mark.parametrize("shape", [(128, 192), (96, 256), (32, 32)])
def test_no_pixel_comes_again_before_all_have_come(shape: tuple[int, int]) -> None:
    grids = batches.batches(*shape, np.random.default_rng(0), pixels=1536)
    for _ in range(2):
        seen, lately = np.zeros(shape, int), np.zeros(shape[0], int)
        while seen.min() == 0:
            rows, columns = next(grids)
            seen[np.ix_(rows, columns)] += 1
            lately[rows] += 1
            assert lately.max() - lately.min() <= 1
        assert seen.max() == 1


@pytest.mark.parametrize("shape", [(1, 1), (1, 999), (999, 1), (5, 20000)])
def test_batches_of_odd_shapes(shape: tuple[int, int]) -> None:
    rows, columns = next(batches.batches(*shape, np.random.default_rng(0)))
    assert 1 <= len(rows) <= shape[0]
    assert 1 <= len(columns) <= shape[1]
    assert len(rows) * len(columns) <= 2 * SCHEDULE.batch_pixels


def test_sensitivities_predict_the_damage_of_small_steps(small: np.ndarray) -> None:
    fitting = run(small, 200)
    values = fitting.values()
    sensitivity = sensitivities(fitting.model, fitting._parameters, *small.shape[:2])["weight.1"]
    random = np.random.default_rng(0)
    places = coordinates(24), coordinates(32)
    clean = MODEL.render(dict(fitting._parameters), *places)
    damage = []
    for _ in range(30):
        noise = random.normal(0, 1e-3, values["weight.1"].shape).astype(np.float32)
        noisy = {**fitting._parameters, "weight.1": torch.from_numpy(values["weight.1"] + noise)}
        colours = MODEL.render(noisy, *places)
        damage.append(float((colours - clean).detach().square().mean()))
    assert np.mean(damage) == pytest.approx(1e-6 * sensitivity, rel=0.35)


def test_muon_updates_are_nearly_orthogonal() -> None:
    for shape in ((2, 8, 8), (1, 6, 20), (3, 20, 6)):
        update = _orthogonal(torch.randn(*shape, generator=torch.Generator().manual_seed(0)))
        singular = torch.linalg.svdvals(update)
        assert singular.min() > 0.5
        assert singular.max() < 1.3


def test_wide_matrices_are_orthogonalised_in_the_precision_asked_for() -> None:
    """Narrow ones take the very step of float32."""
    generator = torch.Generator().manual_seed(0)
    for side, same in ((WIDE, False), (WIDE - 1, True)):
        gradient = torch.randn(side, side, generator=generator)
        steps = []
        for precision in (None, torch.bfloat16):
            weight = torch.zeros(side, side, requires_grad=True)
            weight.grad = gradient.clone()
            both = {"m": weight, "b": torch.zeros(1, requires_grad=True)}
            MuonAdam(both, {"m": 1.0, "b": 1.0}, {"m"}, precision).step(1.0)
            steps.append(-weight.detach())
        whole, rounded = steps
        assert torch.equal(whole, rounded) == same
        assert float((whole - rounded).norm() / whole.norm()) < 0.1
        assert rounded.dtype == torch.float32


def test_a_fit_goes_on_from_the_parameters_it_is_given(small: np.ndarray) -> None:
    first = run(small, 200)
    given = first.values()
    again = NetworkFit(small, MODEL, Budget(1, None), start=given)
    assert all(np.array_equal(value, given[name]) for name, value in again.values().items())
    errors = []
    for start in (None, given):
        fitting = NetworkFit(small, MODEL, Budget(20, None), start=start)
        for _ in fitting:
            pass
        values = {n: torch.from_numpy(v) for n, v in fitting.values().items()}
        errors.append(batches.image_error(MODEL, values, small))
    assert errors[1] < errors[0] / 4


def test_muon_adam_minimises_a_quadratic() -> None:
    goal = torch.arange(12.0).reshape(3, 4)
    weights = {"m": torch.zeros(3, 4, requires_grad=True), "b": torch.zeros(4, requires_grad=True)}
    optimizer = MuonAdam(weights, {"m": 0.3, "b": 0.1}, {"m"})
    for step in range(300):
        loss = (weights["m"] - goal).square().sum() + (weights["b"] - 1).square().sum()
        loss.backward()
        optimizer.step(1 - step / 300)
    assert float(loss.detach()) < 0.1


def test_vectors_take_the_steps_of_adam() -> None:
    generator = torch.Generator().manual_seed(0)
    shapes, rates = {"a": (3,), "b": (2, 5), "c": (3, 3, 3, 3)}, {"a": 0.1, "b": 0.02, "c": 0.3}
    ours = {n: torch.randn(s, generator=generator).requires_grad_() for n, s in shapes.items()}
    theirs = {name: tensor.detach().clone().requires_grad_() for name, tensor in ours.items()}
    optimizer = MuonAdam(ours, rates, set())
    groups = [{"params": [tensor], "lr": rates[name]} for name, tensor in theirs.items()]
    reference = torch.optim.Adam(groups, betas=(0.9, 0.99), eps=1e-12)
    for _ in range(30):
        for name, tensor in ours.items():
            tensor.grad = torch.randn(tensor.shape, generator=generator)
            theirs[name].grad = tensor.grad.clone()
        optimizer.step(1.0)
        reference.step()
    for name, tensor in ours.items():
        torch.testing.assert_close(tensor, theirs[name], rtol=0, atol=1e-5)


def test_large_pictures_are_measured_on_a_grid() -> None:
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (120, 90, 3)).astype(np.uint8)
    start = MODEL.initial(random, np.zeros(3))
    parameters = {name: torch.from_numpy(value) for name, value in start.items()}
    whole = batches.image_error(MODEL, parameters, pixels)
    colours = MODEL.render(parameters, coordinates(120), coordinates(90)).clamp(-1, 1)
    target = torch.from_numpy(to_unit(pixels))
    assert whole == pytest.approx(float((colours - target).square().mean()) / 4, rel=1e-5)
    few = Schedule(measured_pixels=1200)
    part = batches.image_error(MODEL, parameters, pixels, few)
    assert part != whole
    assert part == pytest.approx(whole, rel=0.1)
