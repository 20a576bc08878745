"""SOAP: it descends where Adam crawls, survives what single precision cannot square, and clips."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from inrcodec.codec.fitting.soap import Soap
from inrcodec.codec.native.denormals import flushed
from inrcodec.errors import FitError


def turned(side: int, seed: int) -> Tensor:
    """A random rotation."""
    random = torch.Generator().manual_seed(seed)
    return torch.linalg.qr(torch.randn(side, side, generator=random))[0]


def error_of(weight: Tensor, wanted: Tensor, scales: Tensor) -> Tensor:
    """A quadratic whose axes are turned against those of the matrix."""
    return ((turned(6, 1) @ (weight - wanted) @ turned(4, 2)).square() * scales).sum()


def test_it_descends_along_turned_axes() -> None:
    wanted = torch.linspace(-1, 1, 24).view(6, 4)
    scales = torch.logspace(0, -5, 24).view(6, 4)
    weight, bias = torch.zeros(6, 4, requires_grad=True), torch.ones(3, requires_grad=True)
    optimizer = Soap({"w": weight, "b": bias}, {"w": 0.03, "b": 0.03})
    for step in range(300):
        (error_of(weight, wanted, scales) + bias.square().sum()).backward()
        optimizer.step(0.5 * (1 + math.cos(math.pi * step / 300)), 1e9)
        assert weight.grad is None
    assert (weight - wanted).abs().max() < 0.1
    assert bias.abs().max() < 0.01


@pytest.mark.parametrize("scale", [1.0, 1e-8, 1e-16, 1e-24, 0.0])
@pytest.mark.parametrize("flush", [True, False])
def test_small_gradients_move_little(scale: float, flush: bool) -> None:
    random = torch.Generator().manual_seed(3)
    weight = torch.zeros(2, 22, requires_grad=True)
    optimizer = Soap({"w": weight, "b": torch.zeros(1)}, {"w": 0.1, "b": 0.1})
    with flushed(flush):
        for _ in range(25):
            weight.grad = scale * torch.randn(2, 22, generator=random)
            weight.grad[:, 5:] = 0
            optimizer.step(1.0, 1e9)
            assert torch.isfinite(weight).all()
    assert float(weight.detach().abs().max()) <= 25 * 0.1 * math.sqrt(22)


def test_all_gradients_are_clipped_together() -> None:
    for factor in (1.0, 1000.0):
        weight, bias = torch.zeros(3, 3, requires_grad=True), torch.zeros(2, requires_grad=True)
        optimizer = Soap({"w": weight, "b": bias}, {"w": 0.1, "b": 0.1})
        for scale in (1.0, factor):
            weight.grad, bias.grad = scale * torch.eye(3), scale * torch.ones(2)
            optimizer.step(1.0, 2.0)
        if factor == 1.0:
            first = weight.detach().clone(), bias.detach().clone()
    assert torch.allclose(weight.detach(), first[0], atol=0.05)
    assert torch.allclose(bias.detach(), first[1], atol=0.05)


def test_a_gradient_that_is_no_number_ends_the_fit() -> None:
    weight = torch.zeros(3, 3, requires_grad=True)
    optimizer = Soap({"w": weight, "b": torch.zeros(1)}, {"w": 0.1, "b": 0.1})
    weight.grad = torch.full((3, 3), math.nan)
    with pytest.raises(FitError, match="not finite"):
        optimizer.step(1.0, 1.0)
