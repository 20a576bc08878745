"""The two ways to make the gradients of a step agree, whatever the loss."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from inrcodec.codec import native
from inrcodec.codec.coolchic import windows
from inrcodec.codec.coolchic.model import grids_model
from inrcodec.codec.fitting.coolchic import initialisation
from inrcodec.codec.fitting.coolchic.step import (
    CompiledGradients,
    Cost,
    Rounding,
    Situation,
    TorchGradients,
    gradients_of,
)
from inrcodec.codec.fitting.losses import LOSSES, Distortion, loss_of
from inrcodec.codec.fitting.robust import Robust, backward_of, plain
from inrcodec.codec.format.header import Family

pytestmark = pytest.mark.skipif(native.library() is None, reason="installed without kernels")

MODEL = grids_model(Family.COOLCHIC, 80, 64)
LMBDA = 2e-3


def distortion_of(case: str, target: torch.Tensor) -> Distortion:
    if case == "bounded":
        return Distortion(LOSSES["mse"], target * 1.4 - 0.2)
    shown = torch.rand(1, *target.shape[1:]) if case == "shown" else None
    loss = LOSSES["mse"] if case in ("mse", "shown") else loss_of(case)
    return Distortion(loss, target, shown)


@pytest.mark.parametrize("case", ["mse", "lcssim", "shown", "bounded"])
@pytest.mark.parametrize("rounding", [Rounding(0.3, 0.15), None])
def test_both_ways_agree(case: str, rounding: Rounding | None) -> None:
    torch.manual_seed(3)
    target = torch.rand(3, MODEL.height, MODEL.width)
    distortion = distortion_of(case, target)
    values, latents = initialisation.trained(MODEL, target, 20, LMBDA)
    found: list[tuple[Cost, dict[str, torch.Tensor]]] = []
    for way in (CompiledGradients, TorchGradients):
        noise = torch.Generator().manual_seed(5)
        given = (MODEL, (13,), noise) if way is CompiledGradients else (MODEL, (13,), plain, noise)
        parameters = {n: torch.tensor(v, requires_grad=True) for n, v in values.items()}
        grids = [y.clone() for y in latents]
        grids[13].zero_()
        here = Situation(parameters, grids, windows.whole(MODEL), rounding, LMBDA, distortion)
        cost = way(*given)(here)
        found.append((cost, {n: t.grad for n, t in parameters.items() if t.grad is not None}))
    (ours, by), (theirs, wanted) = found
    assert ours[:3] == pytest.approx(theirs[:3], rel=1e-4)
    assert [g is None for g in ours.by_latents] == [g is None for g in theirs.by_latents]
    for one, other in zip(ours.by_latents, theirs.by_latents, strict=True):
        if one is not None and other is not None:
            assert (one - other).norm() <= 1e-3 * other.norm()
    assert by.keys() == wanted.keys()
    for name, gradient in by.items():
        assert (gradient - wanted[name]).norm() <= 1e-3 * wanted[name].norm() + 1e-7, name


def test_who_takes_which_way() -> None:
    noise = torch.Generator()
    assert isinstance(gradients_of(MODEL, (), plain, noise, whole=True), CompiledGradients)
    assert isinstance(gradients_of(MODEL, (), plain, noise, whole=False), TorchGradients)
    robust = backward_of(Robust("noise", 1e-3), MODEL.units, 0)
    assert isinstance(gradients_of(MODEL, (), robust, noise, whole=True), TorchGradients)
    other = grids_model(Family.COOLCHIC_V2, 80, 64)
    assert isinstance(gradients_of(other, (), plain, noise, whole=True), TorchGradients)


def test_a_loss_that_is_not_finite_is_told() -> None:
    target = torch.rand(3, MODEL.height, MODEL.width)
    values, latents = initialisation.trained(MODEL, target, 20, LMBDA)
    parameters = {n: torch.tensor(v, requires_grad=True) for n, v in values.items()}
    way = CompiledGradients(MODEL, (), torch.Generator())
    distortion = Distortion(LOSSES["mse"], target * np.nan)
    here = Situation(parameters, latents, windows.whole(MODEL), None, LMBDA, distortion)
    cost = way(here)
    assert not np.isfinite(cost.distortion)
