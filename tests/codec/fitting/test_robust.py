"""Fits of weights that survive damage: their gradients, and what encoding takes of them."""

from collections.abc import Mapping

import numpy as np
import pytest
import torch
from torch import Tensor

import inrcodec
from inrcodec.codec.fitting import robust
from inrcodec.codec.fitting.networks.fit import Budget, NetworkFit
from inrcodec.codec.fitting.plan import plan_of
from inrcodec.codec.fitting.robust import Objective, backward_of, plain
from inrcodec.codec.networks.layers import W0
from inrcodec.codec.networks.positions import coordinates
from inrcodec.codec.networks.siren import Siren
from inrcodec.codec.networks.wire import Wire
from inrcodec.codec.options import EncodeOptions
from inrcodec.codec.options.model_traits import ROBUST_STRENGTHS
from inrcodec.errors import OptionError
from inrcodec.pixels import Picture
from tests.latent_files import coolchic

MODEL, SHARP = Siren(8, 3, 3, 3), Siren(32, 3, 8, 3)
Y, X = coordinates(20), coordinates(24)
Leaves = dict[str, Tensor]


def leaves(dtype: torch.dtype = torch.float64) -> Leaves:
    start = MODEL.initial(np.random.default_rng(0), np.zeros(3))
    return {n: torch.from_numpy(v).to(dtype).requires_grad_() for n, v in start.items()}


def render(parameters: Mapping[str, Tensor]) -> Tensor:
    return MODEL.render(parameters, Y, X)


def loss(made: Tensor) -> Tensor:
    """Distance from a fixed smooth picture."""
    wanted = np.sin(3 * Y[:, None] + 5 * X)[..., None] * np.array([0.5, 0.3, -0.4])
    return (made - made.new_tensor(wanted)).square().mean()


objective = Objective(render, loss)


def a_way(
    name: str, strength: float | None = None, model: Siren = MODEL, seed: int = 0
) -> robust.Backward:
    """A way as an encoder gets it."""
    options = EncodeOptions(model="siren", robust=name, robust_strength=strength)
    image = Picture(np.zeros((16, 16, 3), np.uint8))
    return backward_of(plan_of(options, image).robust, model.units, seed)


def gradients(way: robust.Backward, tensors: Leaves, of: Objective = objective) -> Tensor:
    """All gradients, in one vector."""
    way(of, tensors, tensors.values())
    return torch.cat([t.grad.flatten() for t in tensors.values() if t.grad is not None])


def test_lost_wavelets_leave_nothing_but_the_output_bias() -> None:
    """A wavelet is 1 where its phase is 0: what reads it must be 0."""
    network = Wire(4, 3, 3)
    start = network.initial(np.random.default_rng(0), np.zeros(3))
    tensors = {n: torch.from_numpy(v).requires_grad_() for n, v in start.items()}
    seen: list[Tensor] = []

    def rendered(parameters: Mapping[str, Tensor]) -> Tensor:
        seen.append(network.render(parameters, Y, X))
        return seen[-1]

    to = robust.Tolerance(1.0, network.units, torch.Generator().manual_seed(0))
    robust.neuron_loss(to, Objective(rendered, loss), tensors, tensors.values())
    assert not seen[0].any()
    learns = {n for n, t in tensors.items() if t.grad is not None and t.grad.any()}
    assert learns == {"bias.out"}


def norm_of(parameters: Mapping[str, Tensor]) -> Tensor:
    found = torch.autograd.grad(objective(parameters), list(parameters.values()))
    squares = [(g * MODEL.units[n]).square().sum() for n, g in zip(parameters, found, strict=True)]
    return torch.stack(squares).sum().sqrt()


def test_the_exact_gradient_is_that_of_equation_6() -> None:
    tensors = leaves()
    found = gradients(a_way("gradient-norm-exact", 0.1), tensors)
    random = torch.Generator().manual_seed(1)
    size = 1e-5
    for _ in range(3):
        way = {n: torch.randn(t.shape, generator=random).double() for n, t in tensors.items()}
        ends = []
        for sign in (1, -1):
            moved = {
                n: (t + sign * size * way[n]).detach().requires_grad_() for n, t in tensors.items()
            }
            ends.append(float(objective(moved).detach() + 0.1 * norm_of(moved).detach()))
        slope = (ends[0] - ends[1]) / (2 * size)
        along = float(found @ torch.cat([w.flatten() for w in way.values()]))
        assert along == pytest.approx(slope, rel=1e-5)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_the_finite_difference_is_the_exact_gradient(dtype: torch.dtype) -> None:
    exact = gradients(a_way("gradient-norm-exact", 0.1), leaves(dtype))
    cheap = gradients(a_way("gradient-norm", 0.1), leaves(dtype))
    without = gradients(plain, leaves(dtype))
    assert torch.cosine_similarity(exact, cheap, 0) > 0.999
    assert float((cheap - exact).norm()) < 0.05 * float((exact - without).norm())


def test_the_jacobian_penalty_is_what_noise_adds() -> None:
    """Its gradient, over many draws of signs, is that of s^2 trace(J J^T) / samples."""
    spread = {n: 1e-3 * unit for n, unit in MODEL.units.items()}

    def trace(parameters: Mapping[str, Tensor]) -> Tensor:
        picture = render(parameters).flatten()
        total = torch.zeros(())
        for sample in picture[::7]:
            found = torch.autograd.grad(sample, list(parameters.values()), create_graph=True)
            squares = [
                (g * spread[n]).square().sum() for n, g in zip(parameters, found, strict=True)
            ]
            total = total + torch.stack(squares).sum()
        return total / len(picture[::7])

    tensors = leaves()
    found = torch.autograd.grad(trace(tensors), list(tensors.values()), allow_unused=True)
    exact = torch.cat([g.flatten() for g in found if g is not None])
    way = a_way("jacobian", 1e-3)
    without = gradients(plain, leaves())
    drawn = torch.stack([gradients(way, leaves()) - without for _ in range(200)]).mean(0)
    drawn = drawn[: len(exact)]  # the last bias moves no derivative
    assert torch.cosine_similarity(drawn, exact, 0) > 0.95
    assert float(drawn.norm()) == pytest.approx(float(exact.norm()), rel=0.1)


