"""Complex Gabor wavelets in compiled kernels against the same in torch, and against numpy."""

import numpy as np
import pytest
import torch
from torch import Tensor

from inrcodec.codec import native
from inrcodec.codec.native.pool import kernel_threads
from inrcodec.codec.networks import wavelets

needs_kernels = pytest.mark.skipif(native.library() is None, reason="no compiled kernels")


def drawn(*shape: int, size: float = 1.0, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)) * size


def near(found: Tensor, wanted: Tensor) -> None:
    found, wanted = found.detach(), wanted.detach()
    torch.testing.assert_close(found, wanted, rtol=3e-6, atol=3e-6 * float(wanted.abs().max()))


@needs_kernels
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("shape", [(2, 1), (6, 7), (4, 64), (18, 1900)])
def test_kernels_equal_torch(shape: tuple[int, int], threads: int) -> None:
    z, by_made = drawn(*shape, size=4.0).requires_grad_(), drawn(*shape, seed=1)
    wanted = wavelets.in_torch(z, 0.5)
    with kernel_threads(threads):
        made = wavelets.wavelets(z, 0.5)
        (by_z,) = torch.autograd.grad(made, z, by_made)
    near(made, wanted)
    near(by_z, torch.autograd.grad(wanted, z, by_made)[0])


def test_wavelets_are_those_of_the_paper() -> None:
    z = drawn(10, 50)
    u, v = z.numpy().astype(np.float64).reshape(2, 5, 50)
    wanted = np.exp(1j * (u + 1j * v) - (0.7 * np.abs(u + 1j * v)) ** 2)
    made = wavelets.wavelets(z, 0.7).numpy().reshape(2, 5, 50)
    np.testing.assert_allclose(made[0] + 1j * made[1], wanted, atol=2e-6)


def test_far_from_their_centre_they_are_nothing_and_not_subnormal() -> None:
    z = torch.tensor([[30.0, -1e4, 0.0], [0.0, 1e4, 80.0]])
    made = wavelets.wavelets(z, 0.5)
    sizes = made.view(2, -1).square().sum(0).sqrt()
    assert float(sizes.max()) < 1e-17
    assert float(sizes.min()) > 1e-18


def test_linear_is_a_product_of_complex_matrices() -> None:
    weight, bias, hidden = drawn(2, 3, 4), drawn(2, 3, seed=1), drawn(8, 5, seed=2)
    made = wavelets.linear(weight, bias, hidden, None).view(2, 3, 5)
    wanted = torch.complex(*weight) @ torch.complex(*hidden.view(2, 4, 5))
    wanted = wanted + torch.complex(*bias)[:, None]
    torch.testing.assert_close(torch.complex(*made), wanted)


def test_gradients_can_be_differentiated_again() -> None:
    z = drawn(4, 6).requires_grad_()

    def squared_slope(values: Tensor) -> Tensor:
        (by_z,) = torch.autograd.grad(values.square().sum(), z, create_graph=True)
        return torch.autograd.grad(by_z.square().sum(), z)[0]

    near(squared_slope(wavelets.wavelets(z, 0.5)), squared_slope(wavelets.in_torch(z, 0.5)))
