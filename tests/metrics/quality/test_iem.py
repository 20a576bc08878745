"""IEM against its closed form, the laws of a metric, and the denoiser against the Wiener filter."""

import math

import numpy as np
import pytest
import torch

from inrcodec.errors import OptionError
from inrcodec.metrics.quality import denoiser, gaussian_prior
from inrcodec.metrics.quality.iem import Iem, exact_squared, iem, iem_sq, local_form, quadrature


@pytest.fixture(scope="module")
def pictures():
    generator = torch.Generator().manual_seed(0)
    return [torch.rand(1, 3, 20, 28, generator=generator, dtype=torch.float64) for _ in range(3)]


def dense_covariance(height, width):
    """The prior's covariance matrix, built from its eigenvectors one at a time."""
    unit = torch.eye(3 * height * width, dtype=torch.float64).view(-1, 3, height, width)
    basis = gaussian_prior.coefficients(unit).flatten(1)
    values = gaussian_prior.eigenvalues(height, width, unit).flatten()
    return basis @ torch.diag(values) @ basis.T


def test_the_basis_is_orthonormal_and_scipys_dct(pictures):
    from scipy.fft import dctn

    x = pictures[0]
    assert torch.allclose(gaussian_prior.synthesis(gaussian_prior.coefficients(x)), x, atol=1e-7)
    axes = torch.tensor(gaussian_prior.AXES, dtype=torch.float64)
    assert torch.allclose(axes @ axes.T, torch.eye(3, dtype=torch.float64), atol=1e-7)
    rotated = torch.einsum("kc,nchw->nkhw", axes, x)
    expected = dctn(rotated.numpy(), axes=(2, 3), norm="ortho")
    assert np.allclose(gaussian_prior.coefficients(x), expected, atol=1e-12)


def test_wiener_is_the_posterior_mean():
    """Against the linear-algebra formula mean + C (C + s^2 I)^-1 (y - mean)."""
    generator = torch.Generator().manual_seed(1)
    noisy = torch.randn(1, 3, 5, 6, generator=generator, dtype=torch.float64)
    covariance = dense_covariance(5, 6)
    mean = noisy.new_tensor(gaussian_prior.MEAN)[:, None, None].expand(3, 5, 6).flatten()
    system = covariance + 0.3**2 * torch.eye(len(covariance), dtype=torch.float64)
    expected = mean + covariance @ torch.linalg.solve(system, noisy.flatten() - mean)
    assert torch.allclose(gaussian_prior.wiener(noisy, 0.3).flatten(), expected, atol=1e-6)
    error = covariance - covariance @ torch.linalg.solve(system, covariance)
    assert gaussian_prior.wiener_error(5, 6, 0.3) == pytest.approx(
        float(error.diagonal().mean()), rel=1e-6
    )


@pytest.mark.parametrize("gamma_max", [0.25, 1.0, 100.0, 1e6])
def test_simpson_equals_the_closed_form_of_the_gaussian_prior(pictures, gamma_max):
    x, y, _ = pictures
    sigma_max = 1e3
    start = sigma_max**-2
    exact = exact_squared(2 * (x - y), gamma_max) - exact_squared(2 * (x - y), start)
    options = {"denoiser": gaussian_prior.wiener, "gamma_max": gamma_max, "sigma_max": sigma_max}
    errors = [
        abs(float(iem(x, y, cells=cells, **options)) ** 2 / float(exact) - 1)
        for cells in (32, 64, 128)
    ]
    assert errors[1] < 2e-5
    assert errors[2] < 1e-5
    assert errors[0] > errors[1] > errors[2]


def test_the_left_rule_converges_from_above(pictures):
    """The paper's rule on the same path: its error halves with the cells, roughly."""
    x, y, _ = pictures
    exact = float(exact_squared(2 * (x - y), 1.0) - exact_squared(2 * (x - y), 1e-6))
    options = {"denoiser": gaussian_prior.wiener, "gamma_max": 1.0, "rule": "left"}
    errors = [float(iem(x, y, cells=c, **options)) ** 2 / exact - 1 for c in (64, 128, 256)]
    assert errors[0] > errors[1] > errors[2] > 0
    assert errors[0] / errors[1] == pytest.approx(2, rel=0.15)


def test_the_limit_is_the_mahalanobis_distance():
    generator = torch.Generator().manual_seed(2)
    x, y = (torch.rand(1, 3, 5, 6, generator=generator, dtype=torch.float64) for _ in range(2))
    difference = (2 * (x - y)).flatten()
    expected = difference @ torch.linalg.solve(dense_covariance(5, 6), difference)
    value = float(iem(x, y, denoiser="gaussian", gamma_max=1e12)) ** 2
    assert value == pytest.approx(float(expected), rel=1e-5)


