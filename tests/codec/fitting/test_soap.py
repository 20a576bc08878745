"""SOAP: it descends where Adam crawls, survives what single precision cannot square, clips, and is
what it is in torch."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.utils import clip_grad_norm_

from inrcodec.codec.fitting.coolchic.stacked.turned_adam import TurnedAdam
from inrcodec.codec.fitting.optimizer import Adam
from inrcodec.codec.fitting.soap import BASIS_EVERY, Soap
from inrcodec.codec.native.denormals import flushed
from inrcodec.errors import FitError

Arrays = dict[str, np.ndarray]


def turned(side: int, seed: int) -> np.ndarray:
    """A random rotation."""
    random = torch.Generator().manual_seed(seed)
    return torch.linalg.qr(torch.randn(side, side, generator=random))[0].numpy()


LEFT, RIGHT = turned(6, 1), turned(4, 2)


def gradient_of(weight: np.ndarray, wanted: np.ndarray, scales: np.ndarray) -> np.ndarray:
    """That of a quadratic whose axes are turned against those of the matrix."""
    along = LEFT @ (weight - wanted) @ RIGHT
    return (LEFT.T @ (2 * scales * along) @ RIGHT.T).astype(np.float32)


def test_it_descends_along_turned_axes() -> None:
    wanted = np.linspace(-1, 1, 24).reshape(6, 4)
    scales = np.logspace(0, -5, 24).reshape(6, 4)
    weight, bias = np.zeros((6, 4), np.float32), np.ones(3, np.float32)
    optimizer = Soap({"w": weight, "b": bias}, {"w": 0.03, "b": 0.03})
    for step in range(300):
        gradients = {"w": gradient_of(weight, wanted, scales), "b": 2 * bias}
        optimizer.step(gradients, 0.5 * (1 + math.cos(math.pi * step / 300)), 1e9)
    assert np.abs(weight - wanted).max() < 0.1
    assert np.abs(bias).max() < 0.01


@pytest.mark.parametrize("scale", [1.0, 1e-8, 1e-16, 1e-24, 0.0])
@pytest.mark.parametrize("flush", [True, False])
def test_small_gradients_move_little(scale: float, flush: bool) -> None:
    random = np.random.default_rng(3)
    weight, bias = np.zeros((2, 22), np.float32), np.zeros(1, np.float32)
    optimizer = Soap({"w": weight, "b": bias}, {"w": 0.1, "b": 0.1})
    with flushed(flush):
        for _ in range(25):
            gradient = (scale * random.standard_normal((2, 22))).astype(np.float32)
            gradient[:, 5:] = 0
            optimizer.step({"w": gradient, "b": np.zeros(1, np.float32)}, 1.0, 1e9)
            assert np.isfinite(weight).all()
    assert np.abs(weight).max() <= 25 * 0.1 * math.sqrt(22)


def test_all_gradients_are_clipped_together() -> None:
    found = []
    for factor in (1.0, 1000.0):
        weight, bias = np.zeros((3, 3), np.float32), np.zeros(2, np.float32)
        optimizer = Soap({"w": weight, "b": bias}, {"w": 0.1, "b": 0.1})
        for scale in (1.0, factor):
            gradients = {"w": np.eye(3) * scale, "b": np.ones(2) * scale}
            optimizer.step({n: g.astype(np.float32) for n, g in gradients.items()}, 1.0, 2.0)
        found.append((weight, bias))
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, atol=0.05)


def test_a_gradient_that_is_no_number_ends_the_fit() -> None:
    weight, bias = np.zeros((3, 3), np.float32), np.zeros(1, np.float32)
    optimizer = Soap({"w": weight, "b": bias}, {"w": 0.1, "b": 0.1})
    with pytest.raises(FitError, match="not finite"):
        optimizer.step({"w": np.full_like(weight, np.nan), "b": bias}, 1.0, 1.0)
    assert not weight.any()


class SoapInTorch:
    """SOAP of one matrix and Adam of one vector, in torch."""

    def __init__(self, weight: Tensor, bias: Tensor, rate: float) -> None:
        self.weight, self.bias, self.rate = weight, bias, rate
        self.turned = TurnedAdam(weight.detach()[None])
        self.adam = Adam({"b": bias}, {"b": rate})

    @torch.no_grad()
    def step(self, most_norm: float) -> None:
        clip_grad_norm_([self.weight, self.bias], most_norm)
        assert self.weight.grad is not None
        self.weight -= self.rate * self.turned.step(self.weight.grad[None])[0]
        self.adam.step(1.0)


def test_it_is_what_it_is_in_torch() -> None:
    """Square gradients, which leave no direction of the first bases open."""
    random = np.random.default_rng(5)
    arrays = {name: np.zeros((4, 4), np.float32) for name in ("w", "v")}
    arrays["b"] = np.zeros(3, np.float32)
    optimizer = Soap(arrays, dict.fromkeys(arrays, 0.1))
    tensors = {name: torch.zeros(value.shape, requires_grad=True) for name, value in arrays.items()}
    twin = SoapInTorch(tensors["w"], tensors["b"], 0.1)
    mixing = random.standard_normal((4, 4))
    for _ in range(3 * BASIS_EVERY):
        drawn = {"w": random.standard_normal((4, 4)) @ mixing, "b": random.standard_normal(3)}
        gradients = {name: value.astype(np.float32) for name, value in drawn.items()}
        for name, gradient in gradients.items():
            tensors[name].grad = torch.tensor(gradient)
        optimizer.step({**gradients, "v": np.zeros((4, 4), np.float32)}, 1.0, 2.0)
        twin.step(2.0)
    for name in ("w", "b"):
        np.testing.assert_allclose(arrays[name], tensors[name].detach().numpy(), atol=2e-3)
    assert np.abs(arrays["w"]).max() > 0.1
    assert not arrays["v"].any()


NONZERO = {
    0: ("-0x1.8ab0fep-34", "0x1.13bf94p-30"),
    4: ("-0x1.d17978p-30", "0x1.3d1768p-30"),
    5: ("-0x1.d2079ep-35", "0x1.0b03acp-29"),
    6: ("0x1.6e1a76p-31", "0x1.a88b38p-31"),
    16: ("0x1.6fdf82p-16", "-0x1.5f41ccp-17"),
    20: ("0x1.e53e0cp-15", "0x1.1689c6p-11"),
    21: ("0x1.6d5a82p-20", "-0x1.a5801ep-19"),
}
"""Columns of a gradient (2, 22) of an image of 2 x 2 pixels, whose other columns are zeros."""


def test_a_gradient_of_low_rank_moves_by_numbers() -> None:
    """Torch's eigenvectors of its moments are no numbers in single precision."""
    gradient = np.zeros((2, 22), np.float32)
    for column, values in NONZERO.items():
        gradient[:, column] = [float.fromhex(value) for value in values]
    matrix = np.zeros_like(gradient)
    Soap({"a": matrix}, {"a": 0.1}).step({"a": gradient}, 1.0, 1.0)
    turned = TurnedAdam(torch.zeros(1, 2, 22)).step(torch.from_numpy(gradient)[None])
    assert np.isfinite(matrix).all()
    np.testing.assert_allclose(matrix, -0.1 * turned[0].numpy(), rtol=1e-3, atol=1e-6)
