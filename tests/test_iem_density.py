"""The demonstration of IEM on densities that can be drawn, at a small size."""

import pytest
import torch

from benchmarks.figures.iem_density import circle, distances, grid, metric_tensors, three_lumps


def test_the_denoiser_is_the_posterior_mean() -> None:
    """Tweedie: y + s^2 times the gradient of the log of the blurred density."""
    lumps, sigma = three_lumps(), 0.3
    points = grid(4).requires_grad_()
    (slope,) = torch.autograd.grad(lumps.density(points, sigma).log().sum(), points)
    noisy = torch.cat([points, torch.ones_like(points[:, :1])], 1)[..., None, None]
    expected = points + sigma**2 * slope
    found = lumps.denoise(noisy, sigma)
    assert torch.allclose(found[:, :2, 0, 0], expected, atol=1e-9)
    assert not found[:, 2].any()


def test_a_step_across_the_circle_is_longer_than_one_along_it() -> None:
    points = torch.tensor([[0.55, 0.0], [0.0, -0.55]], dtype=torch.float64)
    first, second = metric_tensors(points, circle().denoise, seeds=16)
    assert first[0, 0] > 1.5 * first[1, 1]
    assert second[1, 1] > 1.5 * second[0, 0]


def test_the_metric_is_that_of_distances_nearby() -> None:
    lumps, at = three_lumps(), torch.tensor([0.1, -0.2], dtype=torch.float64)
    step = torch.tensor([3e-4, -2e-4], dtype=torch.float64)
    (form,) = metric_tensors(at[None], lumps.denoise, seeds=4)
    ahead, behind = distances(at, torch.stack([at + step, at - step]), lumps.denoise, seeds=4)
    assert float(ahead + behind) / 2 == pytest.approx(float(step @ form @ step) ** 0.5, rel=1e-4)