@pytest.mark.parametrize("name", ["gaussian", "learned"])
def test_symmetry_and_triangle_inequality(pictures, name):
    options = {"denoiser": name, "gamma_max": 4.0}
    x, y, z = pictures
    xy, yx, yz, xz = (float(iem(a, b, **options)) for a, b in ((x, y), (y, x), (y, z), (x, z)))
    assert xy == yx
    assert 0 < xz <= xy + yz
    assert float(iem(x, x, **options)) == 0


def test_a_users_denoiser_is_used_and_checked(pictures):
    x, y, _ = pictures
    blind = iem(x, y, denoiser=lambda noisy, sigma: torch.zeros_like(noisy), gamma_max=1.0)
    expected = (2 * (x - y)).square().sum().sqrt() * math.sqrt(1 - 1e-6)
    assert float(blind) == pytest.approx(float(expected), rel=1e-3)
    with pytest.raises(OptionError, match="shape"):
        iem(x, y, denoiser=lambda noisy, sigma: noisy[:, :1])


def test_one_prepared_reference_scores_like_pairs(pictures):
    x, y, z = pictures
    scorer = Iem(x)
    assert [float(scorer(y)), float(scorer(z))] == [float(iem(x, y)), float(iem(x, z))]


def test_iem_sq_is_zero_for_equals_and_reproducible(pictures):
    x, y, _ = pictures
    options = {"denoiser": "gaussian", "gamma_max": 4.0}
    assert float(iem_sq(x, x, **options)) == 0
    assert float(iem_sq(x, y, **options)) == float(iem_sq(x, y, **options)) > 0
    assert float(iem_sq(x, y, seed=1, **options)) != float(iem_sq(x, y, **options))


def test_iem_sq_of_a_blind_denoiser_equals_its_sum_written_out(pictures):
    """With D = 0 every error is the picture itself, so the sums need no path but W."""
    x, y, _ = (2 * p - 1 for p in pictures)
    grid = quadrature(1e-2, 1.0, "left", 6)
    value = iem_sq(
        *pictures[:2],
        denoiser=lambda n, s: torch.zeros_like(n),
        gamma_max=1.0,
        cells=6,
        sigma_max=10.0,
    )
    generator = torch.Generator().manual_seed(42)
    w, before, total, z = torch.zeros_like(x), 0.0, 0.0, 0.0
    previous = None
    for gamma in grid.gammas:
        w = w + torch.randn(x.shape, generator=generator, dtype=x.dtype) * (gamma - before) ** 0.5
        if previous is not None:
            step, w_before = gamma - before, previous
            total += (2 * z / x.numel()) ** 2 * float((x - y).square().sum()) * step
            z += float((x.square() - y.square()).sum()) / 2 * step
            z += float(((x - y) * (w - w_before)).sum())
        previous, before = w, gamma
    assert float(value) == pytest.approx(total**0.5, rel=1e-9)


@pytest.mark.parametrize(
    "options",
    [
        {"gamma_max": 0.0},
        {"gamma_max": math.inf},
        {"rule": "midpoint", "gamma_max": 1.0},
        {"cells": 0, "gamma_max": 1.0},
        {"denoiser": "bm3d"},
        {"gamma_max": math.nan},
        {"gamma_max": 1e300},
        {"sigma_max": 0},
        {"sigma_max": math.inf},
        {"seed": 1.5},
        {"denoiser": gaussian_prior.wiener, "gamma_max": 1e-7},
        {"denoiser": gaussian_prior.wiener, "sigma_max": 1.0},
    ],
)
def test_bad_options_are_refused(pictures, options):
    with pytest.raises(OptionError):
        iem(*pictures[:2], **options)
    if options.keys() <= {"gamma_max", "sigma_max"}:
        with pytest.raises(OptionError):
            iem_sq(*pictures[:2], **options)


def test_the_denoiser_works_on_any_size_and_is_wiener_outside_its_range():
    generator = torch.Generator().manual_seed(3)
    noisy = torch.randn(1, 3, 13, 21, generator=generator)
    assert denoiser.denoise(noisy, 0.1).shape == noisy.shape
    for sigma in (9.0, denoiser.LOWEST_SIGMA, 1e-4):
        assert torch.equal(denoiser.denoise(noisy, sigma), gaussian_prior.wiener(noisy, sigma))
    near = 1.0001 * denoiser.LOWEST_SIGMA
    assert torch.allclose(
        denoiser.denoise(noisy, near), gaussian_prior.wiener(noisy, near), atol=1e-5
    )