@pytest.mark.parametrize("name", ROBUST_STRENGTHS)
def test_every_way_scales_with_the_objective(name: str) -> None:
    once, large = (
        gradients(a_way(name), leaves(), Objective(render, loss, scale)) for scale in (1.0, 4000.0)
    )
    assert torch.allclose(4000 * once, large, rtol=1e-6)


@pytest.mark.parametrize("name", ROBUST_STRENGTHS)
def test_without_strength_every_way_is_the_plain_one(name: str) -> None:
    assert torch.allclose(
        gradients(a_way(name, 0.0), leaves()), gradients(plain, leaves()), rtol=1e-9
    )


@pytest.mark.parametrize(("name", "of"), [("l1", robust.sparsity), ("lipschitz", robust.expansion)])
def test_penalties_are_what_they_say(name: str, of: robust.Penalty) -> None:
    tensors = leaves()
    matrices = {n: t for n, t in tensors.items() if t.ndim == 2}
    if name == "l1":
        value = sum(float(t.detach().abs().sum()) / MODEL.units[n] for n, t in matrices.items())
    else:
        value = 0.0
        for w in [t.detach() for t in matrices.values()][1:]:
            s = torch.linalg.svdvals(w)
            value += float((s.square() - 1).square().sum()) / 2
    penalty = of(matrices, MODEL.units)
    assert float(penalty.detach()) == pytest.approx(value)
    found = gradients(a_way(name, 0.01), leaves()) - gradients(plain, leaves())
    by_weight = torch.autograd.grad(penalty, list(matrices.values()), allow_unused=True)
    length = torch.cat([g.flatten() for g in by_weight if g is not None]).norm()
    assert float(found.norm()) == pytest.approx(0.01 * float(length))


def test_noise_is_drawn_anew_and_from_the_seed() -> None:
    ways = [a_way("noise", 1e-3, seed=seed) for seed in (3, 3, 4)]
    first, same, other = (gradients(way, leaves()) for way in ways)
    assert torch.equal(first, same)
    assert not torch.equal(first, other)
    assert not torch.equal(first, gradients(ways[0], leaves()))


def test_a_sine_layer_counts_in_units_of_w0() -> None:
    assert MODEL.units["weight.1"] == MODEL.units["bias.0"] == W0
    assert MODEL.units["weight.out"] == 1
    assert not any(name.startswith("arm") for name in coolchic(32, 32).units)


def sharpness(way: robust.Backward, pixels: np.ndarray) -> tuple[float, float]:
    """Error of a fitted network, and the rise of it under weight noise, full range 1."""
    model = SHARP
    fit = NetworkFit(pixels, model, Budget(300, None), backward=way, precision=torch.float32)
    for _ in fit:
        pass
    clean = {n: torch.from_numpy(v) for n, v in fit.values().items()}
    y, x = coordinates(pixels.shape[0]), coordinates(pixels.shape[1])
    wanted = torch.from_numpy(pixels / 127.5 - 1).float()
    random = torch.Generator().manual_seed(0)
    noisy = []
    for _ in range(10):
        moved = {
            n: t + 1e-3 * model.units[n] * torch.randn(t.shape, generator=random)
            for n, t in clean.items()
        }
        noisy.append(float((model.render(moved, y, x) - wanted).square().mean()))
    error = float((model.render(clean, y, x) - wanted).square().mean())
    return error, float(np.mean(noisy)) - error


@pytest.mark.slow
def test_weights_become_less_sensitive(photo: np.ndarray) -> None:
    _, before = sharpness(plain, photo)
    for name, strength, most in (
        ("gradient-norm", 0.03, 0.9),
        ("noise", 1e-3, 0.75),
        ("jacobian", 1e-3, 0.75),
    ):
        assert sharpness(a_way(name, strength, SHARP), photo)[1] < most * before


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("jacobian", "pe-siren"),
        ("jacobian", "coolchic"),
        ("gradient-norm", "pe-siren"),
        ("noise", "pe-siren"),
        pytest.param("gradient-norm", "coolchic", marks=pytest.mark.slow),
        pytest.param("noise", "coolchic", marks=pytest.mark.slow),
    ],
)
def test_encoding_takes_them(model: str, name: str, photo: np.ndarray, few_steps: None) -> None:
    part = photo[:48, :64]
    files = [
        inrcodec.encode(part, model=model, effort=1, robust=way, threads=1, quality=40)
        for way in (name, name, None)
    ]
    assert files[0] == files[1]
    assert files[0] != files[2]
    error = [np.square(inrcodec.decode(f) - part.astype(float)).mean() for f in files]
    assert error[0] < 1.5 * error[2]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"robust": "gradient"}, "did you mean gradient-norm"),
        ({"robust": "l1"}, "for coordinate networks, not coolchic"),
        ({"robust": "noise", "robust_strength": -1.0}, "robust_strength must be in"),
        ({"robust": "noise", "robust_strength": float("nan")}, "robust_strength must be"),
        ({"robust_strength": 1.0}, "robust_strength needs robust"),
        ({"robust": "noise", "effort": 0}, "needs a fit"),
        ({"robust": 3}, "unknown robust 3"),
    ],
)
def test_bad_options(options: dict[str, object], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        EncodeOptions.of(**options)