def test_another_device_leaves_the_denoiser_where_it_is():
    for kind in ("cpu", "meta", "cpu"):
        network = denoiser.trained(torch.device(kind))
        assert {p.device.type for p in network.parameters()} == {kind}


def test_the_denoiser_beats_the_wiener_filter_on_photographs():
    """At every strength, on photographs no training saw: those of scikit-image."""
    from skimage import data

    for name in ("astronaut", "coffee", "chelsea"):
        clean = torch.from_numpy(getattr(data, name)()[50:242, 80:336].copy())
        clean = clean.permute(2, 0, 1)[None].float() / 127.5 - 1
        for level in (2, 5, 10, 25, 50):
            sigma = level / 127.5
            generator = torch.Generator().manual_seed(level)
            noisy = clean + sigma * torch.randn(clean.shape, generator=generator)
            errors = [
                float((estimate(noisy, sigma) - clean).square().mean())
                for estimate in (denoiser.denoise, gaussian_prior.wiener)
            ]
            assert errors[0] < errors[1], (name, level)


@pytest.mark.slow
def test_the_denoiser_beats_the_wiener_filter_on_kodak(shared):
    from benchmarks.metrics.denoiser import SIGMAS, measure

    for path in sorted((shared / "kodak").glob("kodim*.png")):
        row = measure(path)
        assert len(row["learned_db"]) == len(SIGMAS)
        assert all(a > b for a, b in zip(row["learned_db"], row["wiener_db"], strict=True)), path


@pytest.mark.parametrize("name", ["gaussian", "learned"])
def test_the_local_form_is_the_limit_of_iem(pictures, name):
    """IEM(x, x + h v) / h for a small h, by the learned denoiser in its own float32."""
    x = pictures[0] * 0.8 + 0.1
    generator = torch.Generator().manual_seed(3)
    v = torch.randn(x.shape, generator=generator, dtype=x.dtype)
    step = 1e-2 if name == "learned" else 1e-4
    scorer = Iem(x, denoiser=name, gamma_max=25.0)
    ahead, behind = (float(scorer(x + s * v)) / step for s in (step, -step))
    local = float(scorer.local_form(v)) ** 0.5
    assert (ahead + behind) / 2 == pytest.approx(local, rel=1e-4)


def test_the_local_form_of_a_users_denoiser_is_that_of_its_jacobian(pictures):
    """Tweedie's formula for a mixture of two images: the Jacobian in closed form."""
    x, one, two = pictures

    def mixture(noisy, sigma):
        sides = torch.stack([(noisy - 2 * c + 1).square().sum((1, 2, 3)) for c in (one, two)])
        weights = torch.softmax(-sides / (2 * sigma**2), 0)[..., None, None, None]
        return (weights * torch.stack([2 * one - 1, 2 * two - 1])).sum(0)

    scorer = Iem(x, denoiser=mixture, gamma_max=4.0, sigma_max=10.0)
    generator = torch.Generator().manual_seed(4)
    v, w = (torch.randn(x.shape, generator=generator, dtype=x.dtype) for _ in range(2))
    difference = (2 * (one - two))[0]
    expected = 0.0
    for sigma, weight, noise, _ in scorer._nodes:
        noisy = 2 * x - 1 + noise
        sides = torch.stack([(noisy - 2 * c + 1).square().sum() for c in (one, two)])
        share = torch.softmax(-sides / (2 * sigma**2), 0)
        slope = share[0] * share[1] / sigma**2
        kept = [2 * d[0] - slope * difference * (difference * 2 * d[0]).sum() for d in (v, w)]
        expected += weight * float((kept[0] * kept[1]).sum())
    assert float(scorer.local_form(v, w)) == pytest.approx(expected, rel=1e-9)
    assert float(scorer.local_form(w, v)) == pytest.approx(expected, rel=1e-9)


def test_the_local_form_is_bilinear_and_positive(pictures):
    x, v, w = pictures
    scorer = Iem(x, gamma_max=25.0)
    forms = [float(scorer.local_form(a, b)) for a, b in ((v, v), (v, w), (w, w), (v + w, v + w))]
    assert forms[3] == pytest.approx(forms[0] + 2 * forms[1] + forms[2], rel=1e-5)
    assert forms[1] ** 2 < forms[0] * forms[2]
    assert float(local_form(x, v[0], gamma_max=25.0)) == pytest.approx(forms[0])
    with pytest.raises(OptionError, match="a direction must be a tensor of shape"):
        scorer.local_form(v[:, :1])
